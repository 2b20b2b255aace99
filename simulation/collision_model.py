"""The arms and the table as convex hulls, and what of them may not meet: a file for controllers.

Commands are checked against it (motion/clearance.py), whether the arms are real or the twin's. What
does not matter to that is left out: the cube, cameras, masses, servos.

A joint of this model is named after the command that moves it, `left_waist` or, for a finger,
`left_gripper/left_finger`; its two user numbers say where the command 0 puts it, and how far the
command 1 moves it from there. A geom's two user numbers say whether it is a finger, and whether
fingers may touch it.
"""

from __future__ import annotations

from itertools import permutations
from pathlib import Path
from typing import Final

import mujoco
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

from simulation.model_file import save
from simulation.scene import scene_model
from simulation.twin import FINGER_CLOSED_M, FINGER_OPEN_M

Array = NDArray[np.float64]

_TIP_FROM_M: Final = 0.035  # a finger is a broad foot and, from here on, a narrow tip
_OVERLAP_M: Final = 0.005

_ARMS: Final = ("left", "right")
_PARTS: Final = {  # kind -> part of an arm, from the table outwards -> gym-aloha's geom
    "inner": {
        "base": "1_base",
        "shoulder": "2_shoulder",
        "upper_arm": "3_upper_arm",
    },
    "outer": {  # the thin rod of the gripper lies between motor and bar
        "elbow": "4_upper_forearm",
        "forearm": "5_lower_forearm",
        "wrist": "6_wrist",
        "hand/motor": "7_gripper",
        "hand/bar": "9_gripper_bar",
    },
    "finger": {
        "finger/left": "10_left_gripper_finger",
        "finger/right": "10_right_gripper_finger",
    },
    "piece": {  # for the fingers of two hands, which reach past one another around the cube
        "finger/left_foot": "10_left_gripper_finger",
        "finger/left_tip": "10_left_gripper_finger",
        "finger/right_foot": "10_right_gripper_finger",
        "finger/right_tip": "10_right_gripper_finger",
    },
}
_TABLE: Final = "table"
# What may meet the table, something of its own arm, something of the other arm; whatever else
# there is, the joints' ranges keep apart.
_MEET_TABLE: Final = ("outer", "finger")
_MEET_OWN: Final = (("inner", "outer"), ("inner", "finger"))
_MEET_OTHER: Final = (*_MEET_OWN, ("outer", "outer"), ("outer", "finger"), ("piece", "piece"))
_NEIGHBOURS: Final = ("shoulder_link", "upper_forearm_link")  # never meet, and too near to tell


def save_collision_model(path: Path) -> None:
    """Write the model to `path` (.mjb); raises OSError."""
    save(collision_model(), path)


def collision_model() -> mujoco.MjModel:
    """Return the compiled model."""
    scene = scene_model()
    spec = mujoco.MjSpec()
    spec.compiler.degree = False
    spec.option.disableflags = int(mujoco.mjtDisableBit.mjDSBL_MULTICCD)  # the nearest point is all
    spec.nuser_jnt = spec.nuser_geom = 2
    table = scene.geom("table").id
    frame = spec.worldbody.add_body(name="table", pos=scene.body("table").pos)
    _add_hull(spec, frame, _TABLE, _TABLE, _points(scene, table))
    for arm in _ARMS:
        _add_arm(spec, scene, arm)
    return spec.compile()


def _add_arm(spec: mujoco.MjSpec, scene: mujoco.MjModel, arm: str) -> None:
    """Add an arm's bodies, joints and hulls as they are in `scene`."""
    root = scene.body(f"vx300s_{arm}").id
    frames = {0: spec.worldbody}
    for body in np.flatnonzero(scene.body_rootid == root).tolist():
        frames[body] = frames[int(scene.body_parentid[body])].add_body(
            name=scene.body(body).name.removeprefix("vx300s_"),
            pos=scene.body_pos[body],
            quat=scene.body_quat[body],
        )
        first = int(scene.body_jntadr[body])
        for joint in range(first, first + int(scene.body_jntnum[body])):
            _add_joint(frames[body], scene, joint, arm)
    for kind, parts in _PARTS.items():
        for part, name in parts.items():
            geom = scene.geom(f"vx300s_{arm}/{name}").id
            frame = frames[int(scene.geom_bodyid[geom])]
            points = _cut(_points(scene, geom), _edges(scene, geom), part)
            _add_hull(spec, frame, f"{arm}_{part}", f"{arm}_{kind}", points)
    neighbours = [f"{arm}/{name}" for name in _NEIGHBOURS]
    spec.add_exclude(bodyname1=neighbours[0], bodyname2=neighbours[1])


def _add_joint(frame: mujoco.MjsBody, scene: mujoco.MjModel, joint: int, arm: str) -> None:
    """Add a joint, named after its command."""
    name = scene.joint(joint).name.split("/")[1]
    zero, span = 0.0, 1.0
    if name.endswith("_finger"):
        side = 1.0 if name.startswith("left") else -1.0
        zero, span = side * FINGER_CLOSED_M, side * (FINGER_OPEN_M - FINGER_CLOSED_M)
        name = f"gripper/{name}"
    frame.add_joint(
        name=f"{arm}_{name}",
        type=mujoco.mjtJoint(int(scene.jnt_type[joint])),
        axis=scene.jnt_axis[joint],
        pos=scene.jnt_pos[joint],
        userdata=(zero, span),
    )


def _add_hull(
    spec: mujoco.MjSpec, frame: mujoco.MjsBody, name: str, kind: str, points: Array
) -> None:
    """Add the convex hull of `points` (N, 3) to a body; `kind` says what it can meet."""
    corners = points[ConvexHull(points).vertices]
    spec.add_mesh(name=name, uservert=corners.ravel())
    finger = "_finger/" in name
    frame.add_geom(
        name=name,
        type=mujoco.mjtGeom.mjGEOM_MESH,
        meshname=name,
        contype=_bit(kind),
        conaffinity=sum(_bit(other) for other in _met(kind)),
        userdata=(finger, finger or kind == _TABLE or "_hand/" in name),
    )


def _met(kind: str) -> set[str]:
    """Return the kinds that a kind, `left_outer` for instance, can meet."""
    meetings = {(f"{arm}_{part}", _TABLE) for arm in _ARMS for part in _MEET_TABLE}
    for one, other in permutations(_ARMS):
        meetings |= {(f"{one}_{first}", f"{one}_{second}") for first, second in _MEET_OWN}
        meetings |= {(f"{one}_{first}", f"{other}_{second}") for first, second in _MEET_OTHER}
    return {b for a, b in meetings if a == kind} | {a for a, b in meetings if b == kind}


def _bit(kind: str) -> int:
    """Return the kind as MuJoCo has it."""
    kinds = [_TABLE, *(f"{arm}_{part}" for arm in _ARMS for part in _PARTS)]
    return 1 << kinds.index(kind)


def _points(scene: mujoco.MjModel, geom: int) -> Array:
    """Return a mesh's vertices (N, 3) in the frame of its body."""
    mesh = int(scene.geom_dataid[geom])
    start = int(scene.mesh_vertadr[mesh])
    points = scene.mesh_vert[start : start + int(scene.mesh_vertnum[mesh])].astype(np.float64)
    turn = np.empty(9)
    mujoco.mju_quat2Mat(turn, scene.geom_quat[geom])
    return np.asarray(points @ turn.reshape(3, 3).T + scene.geom_pos[geom])


def _edges(scene: mujoco.MjModel, geom: int) -> NDArray[np.intp]:
    """Return which two of its points each edge of a mesh's triangles joins (E, 2)."""
    mesh = int(scene.geom_dataid[geom])
    start = int(scene.mesh_faceadr[mesh])
    faces = scene.mesh_face[start : start + int(scene.mesh_facenum[mesh])]
    return np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).astype(np.intp)


def _cut(points: Array, edges: NDArray[np.intp], part: str) -> Array:
    """Return the corners (N, 3) of a part of a mesh; a finger's foot and tip overlap a little."""
    if part.endswith("_foot"):
        return _beyond(points, edges, _TIP_FROM_M + _OVERLAP_M, -1.0)
    return _beyond(points, edges, _TIP_FROM_M, 1.0) if part.endswith("_tip") else points


def _beyond(points: Array, edges: NDArray[np.intp], plane_m: float, side: float) -> Array:
    """Return the points on one side of a plane across x, and where edges pass through it."""
    height = side * (points[:, 0] - plane_m)
    crossing = edges[(height[edges[:, 0]] > 0.0) & (height[edges[:, 1]] < 0.0)]
    inner, outer = points[crossing[:, 0]], points[crossing[:, 1]]
    share = height[crossing[:, 0]] / (height[crossing[:, 0]] - height[crossing[:, 1]])
    return np.concatenate([points[height > 0.0], inner + share[:, None] * (outer - inner)])
