"""How far arms and table are from one another, and how far each joint can bring them nearer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Final

import mujoco
import numpy as np
from numpy.typing import NDArray

from motion.limits import gripper_mask

Array = NDArray[np.float64]

_SHARE: Final = 0.8  # of a distance in a pose that belongs to the robot: its margin at most


@dataclass(frozen=True, slots=True)
class Pair:
    """Two bodies that may not meet, by name."""

    first: str
    second: str

    def __str__(self) -> str:
        """Return the name for people and counters."""
        return f"{self.first}-{self.second}"


class Clearance:
    """Distances between P pairs of convex hulls, in poses (J,) of the joints that move them.

    Attributes:
        pairs: what may not meet, P of them.
        margins: (P,) metres that each pair keeps apart.
        levers: (P, J) metres by which a radian of a joint (a gripper: all of its way) brings the
            two nearer, at most.
    """

    def __init__(
        self, model: mujoco.MjModel, joints: Sequence[str], margin_m: float, touching_m: float
    ) -> None:
        """Prepare to measure.

        Args:
            model: as simulation/collision_model.py makes it; it becomes this object's own.
            joints: names, in the order of poses.
            margin_m: what pairs keep apart.
            touching_m: what fingers keep from what they work at.

        Raises:
            ValueError: the model is moved by a joint that is not among `joints`.
        """
        self._model, self._data = model, mujoco.MjData(model)
        # Each look at an attribute of MuJoCo's makes a new array: too slow for every tick.
        self._qpos = self._data.qpos
        self._geom_margin, self._body_margin = model.geom_margin, model.body_margin
        moved_by = [model.joint(joint).name.split("/")[0] for joint in range(model.njnt)]
        unknown = sorted(set(moved_by) - set(joints))
        if unknown:
            raise ValueError(
                f"the collision model is moved by {', '.join(unknown)}, the robot has "
                f"{', '.join(joints)}; name the arms and joints of the config like the model's"
            )
        self._source = np.array([joints.index(name) for name in moved_by])
        self._zero, self._span = model.jnt_user[:, 0].copy(), model.jnt_user[:, 1].copy()
        self._grippers = np.flatnonzero(gripper_mask(joints))
        self._open: Array | None = None
        geoms = _meeting(model)
        self._geoms = np.array(geoms)
        self._row = np.zeros((model.ngeom, model.ngeom), np.intp)
        for row, (first, second) in enumerate(geoms):
            self._row[first, second] = self._row[second, first] = row
        names = [model.geom(geom).name.split("/")[0] for geom in range(model.ngeom)]
        self.pairs = tuple(Pair(names[first], names[second]) for first, second in geoms)
        touch = model.geom_user[:, 0:1] * model.geom_user[:, 1]
        near = [bool(touch[first, second] or touch[second, first]) for first, second in geoms]
        self.margins: Array = np.where(near, min(touching_m, margin_m), margin_m)
        self.levers = self._levers(geoms, len(joints))

    @classmethod
    def load(
        cls, path: Path, joints: Sequence[str], margin_m: float, touching_m: float
    ) -> Clearance:
        """Return that of the model in the file `path` (.mjb)."""
        return cls(mujoco.MjModel.from_binary_path(str(path)), joints, margin_m, touching_m)

    def admit(self, poses: Mapping[str, Array]) -> None:
        """Lower margins as far as the robot's own `poses` (J,) need it: rest folds the arms.

        Raises:
            ValueError: in a pose, two bodies touch.
        """
        for name, pose in poses.items():
            distances = self.distances(pose, self.margins.max() / _SHARE)
            nearest = int(np.argmin(distances))
            if distances[nearest] <= 0.0:
                raise ValueError(
                    f"in the pose {name!r} {self.pairs[nearest]} overlap by "
                    f"{-1e3 * distances[nearest]:.1f} mm; choose another pose in the config"
                )
            self.margins = np.minimum(self.margins, _SHARE * distances)

    def feel(self, position: Array) -> None:
        """Take note of where the joints (J,) are measured: what a hand holds keeps it open."""
        self._open = position[self._grippers]

    def distances(self, pose: Array, sight_m: float) -> Array:
        """Return the distances (P,) in metres between the pairs at `pose` (J,).

        What is further apart than `sight_m` counts as `sight_m`, overlap is negative.
        A finger is where its command wants it or, held further open by something, where it is.
        """
        if self._open is not None:
            pose = pose.copy()
            pose[self._grippers] = np.maximum(pose[self._grippers], self._open)
        np.add(self._zero, self._span * pose[self._source], out=self._qpos)
        self._geom_margin.fill(0.5 * sight_m)  # MuJoCo adds those of the two
        self._body_margin.fill(0.5 * sight_m)
        mujoco.mj_kinematics(self._model, self._data)
        mujoco.mj_collision(self._model, self._data)
        distances = np.full(len(self.pairs), sight_m)
        if self._data.ncon:
            contact = self._data.contact
            first, second = contact.geom.T
            np.minimum.at(distances, self._row[first, second], contact.dist)
        return distances

    def at_least(self, rows: NDArray[np.intp]) -> Array:
        """Return lower bounds on the distances of the pairs `rows` in the pose measured last.

        Quick, and for what is out of sight: from the box around the one to the ball around the
        other. Where these meet there is no telling, and the bound is -inf.
        """
        model, data = self._model, self._data
        first, second = self._geoms[rows, 0], self._geoms[rows, 1]
        turns = data.geom_xmat[first].reshape(-1, 3, 3)
        apart = data.geom_xpos[second] - data.geom_xpos[first]
        local = np.einsum("nji,nj->ni", turns, apart) - model.geom_aabb[first, :3]
        outside = np.maximum(np.abs(local) - model.geom_aabb[first, 3:], 0.0)
        gap = np.linalg.norm(outside, axis=1) - model.geom_rbound[second]
        return np.where(gap > 0.0, gap, -np.inf)

    def _levers(self, geoms: list[tuple[int, int]], joints: int) -> Array:
        """Return by how much a unit of each joint brings a pair nearer, at most (P, J)."""
        reach = np.array([self._reach(geom) for geom in range(self._model.ngeom)])
        levers = np.zeros((len(geoms), joints))
        for row, (first, second) in enumerate(geoms):
            # A joint that carries both changes nothing between them.
            alone = np.where(reach[first] * reach[second] > 0.0, 0.0, reach[first] + reach[second])
            np.add.at(levers[row], self._source, alone)
        return levers

    def _reach(self, geom: int) -> Array:
        """Return how far a unit of each joint's command moves any point of a geom, at most."""
        model = self._model
        reach = np.zeros(model.njnt)
        body = int(model.geom_bodyid[geom])
        # Whatever the joints between do, nothing is further from an axis than all links in a row.
        far = float(np.linalg.norm(model.geom_pos[geom]) + model.geom_rbound[geom])
        while body:
            first = int(model.body_jntadr[body])
            for joint in range(first, first + int(model.body_jntnum[body])):
                slides = model.jnt_type[joint] == mujoco.mjtJoint.mjJNT_SLIDE
                reach[joint] = abs(self._span[joint]) * (1.0 if slides else far)
                if slides:
                    far += abs(self._zero[joint]) + 1.2 * abs(self._span[joint])
            far += float(np.linalg.norm(model.body_pos[body]))
            body = int(model.body_parentid[body])
        return reach


def _meeting(model: mujoco.MjModel) -> list[tuple[int, int]]:
    """Return the pairs of geoms that MuJoCo checks: by their bits, but for neighbouring bodies."""
    kind, meets, body = model.geom_contype, model.geom_conaffinity, model.geom_bodyid
    apart = {(int(pair) >> 16, int(pair) & 0xFFFF) for pair in model.exclude_signature}
    apart |= {(int(parent), child) for child, parent in enumerate(model.body_parentid)}
    return [
        (first, second)
        for first, second in combinations(range(model.ngeom), 2)
        if (kind[first] & meets[second] or kind[second] & meets[first])
        and not {(body[first], body[second]), (body[second], body[first])} & apart
    ]
