"""Where a chunk's actions belong on the plan's grid: at the moment its observation was captured."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

CATMULL_ROM = np.array(  # powers of u by points: those before, at, after and two after
    (
        (0.0, 1.0, 0.0, 0.0),
        (-0.5, 0.0, 0.5, 0.0),
        (1.0, -2.5, 2.0, -0.5),
        (-0.5, 1.5, -1.5, 0.5),
    )
)


@dataclass(frozen=True, slots=True)
class Aligned:
    """A chunk on the plan's grid.

    Attributes:
        t_obs_ns: when its observation was captured.
        first: cursor of the first row.
        rows: (N, J) poses, one for each control tick.
    """

    t_obs_ns: int
    first: int
    rows: Array

    @property
    def stop(self) -> int:
        """Return the cursor after the last row."""
        return self.first + len(self.rows)

    def since(self, start: int) -> Aligned:
        """Return it from cursor `start` on, before its end; what is missing there repeats row 0."""
        if start < self.first:
            lead = np.repeat(self.rows[:1], self.first - start, axis=0)
            return Aligned(self.t_obs_ns, start, np.concatenate((lead, self.rows)))
        return Aligned(self.t_obs_ns, start, self.rows[start - self.first :])


def aligned(actions: Array, cursor: float, chunk_dt_ns: int, dt_ns: int, t_obs_ns: int) -> Aligned:
    """Return a chunk resampled to the control grid; it covers no cursor outside its own span.

    Action i sits at `cursor + i * chunk_dt_ns / dt_ns`. Between actions the curve is Catmull-Rom's
    cubic (1974), exact at the actions.

    Args:
        actions: (H, J), H >= 2, over a span of at least one control tick.
        cursor: plan cursor at the observation's capture.
        chunk_dt_ns: time between actions.
        dt_ns: length of a control tick.
        t_obs_ns: when the observation was captured.
    """
    stride = chunk_dt_ns / dt_ns
    first = math.ceil(cursor - 1e-9)
    stop = math.floor(cursor + (len(actions) - 1) * stride + 1e-9) + 1
    place = (np.arange(first, stop) - cursor) / stride
    nearest = np.rint(place)
    place = np.where(np.abs(place - nearest) < 1e-9, nearest, place)
    index = np.minimum(np.floor(place).astype(np.intp), len(actions) - 2)
    return Aligned(t_obs_ns, first, _catmull_rom(actions, index, place - index))


def _catmull_rom(points: Array, index: NDArray[np.intp], u: Array) -> Array:
    """Return the curve (N, J) through `points` (H, J) at `index + u` (N,), with straight ends."""
    before, after = 2.0 * points[:1] - points[1:2], 2.0 * points[-1:] - points[-2:-1]
    padded = np.concatenate((before, points, after))
    square = u * u
    powers = np.stack((np.ones_like(u), u, square, u * square), axis=1)
    weights = np.zeros((len(index), len(padded)))
    first = np.arange(0, weights.size, len(padded)) + index  # of each row's four, in one line
    weights.reshape(-1)[first[:, None] + np.arange(4)] = powers @ CATMULL_ROM
    return weights @ padded
