"""Moving one arm by velocities, as keys and sticks give them: by its joints or by its hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final

import mujoco
import numpy as np

from motion.kinematics import ArmKinematics
from runtime.config import Between, StrictModel
from teleop.device import Array, DeviceError, Event, Reading, Robot, View

AXES: Final = 6
_LEAD: Final = 0.15  # that a pose may run ahead of an arm that cannot follow, rad or share
_RISE_S: Final = 0.15  # until a push has its full speed
_LONGEST_S: Final = 0.05  # that one step may bridge
_IK_STEPS: Final = 10  # what is further than that for so small a way is out of reach

# Of a stick's way from its middle, in which it counts as let go.
DeadZone = Annotated[float, Between(0.0, 0.95)]


class JogConfig(StrictModel):
    """How fast a push moves, and the model of the arms without which there is no hand space."""

    model_path: Path | None = None  # .mjb of the twin's scene
    hand_m_s: Annotated[float, Between(0.001, 1.0, "m/s")] = 0.12
    turn_rad_s: Annotated[float, Between(0.001, 10.0, "rad/s")] = 0.6
    joint_rad_s: Annotated[float, Between(0.001, 10.0, "rad/s")] = 0.5
    gripper_per_s: Annotated[float, Between(0.01, 50.0, "1/s")] = 1.0


@dataclass(frozen=True, slots=True)
class Push:
    """What a person pushes now, each from -1 to 1.

    Attributes:
        axes: (6,) in hand space forward, left, up in the frame of the table seen from the arm, then
            turns about these; in joint space one axis a joint.
        gripper: towards open.
    """

    axes: Array = field(default_factory=lambda: np.zeros(AXES))
    gripper: float = 0.0


class Hand:
    """Where one hand is to be, while its arm's angles are found from that."""

    def __init__(self, kinematics: ArmKinematics, facing: Array) -> None:
        """A hand of an arm that faces so: (3, 3), its forward, left and up as columns."""
        self._kinematics = kinematics
        self._facing = facing
        self._tip: Array = np.zeros(3)
        self._rotation: Array = np.eye(3)

    def begin(self, angles: Array) -> None:
        """Be where the arm's `angles` (6,) put it."""
        self._tip, self._rotation = self._kinematics.tip(angles)

    def moved(self, angles: Array, way_m: Array, turn_rad: Array) -> Array:
        """Return the angles (6,) after a step (3,) and a turn (3,), the same if out of reach."""
        tip = self._tip + self._facing @ way_m
        rotation = _turned(self._facing @ turn_rad) @ self._rotation
        try:
            found = self._kinematics.reached(angles, tip, rotation, _IK_STEPS)
        except ValueError:
            return angles
        self._tip, self._rotation = tip, rotation
        return found


class Jog:
    """The pose of one arm at a time, moved by pushes while it counts, else where the arm is.

    Attributes:
        arm: the one that is moved.
        by_hand: whether pushes move the hand, else joints.
    """

    def __init__(self, config: JogConfig, robot: Robot) -> None:
        self.arm = robot.arms[0]
        self.by_hand = False
        self._config = config
        self._robot = robot
        self._hands: dict[str, Hand] = {}
        self._pose: Array | None = None
        self._speed = np.zeros(AXES + 1)
        self._last_ns = 0

    def open(self) -> None:
        """Load the arms' model; raises DeviceError if it is not there, or of other arms."""
        path = self._config.model_path
        if path is None:
            return
        try:
            model = mujoco.MjModel.from_binary_path(str(path))
            for arm in self._robot.arms:
                self._hands[arm] = Hand(ArmKinematics(model, arm), _facing(model, arm))
        except (ValueError, KeyError) as error:
            raise DeviceError(f"model_path: no model of the arms in {path}: {error}") from error
        self.by_hand = True

    def next_arm(self) -> None:
        """Move another arm from now on."""
        arms = self._robot.arms
        self.arm = arms[(arms.index(self.arm) + 1) % len(arms)]
        self._pose = None

    def change_space(self) -> None:
        """Push joints instead of the hand, or the hand again, if there is a model of it."""
        self.by_hand = not self.by_hand and bool(self._hands)
        if self.by_hand and self._pose is not None:
            self._hands[self.arm].begin(self._pose[:AXES])

    def reading(
        self, push: Push, view: View, now_ns: int, events: tuple[Event, ...] = ()
    ) -> Reading | None:
        """Return the arm's pose after `push` has worked since the last call, and what was done.

        None before anybody knows where the arm is.
        """
        if view.command is None:
            return None
        passed_s = min((now_ns - self._last_ns) * 1e-9, _LONGEST_S)
        self._last_ns = now_ns
        places = self._robot.places(self.arm)
        told = view.command[places]
        if self._pose is None or not view.correcting:
            self._pose = self._begun(told)
        else:
            self._speed += (self._wanted(push) - self._speed) * min(passed_s / _RISE_S, 1.0)
            self._pose = self._stepped(self._pose, told, places, passed_s)
        return Reading(self._robot.joints[places], self._pose.copy(), True, events)

    def note(self) -> str:
        """Return which arm is moved, and how."""
        return f"moves the {self.arm} {'hand' if self.by_hand else 'joints'}"

    def _begun(self, told: Array) -> Array:
        """Return the pose (7,) at which nobody has pushed yet: where the arm is told to be."""
        self._speed = np.zeros(AXES + 1)
        if self.by_hand:
            self._hands[self.arm].begin(told[:AXES])
        return told.copy()

    def _wanted(self, push: Push) -> Array:
        """Return the speeds (7,) of the axes, and of the gripper."""
        config = self._config
        hand = np.repeat([config.hand_m_s, config.turn_rad_s], 3)
        axes = hand if self.by_hand else np.full(AXES, config.joint_rad_s)
        return np.append(axes * push.axes, config.gripper_per_s * push.gripper)

    def _stepped(self, pose: Array, told: Array, places: slice, passed_s: float) -> Array:
        """Return the pose (7,) a moment later; the same if the arm cannot follow."""
        step, moved = self._speed * passed_s, pose.copy()
        if not self.by_hand:
            moved[:AXES] += step[:AXES]
        elif np.abs(step[:AXES]).max() > 0.0:
            moved[:AXES] = self._hands[self.arm].moved(pose[:AXES], step[:3], step[3:AXES])
        moved[-1] += step[-1]
        moved = np.clip(moved, self._robot.lower[places], self._robot.upper[places])
        ahead, before = np.abs(moved - told), np.abs(pose - told)
        if ((ahead > _LEAD) & (ahead > before)).any():  # a limit or an obstacle holds the arm
            if self.by_hand:
                self._hands[self.arm].begin(pose[:AXES])
            return pose
        return moved


def _facing(model: mujoco.MjModel, arm: str) -> Array:
    """Return how an arm's base is turned (3, 3): its forward, left and up as columns."""
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    rotation: Array = data.xmat[model.body(f"vx300s_{arm}").id].reshape(3, 3).copy()
    return rotation


def _turned(turn_rad: Array) -> Array:
    """Return the rotation (3, 3) about the axis and by the length of `turn_rad` (3,)."""
    quaternion, matrix = np.zeros(4), np.zeros(9)
    angle = float(np.linalg.norm(turn_rad))
    axis = turn_rad / angle if angle else np.array([1.0, 0.0, 0.0])
    mujoco.mju_axisAngle2Quat(quaternion, axis, angle)
    mujoco.mju_quat2Mat(matrix, quaternion)
    return matrix.reshape(3, 3)
