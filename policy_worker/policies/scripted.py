"""The expert that makes the demonstrations: it reads the twin's true state, so no robot can run it.

It looks once, when an episode begins, plans both arms' whole motion and then plays that plan.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import mujoco
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from motion import minimum_jerk
from policy_worker.policy import Observation, Policy, PolicySpec

_TRANSFER: Final = "transfer the cube to the left arm"
_HOLD: Final = "lift the cube and hold it"

_DT_NS: Final = 20_000_000
_HORIZON: Final = 100

_ARM_JOINTS: Final = ("waist", "shoulder", "elbow", "forearm_roll", "wrist_angle", "wrist_rotate")
_FINGERTIP_M: Final = np.array([0.1347, 0.0, 0.002])  # in the frame of gripper_link
_CUBE_ON_TABLE_M: Final = 0.02
_MEET_M: Final = np.array([0.0, 0.5, 0.25])
_HOLD_M: Final = np.array([0.08, 0.5, 0.2])

_DAMPING: Final = 0.02
_IK_STEPS: Final = 200
_IK_LONGEST_STEP: Final = 0.1  # metres and radians together
_IK_TOLERANCE: Final = 1e-4  # metres and radians together


class Config(BaseModel):
    """Where the expert finds the model of its world."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    model_path: Path  # .mjb of the twin's scene


@dataclass(frozen=True, slots=True)
class Waypoint:
    """Where one arm shall come to rest, and when."""

    time_s: float
    joints: NDArray[np.float64]  # (7,) six angles, then the gripper


def sampled(waypoints: list[Waypoint], times_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the pose (T, 7) at each of `times_s` (T,); at rest in the last one after the end."""
    pose = np.broadcast_to(waypoints[0].joints, (len(times_s), 7)).copy()
    for start, end in pairwise(waypoints):
        elapsed = (times_s - start.time_s) / (end.time_s - start.time_s)
        share = minimum_jerk.blend(np.clip(elapsed, 0.0, 1.0))
        pose += share[:, None] * (end.joints - start.joints)
    return pose


def _rotation_x(angle: float) -> NDArray[np.float64]:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


def _rotation_y(angle: float) -> NDArray[np.float64]:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])


# The right arm faces the left one (half a turn about z) and reaches down at 65 degrees; the left
# one comes level, rolled so that its fingers close from above and below, clear of the right's.
_RIGHT_GRASP: Final = np.diag([-1.0, -1.0, 1.0]) @ _rotation_y(np.deg2rad(65))
_LEFT_GRASP: Final = _rotation_x(np.pi / 2)

# Where the search for joint angles begins: wrists bent the way that needs no turn of the forearm.
_NEAR: Final = {
    "left": np.array([0.0, -0.3, 0.8, 0.0, -0.5, np.pi / 2]),
    "right": np.array([0.0, -0.3, 0.8, 0.0, 0.6, 0.0]),
}


class ArmKinematics:
    """Finds joint angles that bring one arm's fingertips to a place, by damped least squares."""

    def __init__(self, model: mujoco.MjModel, side: str) -> None:
        self._model = model
        self._data = mujoco.MjData(model)
        joints = [model.joint(f"vx300s_{side}/{joint}") for joint in _ARM_JOINTS]
        self._qpos = np.array([int(joint.qposadr[0]) for joint in joints])
        self._dof = np.array([int(joint.dofadr[0]) for joint in joints])
        self._range = np.array([joint.range for joint in joints])
        self._gripper = model.body(f"vx300s_{side}/gripper_link").id

    def reached(
        self, start: NDArray[np.float64], tip: NDArray[np.float64], rotation: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return angles (6,) near `start` with the fingertips at `tip` (3,), turned by `rotation`.

        Raises:
            ValueError: the place is out of reach.
        """
        angles = start.copy()
        for _ in range(_IK_STEPS):
            error, jacobian = self._error(angles, tip, rotation)
            if np.linalg.norm(error) < _IK_TOLERANCE:
                return angles
            gram = jacobian @ jacobian.T + _DAMPING**2 * np.eye(6)
            # Long steps jump to another branch of solutions, a detour of radians for the wrist.
            error *= min(1.0, _IK_LONGEST_STEP / float(np.linalg.norm(error)))
            step = jacobian.T @ np.linalg.solve(gram, error)
            angles = np.clip(angles + step, self._range[:, 0], self._range[:, 1])
        raise ValueError(f"the fingertips cannot reach {tip} m in that direction")

    def _error(
        self, angles: NDArray[np.float64], tip: NDArray[np.float64], rotation: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return what is missing (6,: metres, then radians) and its Jacobian (6, 6)."""
        self._data.qpos[self._qpos] = angles
        mujoco.mj_kinematics(self._model, self._data)
        mujoco.mj_comPos(self._model, self._data)
        now = self._data.xmat[self._gripper].reshape(3, 3)
        point = self._data.xpos[self._gripper] + now @ _FINGERTIP_M
        linear = np.zeros((3, self._model.nv))
        angular = np.zeros((3, self._model.nv))
        mujoco.mj_jac(self._model, self._data, linear, angular, point, self._gripper)
        turn = 0.5 * sum(np.cross(now[:, i], rotation[:, i]) for i in range(3))
        error = np.concatenate([tip - point, turn])
        return error, np.vstack([linear, angular])[:, self._dof]


_Stop = tuple[float, NDArray[np.float64] | None, float]  # seconds, fingertips in metres, gripper


class Scripted:
    """Plans once an episode, from the twin's state, and then reads chunks off that plan."""

    def __init__(self, model: mujoco.MjModel, joints: tuple[str, ...]) -> None:
        self._arms = {side: ArmKinematics(model, side) for side in ("left", "right")}
        self._cube_qpos = int(model.joint("red_box_joint").qposadr[0])
        self._plan: dict[str, list[Waypoint]] = {}
        self._planned_at_s = 0.0
        self._spec = PolicySpec(
            name="scripted",
            joints=joints,
            cameras=(),
            horizon=_HORIZON,
            dt_ns=_DT_NS,
            instructions=(_TRANSFER, _HOLD),
            needs_twin_state=True,
        )

    @property
    def spec(self) -> PolicySpec:
        """Return what this policy was made for."""
        return self._spec

    def reset(self, episode: int) -> None:  # noqa: ARG002 - every episode is planned alike
        """Forget the plan; the next observation makes a new one."""
        self._plan = {}

    def infer(self, observation: Observation) -> NDArray[np.float64]:
        """Return the next two seconds of the plan, (100, 14).

        Raises:
            ValueError: the instruction is unknown or the cube lies out of reach.
        """
        if not self._plan:
            self._plan = self._planned(observation)
            self._planned_at_s = observation.plan_time_s
        since_s = observation.plan_time_s - self._planned_at_s
        times_s = since_s + np.arange(_HORIZON, dtype=np.float64) * (_DT_NS * 1e-9)
        return np.hstack([sampled(self._plan[side], times_s) for side in ("left", "right")])

    @property
    def duration_s(self) -> float:
        """How long the present plan lasts; 0 before the first observation."""
        return max((waypoints[-1].time_s for waypoints in self._plan.values()), default=0.0)

    def _planned(self, observation: Observation) -> dict[str, list[Waypoint]]:
        cube = observation.twin_qpos[self._cube_qpos : self._cube_qpos + 2]
        start = {"left": observation.position[:7], "right": observation.position[7:]}
        grasp = np.array([*cube, _CUBE_ON_TABLE_M])
        if observation.instruction == _TRANSFER:
            return {
                "left": self._path("left", start["left"], _receiving()),
                "right": self._path("right", start["right"], [*_grasping(grasp), *_giving()]),
            }
        if observation.instruction == _HOLD:
            lift = [(4.0, _HOLD_M, 0.0), (6.6, _HOLD_M, 0.0)]
            return {
                "left": [Waypoint(0.0, start["left"]), Waypoint(6.6, start["left"])],
                "right": self._path("right", start["right"], [*_grasping(grasp), *lift]),
            }
        raise ValueError(
            f"the expert knows no instruction {observation.instruction!r};"
            f" there are {self._spec.instructions}"
        )

    def _path(self, side: str, start: NDArray[np.float64], stops: list[_Stop]) -> list[Waypoint]:
        """Return `stops` in joint space; a stop without a place stays where the arm is."""
        rotation = _RIGHT_GRASP if side == "right" else _LEFT_GRASP
        path = [Waypoint(0.0, start)]
        near = _NEAR[side]
        for time_s, tip, gripper in stops:
            angles = path[-1].joints[:6]
            if tip is not None:
                near = angles = self._arms[side].reached(near, tip, rotation)
            path.append(Waypoint(time_s, np.append(angles, gripper)))
        return path


def _moved(point: NDArray[np.float64], x_m: float, z_m: float) -> NDArray[np.float64]:
    moved: NDArray[np.float64] = point + np.array([x_m, 0.0, z_m])
    return moved


def _grasping(cube: NDArray[np.float64]) -> list[_Stop]:
    above, grasp = _moved(cube, 0.0, 0.08), _moved(cube, 0.0, 0.008)
    return [(1.4, above, 1.0), (2.1, grasp, 1.0), (2.85, None, 0.0)]


def _giving() -> list[_Stop]:
    clear = _moved(_MEET_M, 0.12, 0.04)
    return [(4.0, _MEET_M, 0.0), (5.2, None, 0.0), (5.9, None, 1.0), (6.7, clear, 1.0)]


def _receiving() -> list[_Stop]:
    return [
        (1.2, None, 0.1),
        (3.4, _moved(_MEET_M, -0.12, -0.01), 1.0),
        (3.8, None, 1.0),
        (4.5, _moved(_MEET_M, 0.01, -0.01), 1.0),
        (5.2, None, 0.0),
        (5.9, None, 0.0),
        (6.7, _moved(_MEET_M, -0.12, 0.0), 0.0),
    ]


def make(config: Config, joints: tuple[str, ...]) -> Policy:
    """Return the expert for the scene in `config.model_path`.

    Raises:
        FileNotFoundError: there is no such file.
    """
    if not config.model_path.is_file():
        raise FileNotFoundError(f"no scene at {config.model_path}; the station writes it on start")
    return Scripted(mujoco.MjModel.from_binary_path(str(config.model_path)), joints)
