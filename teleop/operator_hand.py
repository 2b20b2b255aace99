"""How the simulated operator's hands go: along a plan, out of a motion, and never quite still."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion import minimum_jerk
from motion.handover import Plan, sampled
from motion.limits import gripper_mask
from motion.sight import SIDES

Array = NDArray[np.float64]
Tremor = Callable[[float], Array]

_FADE_S: Final = 0.4  # in which a motion from before comes to its end
_WAVES: Final = 4
_WAVE_HZ: Final = (0.2, 2.0)
_STEADY_S: Final = 0.5  # in which hands that take hold begin to tremble
_QUICK_RAD_S: Final = 1.0  # of any joint
_STILL_SHARE: Final = 0.3  # of the tremor of quick hands, in hands that are still
_TICK_S: Final = 0.01


def tremor(draw: np.random.Generator, joints: tuple[str, ...], rms_rad: float) -> Tremor:
    """Return how far from where they mean to be hands are, (J,), by the seconds since a takeover.

    Slow waves, drawn anew for every joint; none at first, and none in the grippers.
    """
    shape = (_WAVES, len(joints))
    rate = 2 * np.pi * draw.uniform(*_WAVE_HZ, shape)
    phase = draw.uniform(0.0, 2 * np.pi, shape)
    size = np.where(gripper_mask(joints), 0.0, rms_rad * np.sqrt(2 / _WAVES))

    def at(since_s: float) -> Array:
        grown = minimum_jerk.blend(np.array(min(since_s / _STEADY_S, 1.0)))
        waves: Array = grown * size * np.sin(rate * since_s + phase).sum(axis=0)
        return waves

    return at


def faded(offset: Array, velocity: Array, since_s: Array) -> Array:
    """Return (T, J) what is left of an `offset` (J,), which had a `velocity` (J,), after a while.

    Minimum jerk brings the one to rest at zero; the other goes on at first, and ends there too:
    x(0) = x(T) = x'(T) = x''(0) = x''(T) = 0 and x'(0) = velocity.
    """
    u = np.minimum(since_s / _FADE_S, 1.0)[:, None]
    coasting = _FADE_S * (u + u**3 * (-6.0 + 8.0 * u - 3.0 * u * u))
    return offset * (1.0 - minimum_jerk.blend(u)) + velocity * coasting


class Hands:
    """Both hands (14,) on their way along a plan, begun in mid-motion.

    Attributes:
        plan: where they go.
    """

    def __init__(
        self,
        plan: Plan,
        begun_ns: int,
        velocity: Array,
        shake: Tremor,
        taken_ns: int,
        offset: Array | float = 0.0,
    ) -> None:
        """Begin to follow a plan.

        Args:
            plan: where to go.
            begun_ns: when.
            velocity: (14,) that the hands have.
            shake: how they tremble.
            taken_ns: since when they do.
            offset: (14,) from where the plan begins to where they are.
        """
        self.plan = plan
        self._begun_ns = begun_ns
        self._velocity = velocity
        self._offset = np.broadcast_to(offset, velocity.shape)
        self._shake = shake
        self._taken_ns = taken_ns

    def meant(self, now_ns: int) -> Array:
        """Return where the hands mean to be."""
        now: Array = self._meant(now_ns)[0]
        return now

    def pose(self, now_ns: int) -> Array:
        """Return where the hands are: the slower they move, the steadier they are.

        Harris and Wolpert (1998): the noise of what moves a hand grows with what it does.
        """
        meant, soon = self._meant(now_ns)
        quick = min(float(np.abs(soon - meant).max()) / (_TICK_S * _QUICK_RAD_S), 1.0)
        share = _STILL_SHARE + (1.0 - _STILL_SHARE) * quick
        pose: Array = meant + share * self._shake((now_ns - self._taken_ns) * 1e-9)
        return pose

    def replanned(self, plan: Plan, now_ns: int) -> Hands:
        """Return the same hands on another way, without a step wherever it begins."""
        meant, soon = self._meant(now_ns)
        velocity, offset = (soon - meant) / _TICK_S, meant - _planned(plan, np.zeros(1))[0]
        return Hands(plan, now_ns, velocity, self._shake, self._taken_ns, offset)

    def _meant(self, now_ns: int) -> Array:
        """Return where the hands mean to be now and a tick later, (2, 14)."""
        since_s = (now_ns - self._begun_ns) * 1e-9 + np.array([0.0, _TICK_S])
        return _planned(self.plan, since_s) + faded(self._offset, self._velocity, since_s)


def _planned(plan: Plan, times_s: Array) -> Array:
    return np.hstack([sampled(plan[side], times_s) for side in SIDES])
