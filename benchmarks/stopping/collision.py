"""Whether random motions keep the arms from all that they may not touch, and what that costs."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

import mujoco
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from controller.config import ControllerConfig
from controller.core import Controller
from controller.limits import ClearLimiter
from motion.clearance import Clearance
from motion.limiter import Limiter
from motion.limits import JointLimits, LimitsConfig
from policy_worker.policies.scripted import Scripted
from simulation.collision_model import collision_model
from simulation.lockstep import Lockstep
from simulation.scene import scene_model
from simulation.task import FIRST_EVALUATION_SEED, TRANSFER
from simulation.twin import FINGER_CLOSED_M, FINGER_OPEN_M, HOME, JOINTS, Twin

Array = NDArray[np.float64]

POSES: Final = 2000
EPISODES: Final = 5
_CONFIG: Final = ControllerConfig(home_speed=1.0)  # all that the limits allow: the longest stops
_LONGEST_TICKS: Final = 1000  # on the way to a pose
_BLOCKED_S: Final = 0.3  # then the arms are as near as they get


class Witness:
    """The twin's own geometry, which the controller does not look at: who touches whom.

    MuJoCo tells whose convex hulls meet. Fingers are hollow and reach past one another at a
    handover, so that of those who meet, the triangles decide.
    """

    def __init__(self) -> None:
        self._model = scene_model()
        self._data = mujoco.MjData(self._model)
        self._names = [self._model.geom(geom).name for geom in range(self._model.ngeom)]
        joints = [self._model.joint(number) for number in range(self._model.njnt)]
        moved = [joint for joint in joints if joint.name.startswith("vx300s_")]
        fingers = np.array([joint.name.endswith("_finger") for joint in moved])
        side = np.where([joint.name.endswith("/right_finger") for joint in moved], -1.0, 1.0)
        self._rows = [JOINTS.index(_command(joint.name)) for joint in moved]
        self._qpos = [int(joint.qposadr[0]) for joint in moved]
        self._zero = np.where(fingers, side * FINGER_CLOSED_M, 0.0)
        self._span = np.where(fingers, side * (FINGER_OPEN_M - FINGER_CLOSED_M), 1.0)
        self._range = np.array([joint.range for joint in moved]).T

    def touching(self, pose: Array) -> bool:
        """Return whether at `pose` (14,) an arm touches itself, the other one or the table."""
        places = self._zero + self._span * pose[self._rows]
        self._data.qpos[self._qpos] = np.clip(places, *self._range)
        mujoco.mj_kinematics(self._model, self._data)
        mujoco.mj_collision(self._model, self._data)
        pairs = self._data.contact.geom[self._data.contact.dist < 0.0]
        return any(self._matters(*pair) and self._pierce(*pair) for pair in pairs.tolist())

    def _matters(self, first: int, second: int) -> bool:
        """Return whether a contact is none with the cube, or of the fingers of one hand."""
        names = self._names[first], self._names[second]
        hands = {name.split("/")[0] for name in names if name.endswith("_finger")}
        return "red_box" not in names and not (
            len(hands) == 1 and all(name.endswith("_finger") for name in names)
        )

    def _pierce(self, first: int, second: int) -> bool:
        """Return whether a triangle of one of two geoms cuts one of the other."""
        one, other = self._triangles(first), self._triangles(second)
        return pierced(one, other) or pierced(other, one)

    def _triangles(self, geom: int) -> Array:
        """Return the corners (T, 3, 3) of a mesh's triangles in the world."""
        model, mesh = self._model, int(self._model.geom_dataid[geom])
        at, corners = int(model.mesh_vertadr[mesh]), int(model.mesh_vertnum[mesh])
        begin, count = int(model.mesh_faceadr[mesh]), int(model.mesh_facenum[mesh])
        turn = self._data.geom_xmat[geom].reshape(3, 3)
        places = model.mesh_vert[at : at + corners] @ turn.T + self._data.geom_xpos[geom]
        return np.asarray(places[model.mesh_face[begin : begin + count]], np.float64)


def pierced(triangles: Array, by: Array) -> bool:
    """Return whether an edge of the triangles `by` (S, 3, 3) passes through one of (T, 3, 3).

    Moeller and Trumbore (1997), with an edge in the place of the ray.
    """
    low, high = triangles.min(axis=(0, 1)), triangles.max(axis=(0, 1))
    near = by[((by.max(axis=1) >= low) & (by.min(axis=1) <= high)).all(axis=1)]
    corner = triangles[:, 0]
    first, second = triangles[:, 1] - corner, triangles[:, 2] - corner
    for start, end in ((0, 1), (1, 2), (2, 0)):
        for origin, way in zip(near[:, start], near[:, end] - near[:, start], strict=True):
            across, offset = np.cross(way, second), origin - corner
            turned = np.cross(offset, first)
            with np.errstate(divide="ignore", invalid="ignore"):  # an edge along a triangle
                inverse = 1.0 / (first * across).sum(axis=1)
                u, v = inverse * (offset * across).sum(axis=1), inverse * (turned @ way)
                along = inverse * (second * turned).sum(axis=1)
            inside = (u >= 0.0) & (v >= 0.0) & (u + v <= 1.0)
            if (inside & (along >= 0.0) & (along <= 1.0)).any():
                return True
    return False


def _command(joint: str) -> str:
    """Return the name of the command that moves a joint of the twin's model."""
    arm, name = joint.removeprefix("vx300s_").split("/")
    return f"{arm}_{'gripper' if name.endswith('_finger') else name}"


@dataclass
class Travels:
    """What became of the poses that were commanded."""

    reached: int = 0
    stopped: int = 0
    touching: int = 0  # at the end or on the way
    held: Counter[str] = field(default_factory=Counter)


def travelled(poses: int, console: Console, seed: int = 0) -> Travels:
    """Send both arms to random poses within their ranges, from each to the next, and watch."""
    clearance = Clearance(collision_model(), JOINTS, _CONFIG.margin_m, _CONFIG.touching_m)
    witness, found, draw = Witness(), Travels(), np.random.default_rng(seed)
    limits = Twin(scene_model()).limits(LimitsConfig())
    inside = limits.lower + limits.margin, limits.upper - limits.margin
    place = HOME.copy()
    for _ in track(range(poses), "random poses", console=console):
        goal = draw.uniform(*inside)
        controller = Controller(_CONFIG, JOINTS, limits, goal, goal, clearance)
        controller.observe(place)
        controller.direct("home")
        touched, arrived = False, False
        for tick in range(_LONGEST_TICKS):
            command, status = controller.tick(tick * controller.dt_ns)
            place, arrived = command.position, status.arrived
            touched = touched or witness.touching(place)
            if arrived or status.blocked_s > _BLOCKED_S:
                break
        found.held.update(controller.counters)
        found.touching += touched
        found.reached += arrived
        found.stopped += not arrived
    return found


def check_us(episodes: int, console: Console) -> Array:
    """Return what the check adds to each tick (N,) of transfers of the cube, in microseconds."""
    twin = Twin(scene_model())
    lockstep = Lockstep(twin, Scripted(twin.model, JOINTS))
    costs = []
    for seed in track(range(episodes), "transfers", console=console):
        commands = lockstep.run(FIRST_EVALUATION_SEED + seed, TRANSFER).commands
        twin.reset(FIRST_EVALUATION_SEED + seed)
        costs += _costs_us(twin, commands, lockstep.limits)
    return np.array(costs)


def _costs_us(twin: Twin, commands: Array, limits: JointLimits) -> list[float]:
    """Return by how much the check makes the limits slower at each of `commands` (T, 14)."""
    dt_s = 1.0 / _CONFIG.rate_hz
    clearance = Clearance(collision_model(), JOINTS, _CONFIG.margin_m, _CONFIG.touching_m)
    clear = ClearLimiter(limits, dt_s, commands[0], clearance)
    plain = Limiter(limits, dt_s, commands[0])
    costs = []
    for command in commands:
        clearance.feel(twin.position)
        began_ns = time.thread_time_ns()
        plain.follow(command)
        between_ns = time.thread_time_ns()
        clear.follow(command)
        costs.append((time.thread_time_ns() - 2 * between_ns + began_ns) * 1e-3)
        twin.write(command)
        twin.step(dt_s)
    return costs


def measured(console: Console, poses: int = POSES, episodes: int = EPISODES) -> dict[str, float]:
    """Return the figures by key, after saying what they are made of."""
    travels = travelled(poses, console)
    console.print(
        f"{poses} random poses: {travels.reached} reached, {travels.stopped} stopped before, "
        f"{travels.touching} touching something; most in the way: "
        + ", ".join(f"{name} {count}" for name, count in travels.held.most_common(3)),
        highlight=False,
    )
    costs_us = check_us(episodes, console)
    middle, most = np.percentile(costs_us, (50.0, 99.0))
    console.print(
        f"collision check: p50 {middle:.0f} us, p99 {most:.0f} us, in {len(costs_us)} ticks",
        highlight=False,
    )
    return {
        "poses_touching": float(travels.touching),
        "poses_reached": float(travels.reached),
        "collision_check_us": float(middle),
        "collision_check_p99_us": float(most),
    }
