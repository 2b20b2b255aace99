"""How the simulated operator's hands move: along the plan, out of a motion, without a step."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from motion.handover import Plan, Waypoint
from simulation.twin import JOINTS
from teleop.operator_hand import Hands, faded, tremor

TICK_NS = 10_000_000
ARMS = np.r_[0:6, 7:13]
STILL = np.zeros(14)

Array = NDArray[np.float64]


def still(_since_s: float) -> Array:
    return np.zeros(14)


def way(goal: float, start: float = 0.0) -> Plan:
    return {
        side: [Waypoint(0.0, np.full(7, start)), Waypoint(1.0, np.full(7, goal))]
        for side in ("left", "right")
    }


def test_hands_go_along_the_plan_and_stay_at_its_end() -> None:
    hands = Hands(way(0.4), 0, STILL, still, 0)
    np.testing.assert_allclose(hands.pose(0), 0.0)
    np.testing.assert_allclose(hands.pose(500_000_000), 0.2)
    np.testing.assert_allclose(hands.pose(3_000_000_000), 0.4)


def left(offset: Array, velocity: Array, since_s: float) -> Array:
    rest: Array = faded(offset, velocity, np.array([since_s]))[0]
    return rest


def test_a_motion_under_way_goes_on_and_fades() -> None:
    velocity = np.linspace(-1.0, 1.0, 14)
    np.testing.assert_allclose(left(STILL, velocity, 0.0), 0.0)
    np.testing.assert_allclose(left(STILL, velocity, 1e-4) / 1e-4, velocity, rtol=1e-3)
    assert np.abs(left(STILL, velocity, 0.1)).max() > 0.05
    np.testing.assert_allclose(left(STILL, velocity, 0.4), 0.0, atol=1e-12)
    np.testing.assert_allclose(left(STILL, velocity, 9.0), 0.0, atol=1e-12)


def test_what_lies_between_hands_and_plan_fades() -> None:
    offset = np.linspace(-1.0, 1.0, 14)
    np.testing.assert_array_equal(left(offset, STILL, 0.0), offset)
    np.testing.assert_allclose(left(offset, STILL, 0.2), 0.5 * offset)
    np.testing.assert_allclose(left(offset, STILL, 0.4), 0.0, atol=1e-12)


@pytest.mark.parametrize("begins", [0.2, 0.0])
def test_a_new_plan_in_mid_motion_makes_no_step_and_no_kink(begins: float) -> None:
    first = Hands(way(0.6), 0, STILL, still, 0)
    at_ns = 40 * TICK_NS
    second = first.replanned(way(-0.3, begins), at_ns)
    before = [first.pose(i * TICK_NS) for i in range(41)]
    after = [second.pose(i * TICK_NS) for i in range(41, 120)]
    steps = np.diff(np.array(before + after), axis=0)
    assert np.abs(np.diff(steps, axis=0)).max() / 0.01**2 < 20  # rad/s^2


@settings(max_examples=25, deadline=None)
@given(
    goals=st.lists(st.floats(-1.0, 1.0), min_size=2, max_size=4),
    begins=st.floats(-0.3, 0.3),
    after=st.lists(st.integers(0, 60), min_size=3, max_size=3),
)
def test_hands_never_jump_however_often_they_change_their_mind(
    goals: list[float], begins: float, after: list[int]
) -> None:
    hands = Hands(way(goals[0]), 0, STILL, still, 0)
    tick, poses = 0, [hands.pose(0)]
    for goal, ticks in zip(goals[1:], after, strict=False):
        for _ in range(ticks):
            tick += 1
            poses.append(hands.pose(tick * TICK_NS))
        start = float(hands.meant(tick * TICK_NS)[0]) + begins
        hands = hands.replanned(way(goal, start), tick * TICK_NS)
    poses += [hands.pose((tick + i) * TICK_NS) for i in range(1, 120)]
    steps = np.diff(np.array(poses), axis=0)
    # A plan, what is left of an offset, and of a velocity, each at its quickest.
    assert np.abs(steps).max() < 0.01 * (1.875 * 2.6 / 1.0 + 1.875 * 0.3 / 0.4 + 8.0)
    assert np.abs(np.diff(steps, axis=0)).max() < 0.01**2 * (5.8 * 2.6 + 5.8 * 0.3 / 0.16 + 80.0)
    np.testing.assert_allclose(poses[-1], hands.plan["left"][-1].joints[0], atol=1e-9)


def test_hands_tremble_slowly_by_as_much_as_they_shall() -> None:
    shake = tremor(np.random.default_rng(3), JOINTS, 0.003)
    waves = np.array([shake(2.0 + i * 0.01) for i in range(20_000)])
    assert np.sqrt((waves[:, ARMS] ** 2).mean()) == pytest.approx(0.003, rel=0.1)
    assert np.abs(np.diff(waves, axis=0)).max() < 0.001
    assert not waves[:, [6, 13]].any()


def test_hands_that_take_hold_do_not_tremble_yet() -> None:
    shake = tremor(np.random.default_rng(3), JOINTS, 0.003)
    np.testing.assert_array_equal(shake(0.0), 0.0)
    assert np.abs(shake(0.02)).max() < 1e-4


def test_every_draw_trembles_otherwise_and_every_seed_alike() -> None:
    draw = np.random.default_rng(3)
    first, second = tremor(draw, JOINTS, 0.003), tremor(draw, JOINTS, 0.003)
    again = tremor(np.random.default_rng(3), JOINTS, 0.003)
    assert np.abs(first(1.0) - second(1.0)).max() > 0.0
    np.testing.assert_array_equal(first(1.0), again(1.0))


def test_hands_that_are_still_tremble_less() -> None:
    def shake(_since_s: float) -> Array:
        return np.full(14, 0.002)

    hands = Hands(way(1.0), 0, STILL, shake, 0)
    quick, still_ns = 500_000_000, 2_000_000_000
    np.testing.assert_allclose(hands.pose(quick) - hands.meant(quick), 0.002)
    np.testing.assert_allclose(hands.pose(still_ns) - hands.meant(still_ns), 0.0006)
