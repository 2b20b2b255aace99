"""The expert's motion: how both arms lift a cube and hand it over, as waypoints to play."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import mujoco
import numpy as np
from numpy.typing import NDArray

from motion import minimum_jerk
from motion.kinematics import ArmKinematics

TRANSFER: Final = "transfer the cube to the left arm"
HOLD: Final = "lift the cube and hold it"
INSTRUCTIONS: Final = (TRANSFER, HOLD)
SIDES: Final = ("left", "right")

_CUBE_ON_TABLE_M: Final = 0.02
_MEET_M: Final = np.array([0.0, 0.5, 0.25])
_HOLD_M: Final = np.array([0.08, 0.5, 0.2])


@dataclass(frozen=True, slots=True)
class Waypoint:
    """Where one arm shall come to rest, and when."""

    time_s: float
    joints: NDArray[np.float64]  # (7,) six angles, then the gripper


Plan = dict[str, list[Waypoint]]  # side -> its arm's way


def duration_s(plan: Plan) -> float:
    """Return how long `plan` lasts; 0 for an empty one."""
    return max((waypoints[-1].time_s for waypoints in plan.values()), default=0.0)


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
_GRASP: Final = {
    "left": _rotation_x(np.pi / 2),
    "right": np.diag([-1.0, -1.0, 1.0]) @ _rotation_y(np.deg2rad(65)),
}

# Where the search for joint angles begins: wrists bent the way that needs no turn of the forearm.
_NEAR: Final = {
    "left": np.array([0.0, -0.3, 0.8, 0.0, -0.5, np.pi / 2]),
    "right": np.array([0.0, -0.3, 0.8, 0.0, 0.6, 0.0]),
}

_Stop = tuple[float, NDArray[np.float64] | None, float]  # seconds, fingertips in metres, gripper


class Expert:
    """Plans both arms' whole motion from where they and the cube are."""

    def __init__(self, model: mujoco.MjModel) -> None:
        self._arms = {side: ArmKinematics(model, side) for side in SIDES}
        self._cube_qpos = int(model.joint("red_box_joint").qposadr[0])

    def planned(
        self, instruction: str, position: NDArray[np.float64], qpos: NDArray[np.float64]
    ) -> Plan:
        """Return the way that fulfils `instruction`, from rest at `position` (14,).

        Args:
            instruction: one of `INSTRUCTIONS`.
            position: left arm, gripper, right arm, gripper.
            qpos: MuJoCo's generalized positions (nq,), for the cube's place.

        Raises:
            ValueError: the instruction is unknown or the cube lies out of reach.
        """
        cube = qpos[self._cube_qpos : self._cube_qpos + 2]
        start = {"left": position[:7], "right": position[7:]}
        grasp = np.array([*cube, _CUBE_ON_TABLE_M])
        if instruction == TRANSFER:
            return {
                "left": self._path("left", start["left"], _receiving()),
                "right": self._path("right", start["right"], [*_grasping(grasp), *_giving()]),
            }
        if instruction == HOLD:
            lift = [(4.0, _HOLD_M, 0.0), (6.6, _HOLD_M, 0.0)]
            return {
                "left": [Waypoint(0.0, start["left"]), Waypoint(6.6, start["left"])],
                "right": self._path("right", start["right"], [*_grasping(grasp), *lift]),
            }
        raise ValueError(
            f"the expert knows no instruction {instruction!r}; there are {INSTRUCTIONS}"
        )

    def _path(self, side: str, start: NDArray[np.float64], stops: list[_Stop]) -> list[Waypoint]:
        """Return `stops` in joint space; a stop without a place stays where the arm is."""
        path = [Waypoint(0.0, start)]
        near = _NEAR[side]
        for time_s, tip, gripper in stops:
            angles = path[-1].joints[:6]
            if tip is not None:
                near = angles = self._arms[side].reached(near, tip, _GRASP[side])
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
