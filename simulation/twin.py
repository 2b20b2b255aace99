"""The two simulated arms, their table and the cube, as a thing with joints that can be moved."""

from __future__ import annotations

from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class JointMotion:
    """How the joints move at one moment, by `JOINTS`; as `Twin` has it, in plain numbers."""

    position: list[float]
    velocity: list[float]
    load: list[float]


class Twin:
    """Both arms in physics; joints are ordered as `JOINTS`, grippers 0 closed to 1 open.

    A gripper's two fingers mirror each other. To treat all joints alike, each is a pair of places
    in the model, of which the second is the first again unless it is a finger.

    The model becomes the twin's own: a servo that lets go of its joint changes it.
    """

    def __init__(self, model: mujoco.MjModel) -> None:
        self.model = model
        self._data = mujoco.MjData(model)
        pairs = [_model_joints(side, joint) for side in ("left", "right") for joint in ARM_JOINTS]
        joints = [[model.joint(name) for name in names] for names in zip(*pairs, strict=True)]
        driven_by = {int(model.actuator(i).trnid[0]): i for i in range(model.nu)}
        self._qpos = np.array([[int(joint.qposadr[0]) for joint in row] for row in joints])
        self._dof = np.array([[int(joint.dofadr[0]) for joint in row] for row in joints])
        self._servo = np.array([[driven_by[joint.id] for joint in row] for row in joints])
        is_gripper = self._dof[0] != self._dof[1]
        self._mirror = np.where(is_gripper, -1.0, 1.0)
        self._zero = np.where(is_gripper, FINGER_CLOSED_M, 0.0)
        self._unit = np.where(is_gripper, FINGER_OPEN_M - FINGER_CLOSED_M, 1.0)
        self._servos = np.where(is_gripper, 2.0, 1.0)  # of each joint
        # The same in plain numbers, quick for one joint at a time.
        columns = (self._servo.T, self._mirror, self._zero, self._unit)
        self._driven = list(zip(*(column.tolist() for column in columns), strict=True))
        self._gain, self._bias = model.actuator_gainprm.copy(), model.actuator_biasprm.copy()
        self._pushing: set[int] = set()  # joints whose servos do not hold a position
        self._rubbing = np.flatnonzero(model.dof_frictionloss)
        self._geoms = [model.geom(i).name for i in range(model.ngeom)]
        self._cube_geom = model.geom("red_box").id
        self._cube_qpos = int(model.joint("red_box_joint").qposadr[0])
        self._owed_s = 0.0
        self._motion: JointMotion | None = None
        self.reset(seed=0)

    def reset(self, seed: int, position: NDArray[np.float64] = HOME) -> None:
        """Put the arms at rest at `position` (14,) and the cube where `seed` says."""
        mujoco.mj_resetData(self.model, self._data)
        self._owed_s = 0.0
        self.write(position)
        low, high = self.model.jnt_range[self.model.dof_jntid[self._dof]].transpose(2, 0, 1)
        place = self._zero + position * self._unit
        self._data.qpos[self._qpos[1]] = np.clip(self._mirror * place, low[1], high[1])
        self._data.qpos[self._qpos[0]] = np.clip(place, low[0], high[0])
        self.place_cube(seed)

    def place_cube(self, seed: int) -> None:
        """Put the cube where `seed` says, at rest, and leave the arms as they are."""
        start = self._cube_qpos
        self._data.qpos[start : start + 3] = cube_position(seed)
        self._data.qpos[start + 3 : start + 7] = [1, 0, 0, 0]
        self._data.joint("red_box_joint").qvel[:] = 0
        self._motion = None
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
        place = self._zero + position * self._unit
        self._data.ctrl[self._servo[1]] = self._mirror * place
        self._data.ctrl[self._servo[0]] = place

    def drive(self, row: int, position: float) -> None:
        """Set where the servo of one of `JOINTS` shall drive it to, whether it held it or not."""
        if row in self._pushing:
            self._hold(row)
        (first, second), mirror, zero, unit = self._driven[row]
        place, control = zero + position * unit, self._data.ctrl
        control[second] = mirror * place
        control[first] = place

    def push(self, row: int, load: float = 0.0) -> None:
        """Let the servo of one of `JOINTS` push with `load` wherever the joint goes; 0 is limp.

        Args:
            row: the joint's.
            load: N m, of a gripper N of both fingers, outwards.
        """
        self._pushing.add(row)
        servos = self._servo[:, row]
        self.model.actuator_gainprm[servos] = 0.0
        self.model.actuator_biasprm[servos] = 0.0
        each = load / self._servos[row]
        self.model.actuator_biasprm[servos[1], 0] = self._mirror[row] * each
        self.model.actuator_biasprm[servos[0], 0] = each

    def _hold(self, row: int) -> None:
        """Let the servo hold a position again."""
        self._pushing.discard(row)
        servos = self._servo[:, row]
        self.model.actuator_gainprm[servos] = self._gain[servos]
        self.model.actuator_biasprm[servos] = self._bias[servos]

    def step(self, dt_s: float) -> None:
        """Let `dt_s` of physics pass; what does not fill a physics step waits for the next call."""
        self._owed_s += dt_s
        steps = int(self._owed_s / self.model.opt.timestep + 1e-6)
        self._owed_s -= steps * self.model.opt.timestep
        if steps:
            self._motion = None
            mujoco.mj_step(self.model, self._data, steps)

    def limits(self, config: LimitsConfig) -> JointLimits:
        """Return what the joints may do: the model's ranges, at the speeds of `config`."""
        lower, upper = self.model.jnt_range[self.model.dof_jntid[self._dof[0]]].T
        is_gripper = self._servos > 1
        lower, upper = np.where(is_gripper, 0.0, lower), np.where(is_gripper, 1.0, upper)
        return JointLimits.build(JOINTS, lower, upper, config)

    @property
    def position(self) -> NDArray[np.float64]:
        """Where the joints are, (14,)."""
        return (self._mean(self._data.qpos, self._qpos) - self._zero) / self._unit

    @property
    def velocity(self) -> NDArray[np.float64]:
        """How fast the joints move, (14,) rad/s, grippers 1/s."""
        return self._mean(self._data.qvel, self._dof) / self._unit

    @property
    def load(self) -> NDArray[np.float64]:
        """What the servos bear, (14,) N m, grippers N of both fingers: gravity, motion, contact.

        The friction of the model's joints is left out: 60 N m in the shoulder steady the arm,
        and would be more than any servo can give.
        """
        force = self._data.qfrc_actuator.copy()
        first = self._data.ne
        force[self._rubbing] += self._data.efc_force[first : first + len(self._rubbing)]
        return self._mean(force, self._dof) * self._servos

    @property
    def motion(self) -> JointMotion:
        """Position, velocity and load, read from the model once for all who ask between steps."""
        if self._motion is None:
            self._motion = JointMotion(
                self.position.tolist(), self.velocity.tolist(), self.load.tolist()
            )
        return self._motion

    def _mean(self, values: NDArray[np.float64], at: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return (14,) what stands `at` (2, 14) in the model's `values`, averaged over fingers."""
        mean: NDArray[np.float64] = 0.5 * (values[at[0]] + self._mirror * values[at[1]])
        return mean

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
        cube = self._cube_geom
        pairs = self._data.contact.geom.tolist()
        return frozenset(
            self._geoms[second if first == cube else first]
            for first, second in pairs
            if first == cube or second == cube
        )


def _model_joints(side: str, joint: str) -> tuple[str, str]:
    """Return the model's names for a joint of an arm, twice, or for the gripper's two fingers."""
    if joint == "gripper":
        return f"vx300s_{side}/left_finger", f"vx300s_{side}/right_finger"
    return f"vx300s_{side}/{joint}", f"vx300s_{side}/{joint}"
