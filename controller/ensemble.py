"""What overlapping chunks agree on, as a running weighted mean on the plan's grid."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from controller.alignment import Aligned
from controller.config import ControllerConfig
from motion.limits import gripper_mask

Array = NDArray[np.float64]

FAINTEST = 1e-3  # so that a chunk's last action still counts where there is no other


@dataclass(slots=True)
class _Sums:
    """Sums over the chunks for each grid point from `first` on; rows without chunks are zero."""

    first: int
    count: Array  # (N, 1) chunks that cover the point
    moments: Array  # (N, 1 + 2 J) weights, weighted positions, weighted squares of positions
    gripper: Array  # (N, G) what the grippers shall do

    @property
    def weight(self) -> Array:
        """The weights (N, 1), a view."""
        return self.moments[:, :1]

    @property
    def value(self) -> Array:
        """The weighted positions (N, J), a view."""
        return self.moments[:, 1 : 1 + self.moments.shape[1] // 2]

    @property
    def square(self) -> Array:
        """The weighted squares of positions (N, J), a view."""
        return self.moments[:, 1 + self.moments.shape[1] // 2 :]

    def spanning(self, start: int, stop: int) -> _Sums:
        """Return these sums for the grid points from `start` to `stop` or the end they have."""
        size = max(stop, self.first + len(self.count)) - start

        def moved(rows: Array) -> Array:
            kept = rows[start - self.first :]
            room = np.zeros((size, rows.shape[1]))
            room[: len(kept)] = kept
            return room

        return _Sums(start, moved(self.count), moved(self.moments), moved(self.gripper))


class Ensemble:
    """Joins chunks that overlap; a chunk costs the same whether two or fifty came before it.

    Weights, before they are normalised at each grid point:

    - `act`: exp(-m i), i = 0 the oldest chunk that covers the point (Zhao et al. 2023, ACT).
    - `recency`: exp(-age / tau), age between observations in seconds, fading at a chunk's end.
    - `newest`: the newest chunk where there is one.

    Grippers are never averaged, since half open is neither: they follow the newest chunk, with
    hysteresis.
    """

    def __init__(self, config: ControllerConfig, joints: Sequence[str]) -> None:
        """Begin empty."""
        self._config = config
        self._dt = 1.0 / config.rate_hz
        mask = gripper_mask(joints)
        self._grippers = np.flatnonzero(mask)
        arms = list(dict.fromkeys(name.split("_")[0] for name in joints))
        owned = np.array([[name.split("_")[0] == arm for arm in arms] for name in joints])
        owned &= ~mask[:, None]
        self._arm_mean = owned / np.maximum(owned.sum(axis=0), 1)  # (J, arms)
        self._window = max(1, round(config.mode_window_s * config.rate_hz))
        self._sums: _Sums | None = None
        self._t_obs_ns = 0

    @property
    def blended(self) -> int:
        """How many chunks the reference is made of."""
        if self._sums is None:
            return 0
        return 1 if self._config.ensemble == "newest" else int(self._sums.count[0, 0])

    def clear(self) -> None:
        """Forget all chunks."""
        self._sums = None

    def add(self, chunk: Aligned, start: int) -> bool:
        """Take in a chunk newer than all before; what lies before cursor `start` is forgotten.

        Returns:
            Whether the chunk contradicts the others, so that they were forgotten.
        """
        chunk = chunk.since(start)
        sums = self._spanning(start, chunk)
        switched = self._config.ensemble == "recency" and self._contradicted(sums, chunk)
        if switched or self._sums is None:
            sums = self._nothing(chunk)
        elif self._config.ensemble == "recency":
            age_s = (chunk.t_obs_ns - self._t_obs_ns) * 1e-9
            fade = math.exp(-age_s / self._config.recency_tau_s)
            sums.moments *= fade
        self._accumulate(sums, chunk)
        self._sums, self._t_obs_ns = sums, chunk.t_obs_ns
        return switched

    def reference(self) -> Array:
        """Return the joined chunks (N, J) from the `start` of the last `add` on.

        Raises:
            ValueError: there is no chunk.
        """
        if self._sums is None:
            raise ValueError("an ensemble without chunks has no reference")
        rows = self._sums.value / self._sums.weight
        rows[:, self._grippers] = self._sums.gripper
        return rows

    def _nothing(self, chunk: Aligned) -> _Sums:
        """Return sums over no chunk, for the span of `chunk`."""
        points, joints = chunk.rows.shape
        moments = np.zeros((points, 1 + 2 * joints))
        return _Sums(chunk.first, np.zeros((points, 1)), moments, chunk.rows[:, self._grippers])

    def _spanning(self, start: int, chunk: Aligned) -> _Sums:
        """Return the sums so far for all grid points from `start` that some chunk covers."""
        if self._sums is None or start >= self._sums.first + len(self._sums.count):
            return self._nothing(chunk)
        return self._sums.spanning(start, chunk.stop)

    def _weights(self, sums: _Sums, rows: int) -> Array:
        """Return the newest chunk's weights (rows, 1)."""
        if self._config.ensemble == "act":
            return np.exp(-self._config.act_m * sums.count[:rows])
        if self._config.ensemble == "recency" and self._config.taper_s > 0.0:
            left_s = np.arange(rows, 0, -1.0)[:, None] * self._dt
            return np.clip(left_s / self._config.taper_s, FAINTEST, 1.0)
        return np.ones((rows, 1))

    def _accumulate(self, sums: _Sums, chunk: Aligned) -> None:
        """Add the newest chunk, whose rows begin where the sums do."""
        here = slice(0, len(chunk.rows))
        if self._config.ensemble == "newest":
            sums.moments[here] = 0.0
        weights = self._weights(sums, len(chunk.rows))
        fresh = sums.count[here] == 0.0
        powers = np.concatenate((np.ones_like(weights), chunk.rows, chunk.rows**2), axis=1)
        sums.moments[here] += weights * powers
        sums.count[here] += 1.0
        newest = chunk.rows[:, self._grippers]
        play = self._config.gripper_hysteresis
        held = np.minimum(np.maximum(sums.gripper[here], newest - play), newest + play)
        sums.gripper[here] = np.where(fresh, newest, held)

    def _contradicted(self, sums: _Sums, chunk: Aligned) -> bool:
        """Return whether an arm's newest chunk keeps away from the others beyond their spread."""
        overlap = min(self._window, len(chunk.rows), int(np.count_nonzero(sums.count)))
        if overlap == 0:
            return False
        weight = sums.weight[:overlap]
        mean = sums.value[:overlap] / weight
        variance = np.maximum(sums.square[:overlap] / weight - mean * mean, 0.0)
        distance = (chunk.rows[:overlap] - mean) ** 2
        middle = overlap // 2
        apart = np.sort(distance @ self._arm_mean, axis=0)[middle]
        spread = np.sort(variance @ self._arm_mean, axis=0)[middle]
        allowed = np.maximum(self._config.mode_floor_rad**2, self._config.mode_spreads**2 * spread)
        return bool((apart > allowed).any())
