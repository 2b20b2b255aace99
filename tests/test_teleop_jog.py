"""Moving one arm by pushes: by its joints, by its hand, never further than the arm can follow."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import mujoco
import numpy as np
import pytest
from teleop_robot import TICK_NS, robot, seen

from motion.kinematics import ArmKinematics
from simulation.scene import save_model
from teleop.device import Array, DeviceError, Reading, View
from teleop.jog import Jog, JogConfig, Push

ROBOT = robot()
HOME = ROBOT.home
STILL = Push()


def push(axis: int = 0, way: float = 1.0, gripper: float = 0.0) -> Push:
    axes = np.zeros(6)
    axes[axis] = way
    return Push(axes, gripper)


class Pushed:
    """A jog in time, whose arms follow it at once unless they are stuck."""

    def __init__(self, config: JogConfig) -> None:
        self.jog = Jog(config, ROBOT)
        self.jog.open()
        self.view: View = seen(engaged=True)
        self.stuck = False
        self.now_ns = 0
        self.tick(STILL)

    def tick(self, pushed: Push) -> Reading:
        self.now_ns += TICK_NS
        reading = self.jog.reading(pushed, self.view, self.now_ns)
        assert reading is not None
        assert reading.relative
        if not self.stuck and self.view.command is not None:
            command = self.view.command.copy()
            command[ROBOT.places(self.jog.arm)] = reading.position
            self.view = replace(self.view, command=command)
        return reading

    def ticks(self, pushed: Push, count: int) -> Array:
        return np.array([self.tick(pushed).position for _ in range(count)])


@pytest.fixture
def joints() -> Pushed:
    return Pushed(JogConfig())


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scene") / "scene.mjb"
    save_model(path)
    return path


@pytest.fixture
def hand(scene: Path) -> Pushed:
    return Pushed(JogConfig(model_path=scene))


def test_a_push_moves_its_joint_alone_and_up_to_its_speed(joints: Pushed) -> None:
    way = joints.ticks(push(1, -1.0), 100)
    speed = np.diff(way, axis=0) / 0.01
    assert speed[0, 1] > -0.1
    assert speed[-1, 1] == pytest.approx(-JogConfig().joint_rad_s, rel=1e-2)
    assert np.delete(way[-1], 1) == pytest.approx(np.delete(HOME[:7], 1))


def test_let_go_it_comes_to_a_stop(joints: Pushed) -> None:
    joints.ticks(push(), 50)
    way = joints.ticks(STILL, 150)
    assert np.abs(np.diff(way[-2:], axis=0)).max() < 1e-5


def test_the_gripper_opens_and_closes_within_its_range(joints: Pushed) -> None:
    assert joints.ticks(push(way=0.0, gripper=1.0), 300)[-1, -1] == pytest.approx(1.0)
    assert joints.ticks(push(way=0.0, gripper=-1.0), 300)[-1, -1] == pytest.approx(0.0)


def test_until_somebody_engages_it_is_where_the_arm_is(joints: Pushed) -> None:
    joints.view = seen(HOME + 0.1)
    assert joints.tick(push()).position == pytest.approx(HOME[:7] + 0.1)
    joints.view = seen(HOME + 0.2, engaged=True, rewinding=True)
    assert joints.tick(push()).position == pytest.approx(HOME[:7] + 0.2)


def test_it_does_not_run_away_from_an_arm_that_cannot_follow(joints: Pushed) -> None:
    joints.stuck = True
    ahead = joints.ticks(push(), 300)[-1, 0] - HOME[0]
    assert 0.1 < ahead <= 0.15
    joints.ticks(push(way=-1.0), 60)
    assert joints.tick(STILL).position[0] < HOME[0] + ahead - 0.1


def test_another_arm_begins_where_it_is(joints: Pushed) -> None:
    joints.ticks(push(), 50)
    joints.jog.next_arm()
    reading = joints.tick(push())
    assert reading.joints == ROBOT.joints[7:]
    assert reading.position == pytest.approx(HOME[7:])
    assert "right joints" in joints.jog.note()
    joints.jog.next_arm()
    assert joints.jog.arm == "left"


def test_a_long_pause_is_no_long_step(joints: Pushed) -> None:
    joints.ticks(push(), 100)
    before = joints.tick(push()).position[0]
    joints.now_ns += 10**9
    assert joints.tick(push()).position[0] - before < 0.03


def test_before_anybody_knows_where_the_arm_is_there_is_nothing_to_say() -> None:
    assert Jog(JogConfig(), ROBOT).reading(push(), View(), 1) is None


def test_without_a_model_there_is_no_hand_space(joints: Pushed) -> None:
    joints.jog.change_space()
    assert "joints" in joints.jog.note()


@pytest.mark.parametrize("arm", ["left", "right"])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_hand_goes_where_it_is_pushed_as_seen_from_its_arm(
    hand: Pushed, scene: Path, arm: str, axis: int
) -> None:
    if arm == "right":
        hand.jog.next_arm()
        hand.tick(STILL)
    kinematics = ArmKinematics(mujoco.MjModel.from_binary_path(str(scene)), arm)
    before, turned = kinematics.tip(HOME[:6])
    angles = hand.ticks(push(axis), 60)[-1, :6]
    after, turned_after = kinematics.tip(angles)
    facing = np.eye(3) if arm == "left" else np.diag([-1.0, -1.0, 1.0])
    moved = facing.T @ (after - before)
    assert moved[axis] == pytest.approx(0.12 * (0.6 - 0.15), abs=0.01)
    assert np.delete(moved, axis) == pytest.approx(np.zeros(2), abs=5e-4)
    assert turned_after == pytest.approx(turned, abs=2e-3)


@pytest.mark.parametrize("axis", [3, 4, 5])
def test_a_hand_turns_on_the_spot(hand: Pushed, scene: Path, axis: int) -> None:
    kinematics = ArmKinematics(mujoco.MjModel.from_binary_path(str(scene)), "left")
    before, turned = kinematics.tip(HOME[:6])
    after, turned_after = kinematics.tip(hand.ticks(push(axis), 60)[-1, :6])
    assert after == pytest.approx(before, abs=5e-4)
    change = turned_after @ turned.T
    angle = np.arccos((np.trace(change) - 1.0) / 2.0)
    assert angle == pytest.approx(0.6 * (0.6 - 0.15), abs=0.05)
    around = np.array([change[2, 1], change[0, 2], change[1, 0]]) - np.array(
        [change[1, 2], change[2, 0], change[0, 1]]
    )
    assert around[axis - 3] / np.linalg.norm(around) == pytest.approx(1.0, abs=1e-2)


def test_a_hand_out_of_reach_stays_and_comes_back(hand: Pushed) -> None:
    hand.ticks(push(0), 1200)
    far = hand.tick(STILL).position
    assert (np.abs(far) < 4.0).all()
    back = hand.ticks(push(0, -1.0), 100)[-1]
    assert np.abs(back - far).max() > 0.05


def test_the_space_can_be_changed_without_a_step(hand: Pushed) -> None:
    assert "left hand" in hand.jog.note()
    hand.stuck = True
    before = hand.ticks(push(2), 30)[-1]
    hand.jog.change_space()
    hand.jog.change_space()
    assert np.abs(hand.tick(push(2)).position - before).max() < 0.01
    hand.view = seen()
    hand.tick(STILL)
    hand.view, hand.stuck = seen(engaged=True), False
    hand.jog.change_space()
    way = hand.ticks(push(5), 50)
    assert way[-1, 5] > HOME[5]
    assert way[-1, :5] == pytest.approx(HOME[:5])


def test_a_model_that_is_not_there_or_of_other_arms_is_told(tmp_path: Path, scene: Path) -> None:
    with pytest.raises(DeviceError, match=r"model_path: no model of the arms in .*nothing\.mjb"):
        Jog(JogConfig(model_path=tmp_path / "nothing.mjb"), ROBOT).open()
    other = replace(ROBOT, arms=("middle",))
    with pytest.raises(DeviceError, match="no model of the arms"):
        Jog(JogConfig(model_path=scene), other).open()
