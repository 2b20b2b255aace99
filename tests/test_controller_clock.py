"""The plan clock: exact at full speed, bounded in change, standing before the plan ends."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.clock import ACCELERATION, JERK, PlanClock


def test_the_clock_keeps_full_speed_exactly() -> None:
    clock = PlanClock(0.01)
    clock.start(1.0)
    assert {clock.step(1.0, 1.5) for _ in range(100)} == {1.0}


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.floats(0.0, 1.0), st.integers(1, 60)), max_size=8))
def test_the_rate_changes_smoothly_and_stays_within_its_range(
    wanted: list[tuple[float, int]],
) -> None:
    clock, dt = PlanClock(0.01), 0.01
    rates = [0.0, 0.0, *(clock.step(rate) for rate, ticks in wanted for _ in range(ticks))]
    assert min(rates) >= 0.0
    assert max(rates) <= 1.0
    assert np.abs(np.diff(rates)).max() <= ACCELERATION * dt + 1e-9
    assert np.abs(np.diff(rates, 2)).max(initial=0.0) <= JERK * dt**2 + 1e-9


@pytest.mark.parametrize("wanted", [0.0, 0.37, 1.0])
def test_it_reaches_what_is_wanted_exactly(wanted: float) -> None:
    clock = PlanClock(0.01)
    clock.start(0.6)
    for _ in range(150):
        clock.step(wanted)
    assert clock.rate == wanted


@pytest.mark.parametrize("dt", [0.005, 0.01, 0.02])
@pytest.mark.parametrize("rate", [0.2, 0.7, 1.0])
def test_it_stands_before_the_plan_ends(dt: float, rate: float) -> None:
    clock = PlanClock(dt)
    clock.start(rate)
    left_s = 0.5
    for _ in range(round(4.0 / dt)):
        left_s -= dt * clock.step(rate, left_s)
    assert clock.rate == 0.0
    assert 0.0 <= left_s < 0.12


def test_a_stop_is_given_up_when_there_is_clearly_more_plan() -> None:
    clock = PlanClock(0.01)
    clock.start(1.0)
    clock.step(1.0, 0.2)
    assert clock.step(1.0, 0.28) < 1.0
    for _ in range(100):
        clock.step(1.0, 1.0)
    assert clock.rate == 1.0
