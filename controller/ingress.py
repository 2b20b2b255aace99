"""Which chunks are fit to be merged; every refusal has a name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from messaging.messages import ActionChunk
from motion.limits import JointLimits, gripper_mask

Array = NDArray[np.float64]

Refusal = Literal[
    "not_running",
    "epoch",
    "joints",
    "shape",
    "not_finite",
    "future",
    "stale",
    "duplicate",
    "out_of_order",
    "beyond_limits",
]

FAR_OUTSIDE = 0.2  # rad or gripper range: not a rounding error but a wrong robot
FAR_TOO_FAST = 3.0  # times the greatest velocity
FUTURE_S = 0.2  # how far a worker may have extrapolated the cursor
LEAST_LEFT_TICKS = 4  # that a chunk must still have before it, so that a splice can reach it
LONGEST_S = 10.0  # span of a chunk that no policy means
MOST_ACTIONS = 1000  # of a chunk, which is merged between two ticks


class Ingress:
    """Checks chunks one by one; remembers the newest observation that was merged."""

    def __init__(self, joints: Sequence[str], limits: JointLimits, max_age_s: float) -> None:
        """Expect `joints` in this order."""
        self._joints = tuple(joints)
        self._limits = limits
        self._least, self._most = limits.lower + limits.margin, limits.upper - limits.margin
        self._arms = ~gripper_mask(limits.joints)
        self._max_age_s = max_age_s
        self._newest_t_obs_ns: int | None = None

    def forget(self) -> None:
        """Begin a new epoch: no observation has been merged yet."""
        self._newest_t_obs_ns = None

    def refusal(self, chunk: ActionChunk, cursor: float, dt_ns: int, now_ns: int) -> Refusal | None:
        """Return why `chunk` must not be merged at plan `cursor`, None if it may."""
        return (
            self._malformed(chunk, dt_ns)
            or self._untimely(chunk, cursor, dt_ns, now_ns)
            or self._impossible(chunk)
        )

    def merged(self, chunk: ActionChunk) -> None:
        """Remember that `chunk` was merged."""
        self._newest_t_obs_ns = chunk.t_obs_ns

    def clipped(self, actions: Array) -> tuple[Array, bool]:
        """Return `actions` (H, J) inside the soft limits, and whether that changed an arm's.

        Policies drive grippers into their stops on purpose, to hold fast: nothing worth telling.
        """
        inside = np.minimum(np.maximum(actions, self._least), self._most)
        return inside, bool((inside != actions).any(axis=0)[self._arms].any())

    def _malformed(self, chunk: ActionChunk, dt_ns: int) -> Refusal | None:
        """Return what is wrong with its form."""
        if chunk.joints != self._joints:
            return "joints"
        actions = chunk.actions
        if actions.ndim != 2 or actions.shape[0] < 2 or actions.shape[1] != len(self._joints):
            return "shape"
        span_ns = chunk.dt_ns * (len(actions) - 1)
        if not dt_ns <= span_ns <= LONGEST_S * 1e9 or len(actions) > MOST_ACTIONS:
            return "shape"
        if not np.isfinite(chunk.cursor) or not np.isfinite(actions).all():
            return "not_finite"
        return None

    def _untimely(
        self, chunk: ActionChunk, cursor: float, dt_ns: int, now_ns: int
    ) -> Refusal | None:
        """Return what is wrong with its time."""
        age_s = (now_ns - chunk.t_obs_ns) * 1e-9
        ahead_s = (chunk.cursor - cursor) * dt_ns * 1e-9
        if age_s < 0.0 or ahead_s > FUTURE_S:
            return "future"
        span_s = (len(chunk.actions) - 1) * chunk.dt_ns * 1e-9
        if age_s > self._max_age_s or -ahead_s > span_s - LEAST_LEFT_TICKS * dt_ns * 1e-9:
            return "stale"
        if self._newest_t_obs_ns is not None:
            if chunk.t_obs_ns == self._newest_t_obs_ns:
                return "duplicate"
            if chunk.t_obs_ns < self._newest_t_obs_ns:
                return "out_of_order"
        return None

    def _impossible(self, chunk: ActionChunk) -> Refusal | None:
        """Return whether no robot of this kind could do it."""
        actions, limits = chunk.actions, self._limits
        below, above = limits.lower - FAR_OUTSIDE, limits.upper + FAR_OUTSIDE
        if (actions.min(axis=0) < below).any() or (actions.max(axis=0) > above).any():
            return "beyond_limits"
        step = np.abs(actions[1:] - actions[:-1]).max(axis=0)
        if (step > FAR_TOO_FAST * limits.velocity * (chunk.dt_ns * 1e-9)).any():
            return "beyond_limits"
        return None
