"""A leader's gripper as a trigger."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from teleop.squeeze import DEPTH, TWICE_NS, Squeeze

TICK_NS = 10_000_000


def fired(places: list[tuple[float, float | None]], tick_ns: int = TICK_NS) -> list[int]:
    """Return at which of the places, each with what the motor is told, it was squeezed."""
    squeeze = Squeeze()
    return [i for i, (at, told) in enumerate(places) if squeeze.look(i * tick_ns, at, told)]


def free(*places: float) -> list[tuple[float, float | None]]:
    return [(place, None) for place in places]


def test_pressed_against_its_motor_and_let_go_it_fires_once() -> None:
    assert fired([(0.8, 0.8), (0.4, 0.8), (0.3, 0.8), (0.78, 0.8), (0.8, 0.8)]) == [3]


def test_while_it_is_pressed_nothing_happens_yet() -> None:
    assert fired([(0.8, 0.8), (0.4, 0.8), (0.3, 0.8)]) == []


def test_a_hand_that_trembles_fires_once() -> None:
    edge = 0.8 - DEPTH
    assert fired([(edge - 0.01, 0.8), (edge + 0.01, 0.8), (edge - 0.01, 0.8), (0.8, 0.8)]) == [3]


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0.0, 1.0), st.floats(-0.2, 0.2)), max_size=60))
def test_a_gripper_that_is_near_what_it_is_told_is_not_squeezed(
    places: list[tuple[float, float]],
) -> None:
    assert fired([(told + off, told) for told, off in places]) == []


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
    assert fired([(0.3, 0.8), (0.3, None), (0.8, 0.8)]) == []
