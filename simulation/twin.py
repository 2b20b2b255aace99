"""The two simulated arms, their table and the cube, as a thing with joints that can be moved."""

from __future__ import annotations

from typing import Final

import mujoco
import numpy as np
from numpy.typing import NDArray

from motion.limits import JointLimits, LimitsConfig

ARM_JOINTS: Final = (
    "waist",
    "shoulder",
    "elbow",
    "forearm_roll",
    "wrist_angle",
    "wrist_rotate",
    "gripper",
)
JOINTS: Final = tuple(f"{side}_{joint}" for side in ("left", "right") for joint in ARM_JOINTS)

# gym-aloha's puppet gripper: how far a finger stands from the middle, in metres
FINGER_OPEN_M: Final = 0.05800
FINGER_CLOSED_M: Final = 0.01844

# gym-aloha's start pose; the gripper's 0.02239 m normalised
_HOME_ARM: Final = (0.0, -0.96, 1.16, 0.0, -0.3, 0.0, (0.02239 - FINGER_CLOSED_M) / 0.03956)
HOME: Final = np.array(_HOME_ARM * 2)

_CUBE_X_M: Final = (0.0, 0.2)
_CUBE_Y_M: Final = (0.4, 0.6)
_CUBE_Z_M: Final = 0.05


def cube_position(seed: int) -> NDArray[np.float64]:
    """Return where the cube starts (3,), drawn as gym-aloha draws it: evenly over a square."""
    draw = np.random.default_rng(seed)
    return np.array([draw.uniform(*_CUBE_X_M), draw.uniform(*_CUBE_Y_M), _CUBE_Z_M])


def _finger_m(gripper: NDArray[np.float64]) -> NDArray[np.float64]:
    return FINGER_CLOSED_M + gripper * (FINGER_OPEN_M - FINGER_CLOSED_M)


class Twin:
    """Both arms in physics; joints are ordered as `JOINTS`, grippers 0 closed to 1 open.

    The model becomes the twin's own: a servo that lets go of its joint changes it.
    """

    def __init__(self, model: mujoco.MjModel) -> None:
        self.model = model
        self._data = mujoco.MjData(model)
        sides = ("left", "right")
        arm = [f"vx300s_{side}/{joint}" for side in sides for joint in ARM_JOINTS[:-1]]
        finger = [f"vx300s_{side}/{finger}_finger" for side in sides for finger in sides]
        self._arm_qpos, self._arm_dof, self._arm_control = self._addresses(arm)
        self._finger_qpos, self._finger_dof, self._finger_control = self._addresses(finger)
        self._cube_qpos = int(model.joint("red_box_joint").qposadr[0])
        self._arm_rows = np.r_[0:6, 7:13]
        self._gripper_rows = np.array([6, 13])
        self._servos = self._actuators_by_row()
        self._gain, self._bias = model.actuator_gainprm.copy(), model.actuator_biasprm.copy()
        self._pushing: set[int] = set()  # rows whose servos do not hold a position
        self._rubbing = np.flatnonzero(model.dof_frictionloss)
        self._owed_s = 0.0
        self.reset(seed=0)

    def _addresses(
        self, names: list[str]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Return where the joints stand in qpos, in qvel and in ctrl, each (len(names),)."""
        joints = [self.model.joint(name) for name in names]
        driven_by = {int(self.model.actuator(i).trnid[0]): i for i in range(self.model.nu)}
        return (
            np.array([int(joint.qposadr[0]) for joint in joints]),
            np.array([int(joint.dofadr[0]) for joint in joints]),
            np.array([driven_by[joint.id] for joint in joints]),
        )

    def _actuators_by_row(self) -> list[NDArray[np.int64]]:
        """Return the actuators of each of `JOINTS`: one, of a gripper two."""
        servos = [np.empty(0, np.int64)] * len(JOINTS)
        for row, actuator in zip(self._arm_rows, self._arm_control, strict=True):
            servos[row] = np.array([actuator])
        for row, pair in zip(self._gripper_rows, self._finger_control.reshape(2, 2), strict=True):
            servos[row] = pair
        return servos

    def reset(self, seed: int, position: NDArray[np.float64] = HOME) -> None:
        """Put the arms at rest at `position` (14,) and the cube where `seed` says."""
        mujoco.mj_resetData(self.model, self._data)
        self._owed_s = 0.0
        qpos = self._data.qpos
        qpos[self._arm_qpos] = position[self._arm_rows]
        finger = np.clip(_finger_m(position[self._gripper_rows]), 0.021, 0.057)
        qpos[self._finger_qpos] = np.repeat(finger, 2) * [1, -1, 1, -1]
        self.write(position)
        self.place_cube(seed)

    def place_cube(self, seed: int) -> None:
        """Put the cube where `seed` says, at rest, and leave the arms as they are."""
        start = self._cube_qpos
        self._data.qpos[start : start + 3] = cube_position(seed)
        self._data.qpos[start + 3 : start + 7] = [1, 0, 0, 0]
        self._data.joint("red_box_joint").qvel[:] = 0
        mujoco.mj_forward(self.model, self._data)

    def write(self, position: NDArray[np.float64]) -> None:
        """Set where the servos shall drive the joints to, (14,).

        Raises:
            ValueError: the shape is wrong or a value is not finite.
        """
        if position.shape != (len(JOINTS),) or not np.isfinite(position).all():
            raise ValueError(f"want {len(JOINTS)} finite joint positions, got {position!r}")
        for row in tuple(self._pushing):
            self._hold(row)
        self._data.ctrl[self._arm_control] = position[self._arm_rows]
        finger = _finger_m(position[self._gripper_rows])
        self._data.ctrl[self._finger_control] = np.repeat(finger, 2) * [1, -1, 1, -1]

    def drive(self, row: int, position: float) -> None:
        """Set where the servo of one of `JOINTS` shall drive it to, whether it held it or not."""
        if row in self._pushing:
            self._hold(row)
        if row in self._gripper_rows:
            finger = FINGER_CLOSED_M + position * (FINGER_OPEN_M - FINGER_CLOSED_M)
            self._data.ctrl[self._servos[row]] = finger, -finger
        else:
            self._data.ctrl[self._servos[row]] = position

    def push(self, row: int, load: float = 0.0) -> None:
        """Let the servo of one of `JOINTS` push with `load` wherever the joint goes; 0 is limp.

        Args:
            row: the joint's.
            load: N m, of a gripper N at each finger, outwards.
        """
        self._pushing.add(row)
        servos = self._servos[row]
        self.model.actuator_gainprm[servos] = 0.0
        self.model.actuator_biasprm[servos] = 0.0
        self.model.actuator_biasprm[servos, 0] = (load, -load)[: len(servos)]

    def _hold(self, row: int) -> None:
        """Let the servo hold a position again."""
        self._pushing.discard(row)
        servos = self._servos[row]
        self.model.actuator_gainprm[servos] = self._gain[servos]
        self.model.actuator_biasprm[servos] = self._bias[servos]

    def step(self, dt_s: float) -> None:
        """Let `dt_s` of physics pass; what does not fill a physics step waits for the next call."""
        self._owed_s += dt_s
        steps = int(self._owed_s / self.model.opt.timestep + 1e-6)
        self._owed_s -= steps * self.model.opt.timestep
        if steps:
            mujoco.mj_step(self.model, self._data, steps)

    def limits(self, config: LimitsConfig) -> JointLimits:
        """Return what the joints may do: the model's ranges, at the speeds of `config`."""
        lower, upper = np.zeros(len(JOINTS)), np.ones(len(JOINTS))
        bounds = self.model.jnt_range[self.model.dof_jntid[self._arm_dof]]
        lower[self._arm_rows], upper[self._arm_rows] = bounds.T
        return JointLimits.build(JOINTS, lower, upper, config)

    @property
    def position(self) -> NDArray[np.float64]:
        """Where the joints are, (14,)."""
        finger = self._data.qpos[self._finger_qpos] * [1, -1, 1, -1]
        span = FINGER_OPEN_M - FINGER_CLOSED_M
        return self._joints(
            self._data.qpos[self._arm_qpos],
            (finger.reshape(2, 2).mean(axis=1) - FINGER_CLOSED_M) / span,
        )

    @property
    def velocity(self) -> NDArray[np.float64]:
        """How fast the joints move, (14,) rad/s, grippers 1/s."""
        finger = self._data.qvel[self._finger_dof] * [1, -1, 1, -1]
        span = FINGER_OPEN_M - FINGER_CLOSED_M
        return self._joints(
            self._data.qvel[self._arm_dof], finger.reshape(2, 2).mean(axis=1) / span
        )

    @property
    def load(self) -> NDArray[np.float64]:
        """What the servos bear, (14,) N m, grippers N of both fingers: gravity, motion, contact.

        The friction of the model's joints is left out: 60 N m in the shoulder steady the arm,
        and would be more than any servo can give.
        """
        force = self._data.qfrc_actuator.copy()
        first = self._data.ne
        force[self._rubbing] += self._data.efc_force[first : first + len(self._rubbing)]
        finger = force[self._finger_dof] * [1, -1, 1, -1]
        return self._joints(force[self._arm_dof], finger.reshape(2, 2).sum(axis=1))

    def _joints(
        self, arm: NDArray[np.float64], gripper: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        joints = np.empty(len(JOINTS))
        joints[self._arm_rows] = arm
        joints[self._gripper_rows] = gripper
        return joints

    @property
    def qpos(self) -> NDArray[np.float64]:
        """MuJoCo's generalized positions (nq,), a copy."""
        return np.array(self._data.qpos)

    @property
    def cube(self) -> NDArray[np.float64]:
        """Where the middle of the cube is, (3,) metres."""
        return self.qpos[self._cube_qpos : self._cube_qpos + 3]

    @property
    def contacts(self) -> frozenset[str]:
        """Names of the geoms that touch the cube."""
        geom = self.model.geom("red_box").id
        pairs = self._data.contact.geom
        touching = pairs[(pairs == geom).any(axis=1)]
        return frozenset(
            self.model.geom(int(other)).name for other in touching.ravel() if other != geom
        )
