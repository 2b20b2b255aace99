"""What lies between what the arms do and what they shall do, on its way to nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from motion.limits import JointLimits
from motion.minimum_jerk import blend, durations, halted, halting_s

Array = NDArray[np.float64]

FADE_SPEED = 0.4  # of the usual speed, for what is to be made up: the rest is for the motion itself
BRAKE_SHARE = 0.5  # of the limits, for a motion that comes to rest
_LEAST_S = 1e-3


class Fade:
    """A gap between two motions of J joints that closes, each joint by itself.

    The difference in velocity and acceleration comes to rest, while what it leaves between is made
    up; place, velocity and acceleration go on from those at the beginning.

    Attributes:
        rest: (J,) how far the difference in velocity and acceleration leads.
    """

    def __init__(
        self, place: Array, velocity: Array, acceleration: Array, limits: JointLimits
    ) -> None:
        """Begin with a gap in place, velocity and acceleration, each (J,)."""
        self._velocity, self._acceleration = velocity, acceleration
        quick, slow = limits.scaled(BRAKE_SHARE), limits.slowed(FADE_SPEED)
        self._halt_s = np.maximum(halting_s(velocity, acceleration, quick), _LEAST_S)
        self.rest = halted(velocity, acceleration, self._halt_s, np.ones(()))
        self._gap = place + self.rest
        self._gap_s = np.maximum(durations(self._gap, slow), _LEAST_S)

    def at(self, seconds: float) -> Array:
        """Return what is left of the gap (J,) so long after its beginning."""
        stopping = np.minimum(seconds / self._halt_s, 1.0)
        done = blend(np.minimum(seconds / self._gap_s, 1.0))
        moved = halted(self._velocity, self._acceleration, self._halt_s, stopping)
        return np.asarray(moved - self.rest + (1.0 - done) * self._gap)
