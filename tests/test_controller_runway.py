"""The plan clock: exact at full speed, bounded in change, standing before the plan ends."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.runway import (
    ACCELERATION,
    CAUTION,
    JERK,
    LatencyWindow,
    PlanClock,
    affordable_rate,
    feasible_rates,
)
from motion.limits import JointLimits, LimitsConfig

LIMITS = JointLimits.build(("a_one", "a_two"), [-9, -9], [9, 9], LimitsConfig())


def test_warm_up_is_left_out_and_the_old_is_forgotten() -> None:
    window = LatencyWindow(size=10, skip=2)
    assert window.percentile(95.0) == 0.0
    for value in (9.0, 9.0, 5.0, *[0.1] * 9):
        window.add(value)
    assert window.percentile(95.0) == 5.0
    window.add(0.1)
    assert window.percentile(95.0) == 0.1
    assert window.percentile(0.0) == 0.1


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


def test_a_plan_that_lasts_is_run_at_full_speed() -> None:
    assert affordable_rate(1.0, 0.3) == 1.0
    assert affordable_rate(0.1, 0.0) == 1.0


def test_a_plan_that_does_not_last_is_run_slower() -> None:
    assert affordable_rate(0.33, 0.6) == pytest.approx(0.5)
    assert affordable_rate(0.0, 0.6) == 0.0


def test_a_plan_within_limits_is_feasible() -> None:
    rows = np.linspace(0.0, 1.0, 100)[:, None] * np.ones((1, 2))
    assert feasible_rates(rows, LIMITS, 0.01).tolist() == [1.0] * 100


@pytest.mark.parametrize("factor", [1.0, 2.0, 5.0])
def test_a_plan_that_is_too_fast_is_stretched_to_its_limits(factor: float) -> None:
    rows = factor * 0.03 * np.arange(100)[:, None] * np.ones((1, 2))
    rates = feasible_rates(rows, LIMITS, 0.01)
    assert rates[50] == pytest.approx(min(CAUTION[0] / factor, 1.0))


def test_a_resting_plan_is_feasible() -> None:
    assert feasible_rates(np.zeros((1, 2)), LIMITS, 0.01).tolist() == [1.0]
