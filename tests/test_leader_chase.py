"""Coming after an arm: gently from afar, close behind in motion, whatever the commands' pace."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from teleop_robot import CONFIG

from drivers.chase import CATCH_UP, SHARE, Chase
from motion.limits import JointLimits
from teleop.device import Array

DT_S = 0.01
TICK_NS = 10_000_000
LIMITS = JointLimits.build(("left_waist", "left_gripper"), (-3.0, 0.0), (3.0, 1.0), CONFIG.limits)
START = np.array([0.2, 0.5])


def chased(targets: Array, told: NDArray[np.bool_] | None = None) -> Array:
    """Return the way (N, 2) after targets (N, 2), of which only those `told` (N,) come."""
    chase, way = Chase(LIMITS, DT_S, START), []
    for i, target in enumerate(targets):
        now_ns = (i + 1) * TICK_NS
        if told is None or told[i]:
            chase.aim(target, now_ns)
        way.append(chase.step(now_ns))
    return np.array(way)


def assert_within_limits(way: Array) -> None:
    whole = np.vstack([[START] * 3, way])
    for order, most in ((1, LIMITS.velocity), (2, LIMITS.acceleration), (3, LIMITS.jerk)):
        rate = np.abs(np.diff(whole, order, axis=0)) / DT_S**order
        slack = 1.2 if order == 1 else 1.0 + 1e-6  # it may pass the speed that it wants a little
        assert (rate <= SHARE * slack * most + 1e-6).all(), (order, rate.max(axis=0))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.02, 0.3, 3.0]), st.floats(0.0, 1.0))
def test_whatever_comes_and_whenever_it_stays_within_its_limits(
    seed: int, size: float, share: float
) -> None:
    draw = np.random.default_rng(seed)
    targets = START + draw.normal(0.0, size, (200, 2)) * (draw.random((200, 1)) < 0.2)
    assert_within_limits(chased(targets, draw.random(200) < share))


@pytest.mark.parametrize("gap", [0.001, 0.05, 0.4, -2.0])
def test_it_comes_to_rest_at_a_target_without_swinging_past(gap: float) -> None:
    target = START + gap
    way = chased(np.tile(target, (500, 1)))
    assert way[-1] == pytest.approx(target, abs=1e-6)
    assert (np.sign(gap) * (way - target)).max() < 0.006
    assert_within_limits(way)


def test_from_afar_it_is_no_faster_than_to_catch_up() -> None:
    way = chased(np.tile(START + 2.5, (300, 1)))
    assert np.diff(way, axis=0).max(axis=0) / DT_S == pytest.approx(
        CATCH_UP * LIMITS.velocity, rel=0.05
    )


@pytest.mark.parametrize(("share", "behind_rad"), [(1.0, 0.03), (0.5, 0.1)])
def test_it_is_close_behind_a_motion_even_if_commands_are_missing(
    share: float, behind_rad: float
) -> None:
    t_s = np.arange(800)[:, None] * DT_S
    targets = START + 0.4 * np.sin(2 * np.pi * 0.5 * t_s)  # up to 1.3 rad/s
    draw = np.random.default_rng(3)
    way = chased(targets, draw.random(800) < share)
    assert np.abs(way - targets)[200:].max() < behind_rad


def test_targets_that_stop_coming_are_waited_for_at_the_last() -> None:
    t_s = np.arange(300)[:, None] * DT_S
    targets = START + np.minimum(t_s, 1.0) * 0.5
    way = chased(targets, np.arange(300) < 60)
    assert way[-1] == pytest.approx(targets[59], abs=1e-3)


def test_the_same_target_told_twice_is_one() -> None:
    twice, once = (Chase(LIMITS, DT_S, START) for _ in range(2))
    for chase, times in ((twice, 2), (once, 1)):
        for _ in range(times):
            chase.aim(START + 0.1, TICK_NS)
    assert twice.step(2 * TICK_NS) == pytest.approx(once.step(2 * TICK_NS))
