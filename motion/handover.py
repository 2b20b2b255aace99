"""The expert's motion: how both arms lift a cube and hand it over, as waypoints to play."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import mujoco
import numpy as np
from numpy.typing import NDArray

from motion import minimum_jerk
from motion.kinematics import ArmKinematics
from motion.sight import ON_TABLE_M, SIDES, Eyes, Sight

Array = NDArray[np.float64]

TRANSFER: Final = "transfer the cube to the left arm"
HOLD: Final = "lift the cube and hold it"
INSTRUCTIONS: Final = (TRANSFER, HOLD)

_MEET_M: Final = np.array([0.0, 0.5, 0.25])
_BESIDE_MEET_M: Final = np.array([-0.12, 0.5, 0.24])  # where the left hand waits
_HOLD_M: Final = np.array([0.08, 0.5, 0.2])


@dataclass(frozen=True, slots=True)
class Waypoint:
    """Where one arm shall come to rest, and when."""

    time_s: float
    joints: Array  # (7,) six angles, then the gripper


Plan = dict[str, list[Waypoint]]  # side -> its arm's way


def duration_s(plan: Plan) -> float:
    """Return how long `plan` lasts; 0 for an empty one."""
    return max((waypoints[-1].time_s for waypoints in plan.values()), default=0.0)


def sampled(waypoints: list[Waypoint], times_s: Array) -> Array:
    """Return the pose (T, 7) at each of `times_s` (T,); at rest in the last one after the end."""
    ends_s = np.array([waypoint.time_s for waypoint in waypoints])
    poses = np.array([waypoint.joints for waypoint in waypoints])
    last = len(waypoints) - 1
    start = np.clip(np.searchsorted(ends_s, times_s, "right") - 1, 0, max(last - 1, 0))
    end = np.minimum(start + 1, last)
    elapsed = (times_s - ends_s[start]) / np.where(end > start, ends_s[end] - ends_s[start], 1.0)
    share = minimum_jerk.blend(np.clip(elapsed, 0.0, 1.0))
    pose: Array = poses[start] + share[:, None] * (poses[end] - poses[start])
    return pose


def _rotation_x(angle: float) -> Array:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


def _rotation_y(angle: float) -> Array:
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


class _Stop(NamedTuple):
    """Where a hand shall come to rest, and when."""

    time_s: float
    tip: Array | None  # (3,) metres; None where it is
    gripper: float
    turned: bool = True  # to the way that it grasps, rather than as it is


_Stops = list[_Stop]

# How far the expert's motion has come, in its own time.
_HAS_GRASPED_S: Final = 2.2  # so that the left arm is in its place when the right one comes
_HAS_GIVEN_S: Final = 5.2

_CROWDED_M: Final = 0.11  # of the left hand from where the hands meet
_CLEAR_M: Final = 0.06  # of a hand above the cube, before it may move sideways
_ASIDE_M: Final = 0.12
_BACK_OFF_S: Final = 1.3


class Expert:
    """Plans the arms' whole motion from where they and the cube are, from any stage on."""

    def __init__(self, model: mujoco.MjModel) -> None:
        self._arms = {side: ArmKinematics(model, side) for side in SIDES}
        self._eyes = Eyes(model)

    def planned(self, instruction: str, position: Array, qpos: Array) -> Plan:
        """Return the way that fulfils `instruction`, from rest at `position` (14,).

        What has been done already is not done again: a cube in a hand stays there. A hand that is
        at the cube without holding it opens and backs off before it tries again.

        Args:
            instruction: one of `INSTRUCTIONS`.
            position: left arm, gripper, right arm, gripper.
            qpos: MuJoCo's generalized positions (nq,), for what is where.

        Raises:
            ValueError: the instruction is unknown or the cube lies out of reach.
        """
        if instruction not in INSTRUCTIONS:
            raise ValueError(
                f"the expert knows no instruction {instruction!r}; there are {INSTRUCTIONS}"
            )
        sight = self._eyes.sight(qpos)
        left, right = _stops(instruction, sight)
        return {
            "left": self._path("left", position[:7], left),
            "right": self._path("right", position[7:], right),
        }

    def _path(self, side: str, start: Array, stops: _Stops) -> list[Waypoint]:
        """Return `stops` in joint space; a stop without a place stays where the arm is."""
        path = [Waypoint(0.0, start)]
        near = _NEAR[side]
        for stop in stops:
            angles = path[-1].joints[:6]
            if stop.tip is not None and stop.turned:
                near = angles = self._arms[side].reached(near, stop.tip, _GRASP[side])
            elif stop.tip is not None:
                as_it_is = self._arms[side].tip(angles)[1]
                angles = self._arms[side].reached(angles, stop.tip, as_it_is)
            path.append(Waypoint(stop.time_s, np.append(angles, stop.gripper)))
        return path


def _stops(instruction: str, sight: Sight) -> tuple[_Stops, _Stops]:
    """Return what is left to do for the left and the right arm."""
    grasp = np.array([*sight.cube[:2], ON_TABLE_M])
    left, carrying = ([], _lifting()) if instruction == HOLD else (_receiving(), _giving())
    if instruction == TRANSFER and sight.holds("left"):
        right = carrying if sight.at_cube("right") else []
        return _since(left, _HAS_GIVEN_S), _since(right, _HAS_GIVEN_S)
    if sight.holds("right"):
        return _since(left, _HAS_GRASPED_S), _since(carrying, _HAS_GRASPED_S)
    return _backing_off(sight, left, [*_grasping(grasp), *carrying])


def _backing_off(sight: Sight, left: _Stops, right: _Stops) -> tuple[_Stops, _Stops]:
    """Return the same stops, after those that bring hands away from the cube and each other."""
    tip = sight.hands["right"].tip
    away = tip
    if crowded(sight):
        left = [_Stop(_BACK_OFF_S, _BESIDE_MEET_M, 0.1), *_since(left, -_BACK_OFF_S)]
        if np.linalg.norm(tip - sight.hands["left"].tip) < _CROWDED_M + _ASIDE_M:
            away = _moved(tip, _ASIDE_M, 0.04)
    elif _over_cube(sight):
        left = _since(left, -_BACK_OFF_S)
        away = np.array([*tip[:2], max(tip[2], sight.cube[2]) + 0.08])
    else:
        return left, right
    opening = [_Stop(0.5, None, 1.0), _Stop(_BACK_OFF_S, away, 1.0, turned=False)]
    return left, [*opening, *_since(right, -_BACK_OFF_S)]


def crowded(sight: Sight) -> bool:
    """Return whether the left hand is where the right one has to pass."""
    return bool(np.linalg.norm(sight.hands["left"].tip - _MEET_M) < _CROWDED_M)


def _since(stops: _Stops, begun_s: float) -> _Stops:
    """Return the stops after `begun_s`, with times from then on."""
    return [stop._replace(time_s=stop.time_s - begun_s) for stop in stops if stop.time_s > begun_s]


def _over_cube(sight: Sight) -> bool:
    """Return whether the right hand would push the cube on its straight way to above it."""
    apart = sight.hands["right"].tip - sight.cube
    return bool(apart[2] < _CLEAR_M and np.linalg.norm(apart[:2]) < _ASIDE_M)


def _moved(point: Array, x_m: float, z_m: float) -> Array:
    moved: Array = point + np.array([x_m, 0.0, z_m])
    return moved


def _grasping(cube: Array) -> _Stops:
    above, grasp = _moved(cube, 0.0, 0.08), _moved(cube, 0.0, 0.008)
    return [_Stop(1.4, above, 1.0), _Stop(2.1, grasp, 1.0), _Stop(2.85, None, 0.0)]


def _lifting() -> _Stops:
    return [_Stop(4.0, _HOLD_M, 0.0), _Stop(6.6, _HOLD_M, 0.0)]


def _giving() -> _Stops:
    clear = _moved(_MEET_M, 0.12, 0.04)
    return [
        _Stop(4.0, _MEET_M, 0.0),
        _Stop(5.2, None, 0.0),
        _Stop(5.9, None, 1.0),
        _Stop(6.7, clear, 1.0),
    ]


def _receiving() -> _Stops:
    return [
        _Stop(1.2, None, 0.1),
        _Stop(3.4, _BESIDE_MEET_M, 1.0),
        _Stop(3.8, None, 1.0),
        _Stop(4.5, _moved(_MEET_M, 0.01, -0.01), 1.0),
        _Stop(5.2, None, 0.0),
        _Stop(5.9, None, 0.0),
        _Stop(6.7, _moved(_MEET_M, -0.12, 0.0), 0.0),
    ]
