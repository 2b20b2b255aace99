"""A leader's gripper as a trigger."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teleop.squeeze import DEPTH, LONGEST_NS, STEADY_NS, TWICE_NS, Squeeze

TICK_NS = 10_000_000
STILL = STEADY_NS // TICK_NS
Place = tuple[float, float | None]


def fired(places: list[Place], tick_ns: int = TICK_NS) -> list[int]:
    """Return at which of the places, each with what the motor is told, it was squeezed."""
    squeeze = Squeeze()
    return [i for i, (at, told) in enumerate(places) if squeeze.look(i * tick_ns, at, told)]


def held(*places: float, told: float = 0.8) -> list[Place]:
    """Return places of a gripper whose motor has held it there for a while."""
    return [*[(told, told)] * STILL, *[(place, told) for place in places]]


def free(*places: float) -> list[Place]:
    return [(place, None) for place in places]


def test_pressed_against_its_motor_and_let_go_it_fires_once() -> None:
    assert fired(held(0.4, 0.3, 0.78, 0.8)) == [STILL + 2]


def test_while_it_is_pressed_nothing_happens_yet() -> None:
    assert fired(held(0.4, 0.3, 0.3)) == []


def test_a_hand_that_trembles_fires_once() -> None:
    edge = 0.8 - DEPTH
    assert fired(held(edge - 0.01, edge + 0.01, edge - 0.01, 0.8)) == [STILL + 3]


@pytest.mark.parametrize(("ticks", "fires"), [(-2, True), (2, False)])
def test_fingers_that_rest_on_it_are_no_squeeze(ticks: int, fires: bool) -> None:
    pressed = [0.3] * (LONGEST_NS // TICK_NS + ticks)
    assert bool(fired(held(*pressed, 0.8))) == fires


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0.0, 1.0), st.floats(-0.2, 0.2)), max_size=60))
def test_a_gripper_that_is_near_what_it_is_told_is_not_squeezed(
    places: list[tuple[float, float]],
) -> None:
    assert fired([(told + off, told) for told, off in places]) == []


@settings(deadline=None)
@given(st.floats(0.5, 6.0), st.integers(1, 30), st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_a_gripper_that_is_late_on_its_way_is_not_squeezed(
    speed_per_s: float, late: int, start: float, end: float
) -> None:
    step = speed_per_s * 0.01 * (1 if end > start else -1)
    way = [start + i * step for i in range(int(abs(end - start) / abs(step)) + 1)]
    told = [start] * 2 * STILL + way + [way[-1]] * 3 * STILL
    seen = [start] * late + told[: len(told) - late]
    assert fired(list(zip(seen, told, strict=True))) == []


def test_free_it_fires_when_it_closes_twice_within_a_second() -> None:
    assert fired(free(0.8, 0.1, 0.8, 0.1, 0.8)) == [3]


def test_free_it_does_not_fire_for_a_grasp() -> None:
    assert fired(free(0.8, 0.1, 0.1, 0.12, 0.1, 0.8)) == []
    assert fired(free(0.8, 0.1, 0.3, 0.1)) == []


def test_free_it_does_not_fire_when_it_closes_again_later() -> None:
    assert fired(free(0.8, 0.1, 0.8, 0.1), tick_ns=TWICE_NS) == []


def test_what_was_closed_before_it_was_set_free_does_not_count() -> None:
    assert fired([*free(0.8, 0.1), (0.1, 0.1), *free(0.8, 0.1)]) == []


def test_a_press_that_ends_by_a_takeover_is_forgotten() -> None:
    assert fired([*held(0.3), (0.3, None), (0.8, 0.8)]) == []
