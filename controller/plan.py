"""The plan: poses on the control grid, and a smooth curve through them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SNAP = 1e-9  # a cursor this near to a grid point is on it


@dataclass(frozen=True, slots=True)
class Plan:
    """Poses at the whole numbers of the plan cursor, constant before the first and after the last.

    Attributes:
        first: cursor of the first row.
        rows: (N, J) poses, one for each control tick at full speed.
    """

    first: int
    rows: Array

    @classmethod
    def at_rest(cls, cursor: float, pose: Array) -> Plan:
        """Return the plan to stay at `pose` (J,)."""
        return cls(math.floor(cursor), pose[None].copy())

    @property
    def resting(self) -> bool:
        """Return whether it is to stay where it is."""
        return len(self.rows) == 1

    @property
    def last(self) -> int:
        """Return the cursor of the last row."""
        return self.first + len(self.rows) - 1

    def between(self, start: int, stop: int) -> Array:
        """Return the poses (stop - start, J) at the cursors start, start + 1, ..., stop - 1."""
        index = np.arange(start - self.first, stop - self.first)
        rows: Array = self.rows[np.minimum(np.maximum(index, 0), len(self.rows) - 1)]
        return rows

    def at(self, cursor: float) -> Array:
        """Return the pose (J,) at any cursor.

        Between grid points it is the quintic with the central differences of its ends as velocity
        and acceleration: continuous in both, and exact on the grid.
        """
        near = round(cursor)
        if abs(cursor - near) < SNAP:
            return np.asarray(self.between(near, near + 1)[0])
        start = math.floor(cursor)
        return np.asarray(quintic_weights(cursor - start) @ self.between(start - 1, start + 3))

    def upcoming(self, cursor: float, count: int) -> Array:
        """Return the poses (count, J) at cursor, cursor + 1, ..."""
        near = round(cursor)
        if abs(cursor - near) < SNAP:
            return self.between(near, near + count)
        start = math.floor(cursor)
        w = quintic_weights(cursor - start)
        rows = self.between(start - 1, start + count + 2)
        return np.asarray(
            w[0] * rows[:-3] + w[1] * rows[1:-2] + w[2] * rows[2:-1] + w[3] * rows[3:]
        )

    def joined(self, start: int, rows: Array, keep: int) -> Plan:
        """Return this plan with `rows` (N, J) from cursor `start` on, and `keep` rows before it."""
        return Plan(start - keep, np.concatenate((self.between(start - keep, start), rows)))


def quintic_weights(u: float) -> Array:
    """Return the weights (4,) of the grid points -1, 0, 1, 2 for a position 0 <= u <= 1.

    Quintic Hermite basis with velocity (q[1] - q[-1]) / 2 and acceleration q[1] - 2 q[0] + q[-1].
    """
    u3 = u * u * u
    begin_velocity = u + u3 * (-6.0 + u * (8.0 - 3.0 * u))
    begin_acceleration = 0.5 * u * u + u3 * (-1.5 + u * (1.5 - 0.5 * u))
    end_acceleration = u3 * (0.5 + u * (-1.0 + 0.5 * u))
    end_velocity = u3 * (-4.0 + u * (7.0 - 3.0 * u))
    end = u3 * (10.0 + u * (-15.0 + 6.0 * u))
    return np.array(
        (
            begin_acceleration - 0.5 * begin_velocity,
            1.0 - end - 2.0 * begin_acceleration - 0.5 * end_velocity + end_acceleration,
            end + 0.5 * begin_velocity + begin_acceleration - 2.0 * end_acceleration,
            0.5 * end_velocity + end_acceleration,
        )
    )
