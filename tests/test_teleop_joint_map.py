"""From a leader's joints to those of its arm."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from leader_says import leader_state
from teleop_robot import robot

from teleop.device import Array
from teleop.joint_map import JointMap

ROBOT = robot()
LEFT = JointMap(ROBOT, "left")
ARM = ROBOT.places("left")
POSES = st.lists(st.floats(-4.0, 4.0), min_size=7, max_size=7).map(np.array)


@settings(deadline=None)
@given(POSES)
def test_an_arm_is_led_to_its_leaders_pose_within_its_own_ranges(pose: Array) -> None:
    led = LEFT.led(leader_state("left", pose), 0)
    assert led == pytest.approx(np.clip(pose, ROBOT.lower[ARM], ROBOT.upper[ARM]))


def test_the_beat_of_two_clocks_is_no_tremble() -> None:
    speed = np.array([1.0, -0.5, 0.3, 0.0, 0.2, 2.0, 0.4])
    draw = np.random.default_rng(1)
    for _ in range(50):
        sampled_ns = int(draw.integers(0, 10**9))
        state = leader_state("left", speed * sampled_ns * 1e-9, t_ns=sampled_ns)
        now_ns = sampled_ns + int(draw.integers(0, 30_000_000))
        led = LEFT.led(replace(state, velocity=speed), now_ns)
        there = np.clip(speed * now_ns * 1e-9, ROBOT.lower[ARM], ROBOT.upper[ARM])
        assert led[:6] == pytest.approx(there[:6])
        assert led[6] == pytest.approx(state.position[6])


@pytest.mark.parametrize(("age_ms", "ahead_rad"), [(-5, 0.0), (500, 0.03)])
def test_what_is_old_is_not_taken_to_have_gone_on_for_long(age_ms: int, ahead_rad: float) -> None:
    state = replace(leader_state("left", np.zeros(7), t_ns=10**9), velocity=np.ones(7))
    led = LEFT.led(state, 10**9 + age_ms * 1_000_000)
    assert led[0] == pytest.approx(ahead_rad)


def test_joints_are_matched_by_name_not_by_place() -> None:
    pose = np.linspace(-0.3, 0.3, 7)
    state = leader_state("left", pose)
    turned = replace(
        state, joints=state.joints[::-1], position=pose[::-1], written=state.written[::-1]
    )
    assert LEFT.led(turned, 0) == pytest.approx(LEFT.led(state, 0))
    assert LEFT.told(turned) == pytest.approx(LEFT.told(state))


def test_a_leader_without_a_joint_of_its_arm_is_told_with_a_remedy() -> None:
    state = leader_state("right", np.zeros(7))
    with pytest.raises(ValueError, match=r"leader_right has no joints left_waist.*same joints"):
        LEFT.led(state, 0)


@settings(deadline=None)
@given(POSES, st.integers(-1, 1))
def test_whole_turns_do_not_set_a_leader_apart(pose: Array, turns: int) -> None:
    arm = pose.copy()
    arm[3] += 2.0 * np.pi * turns
    assert LEFT.apart(leader_state("left", pose), arm) == pytest.approx(np.zeros(7), abs=1e-9)


def test_a_gripper_knows_no_turns() -> None:
    pose = np.zeros(7)
    arm = pose.copy()
    arm[-1] = 2.0 * np.pi
    assert LEFT.apart(leader_state("left", pose), arm)[-1] == pytest.approx(2.0 * np.pi)


def test_an_arm_takes_its_part_of_a_whole_pose() -> None:
    pose = np.arange(14.0)
    assert JointMap(ROBOT, "right").of_all(pose) == pytest.approx(np.arange(7.0, 14.0))


def test_a_leader_of_no_arm_is_refused() -> None:
    with pytest.raises(ValueError, match="no joints of an arm 'middle'"):
        JointMap(ROBOT, "middle")
