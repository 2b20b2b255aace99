"""The expert's plan, from the stage that the task has come to."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from motion.handover import HOLD, TRANSFER, Expert, Plan, crowded, duration_s, sampled
from motion.kinematics import ArmKinematics
from motion.sight import ON_TABLE_M, SIDES, Eyes
from simulation.scene import scene_model
from simulation.twin import HOME, Twin

MODEL = scene_model()
TWIN = Twin(MODEL)
EYES = Eyes(MODEL)
ARMS = {side: ArmKinematics(MODEL, side) for side in SIDES}
EXPERT = Expert(MODEL)
CUBE = int(MODEL.joint("red_box_joint").qposadr[0])
OPEN, GRIPS, SHUT = 1.0, 0.6, 0.0

Array = NDArray[np.float64]


class World:
    """The twin's world, arranged by hand."""

    def __init__(self) -> None:
        TWIN.reset(3)
        self.position = HOME.copy()
        self.qpos = TWIN.qpos

    def cube(self, x_m: float, y_m: float, z_m: float = ON_TABLE_M) -> World:
        self.qpos[CUBE : CUBE + 3] = x_m, y_m, z_m
        return self

    def hand(self, side: str, seconds: float, gripper: float) -> World:
        """Put an arm where a plan from home to transfer would have it after some seconds."""
        plan = EXPERT.planned(TRANSFER, HOME, World().cube(0.1, 0.5).qpos)
        joints = sampled(plan[side], np.array([seconds]))[0]
        joints[6] = gripper
        rows = slice(0, 7) if side == "left" else slice(7, 14)
        self.position[rows] = joints
        TWIN.reset(3, self.position)
        cube = self.qpos[CUBE : CUBE + 7].copy()
        self.qpos = TWIN.qpos
        self.qpos[CUBE : CUBE + 7] = cube
        return self

    def tip(self, side: str) -> Array:
        return EYES.sight(self.qpos).hands[side].tip

    def cube_in(self, side: str) -> World:
        return self.cube(*self.tip(side).tolist())

    def planned(self, instruction: str = TRANSFER) -> Plan:
        return EXPERT.planned(instruction, self.position, self.qpos)


def way(plan: Plan, side: str) -> Array:
    """Return an arm's way (T, 7), fifty poses a second."""
    return sampled(plan[side], np.arange(0.0, duration_s(plan), 0.02))


def tips(plan: Plan, side: str) -> Array:
    return np.array([ARMS[side].tip(pose[:6])[0] for pose in way(plan, side)])


GRASPING_S, MEETING_S = 2.1, 4.6


def test_a_plan_begins_where_the_arms_are() -> None:
    world = World().hand("right", 3.0, OPEN).cube(0.05, 0.45)
    plan = world.planned()
    for side, rows in (("left", slice(0, 7)), ("right", slice(7, 14))):
        np.testing.assert_array_equal(way(plan, side)[0], world.position[rows])


def test_a_hand_that_has_the_cube_does_not_open_before_the_other_has_it_too() -> None:
    world = World().hand("right", 3.5, GRIPS)
    plan = world.cube_in("right").planned()
    assert duration_s(plan) < duration_s(World().planned())
    right, left = way(plan, "right")[:, 6], way(plan, "left")[:, 6]
    opening = int(np.argmax(right > GRIPS + 0.01))
    assert opening > 0
    assert left[opening] == pytest.approx(SHUT)
    assert left[:opening].max() == pytest.approx(OPEN)


def test_to_hold_what_is_in_the_hand_is_to_lift_it() -> None:
    world = World().hand("right", 3.0, GRIPS)
    plan = world.cube_in("right").planned(HOLD)
    assert way(plan, "right")[:, 6].max() <= GRIPS
    assert tips(plan, "right")[-1][2] == pytest.approx(0.2, abs=1e-3)
    np.testing.assert_array_equal(way(plan, "left")[-1], world.position[:7])


def test_a_cube_in_the_left_hand_is_let_go_of_by_the_right_one() -> None:
    world = World().hand("left", MEETING_S, GRIPS).hand("right", MEETING_S, GRIPS)
    plan = world.cube_in("left").planned()
    assert way(plan, "right")[-1, 6] == OPEN
    assert way(plan, "left")[:, 6].max() <= GRIPS


def test_a_right_hand_that_is_elsewhere_stays_there_when_the_left_has_the_cube() -> None:
    world = World().hand("left", MEETING_S, GRIPS)
    plan = world.cube_in("left").planned()
    np.testing.assert_array_equal(way(plan, "right")[-1], HOME[7:])


def test_a_hand_beside_the_cube_opens_and_rises_before_it_tries_again() -> None:
    world = World().hand("right", GRASPING_S, SHUT).cube(0.14, 0.5)
    plan = world.planned()
    right, gripper = tips(plan, "right"), way(plan, "right")[:, 6]
    opened = int(np.argmax(gripper > 0.99))
    assert np.abs(right[: opened // 2] - right[0]).max() < 1e-6
    aside = np.linalg.norm((right - [0.14, 0.5, 0.0])[:, :2], axis=1) > 0.01
    top = int(np.argmax(right[:, 2]))
    assert right[: opened + 40, 2].max() > right[0, 2] + 0.07
    assert aside[: opened + 10].all()
    assert top > opened


def test_a_left_hand_where_the_right_one_passes_goes_away_first() -> None:
    world = World().hand("left", MEETING_S, SHUT).hand("right", MEETING_S, OPEN).cube(0.0, 0.5)
    assert crowded(EYES.sight(world.qpos))
    plan = world.planned()
    left, right = tips(plan, "left"), tips(plan, "right")
    assert left[70][0] == pytest.approx(-0.12, abs=1e-3)
    assert right[70][0] > right[0][0] + 0.1
    assert (right[:70, 0] - left[:70, 0]).min() >= right[0][0] - left[0][0] - 0.005


def test_a_left_hand_at_home_is_in_nobodys_way() -> None:
    assert not crowded(EYES.sight(World().qpos))


@pytest.mark.parametrize("instruction", [TRANSFER, HOLD])
@pytest.mark.parametrize("right_s", [0.0, 2.1, 3.4, 4.6])
@pytest.mark.parametrize("left_s", [0.0, 3.4, 4.6])
def test_every_way_is_slow_enough(instruction: str, right_s: float, left_s: float) -> None:
    world = World().hand("left", left_s, OPEN).hand("right", right_s, OPEN).cube(0.05, 0.45)
    plan = world.planned(instruction)
    for side in SIDES:
        speed = np.abs(np.diff(way(plan, side)[:, :6], axis=0)) / 0.02
        assert speed.max() < 2.6  # rad/s; the limit is 3
