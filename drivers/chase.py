"""How a leader comes after its arm: at its own pace, whatever the targets' pace. Pure."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion.limits import JointLimits

Array = NDArray[np.float64]

SHARE: Final = 0.6  # of the limits: what follows may be slower than what leads
CATCH_UP: Final = 0.3  # of the velocity limit, at most, to make up for what it is behind
_GAIN_HZ: Final = 12.0  # of that, while little is missing
_HARSH: Final = 0.4  # of the acceleration, with which it comes to rest at its target
_REACTION_S: Final = 0.04  # until it has the speed that it wants
_VELOCITY_S: Final = 0.05  # over which the targets' velocity is taken
_PAUSE_NS: Final = 80_000_000  # without a new target, after which the last one is where it is


class Chase:
    """A smooth way after targets that come when they come, and may leap.

    It goes with the targets' velocity, and a little faster or slower to close the gap. Velocity,
    acceleration and jerk stay within a share of the limits, all joints for themselves.
    """

    def __init__(self, limits: JointLimits, dt_s: float, position: Array) -> None:
        """Begin at rest at `position` (J,); a step lasts `dt_s`."""
        self.position = position.copy()
        self._velocity = np.zeros_like(position)
        self._acceleration = np.zeros_like(position)
        self._dt_s = dt_s
        self._most_velocity = SHARE * limits.velocity
        self._most_acceleration = SHARE * limits.acceleration
        self._most_change = SHARE * limits.jerk * dt_s
        self._catch_up = CATCH_UP * limits.velocity
        self._target = position.copy()
        self._target_velocity = np.zeros_like(position)
        self._target_ns = 0

    def aim(self, target: Array, t_ns: int) -> None:
        """Take a new target (J,), told at `t_ns`; one that was taken already changes nothing."""
        passed_s = (t_ns - self._target_ns) * 1e-9
        if passed_s <= 0.0:
            return
        velocity = (target - self._target) / passed_s
        leaps = np.abs(velocity) > self._most_velocity / SHARE
        leaps |= passed_s * 1e9 > 2 * _PAUSE_NS
        share = min(passed_s / _VELOCITY_S, 1.0)
        drift = self._target_velocity + share * (velocity - self._target_velocity)
        self._target_velocity = np.where(leaps, 0.0, drift)
        self._target, self._target_ns = target.copy(), t_ns

    def step(self, now_ns: int) -> Array:
        """Return where to be (J,) after another step."""
        since_ns = max(now_ns - self._target_ns, 0)
        led = np.zeros_like(self.position) if since_ns > _PAUSE_NS else self._target_velocity
        missing = self._target + led * since_ns * 1e-9 - self.position
        far = np.abs(missing)
        catching = np.minimum(_GAIN_HZ * far, np.sqrt(2 * _HARSH * self._most_acceleration * far))
        catching = np.sign(missing) * np.minimum(catching, self._catch_up)
        wanted = np.clip(led + catching, -self._most_velocity, self._most_velocity)
        pull = (wanted - self._velocity) / _REACTION_S
        pull = np.clip(pull, -self._most_acceleration, self._most_acceleration)
        change = np.clip(pull - self._acceleration, -self._most_change, self._most_change)
        self._acceleration = self._acceleration + change
        self._velocity = self._velocity + self._acceleration * self._dt_s
        self.position = self.position + self._velocity * self._dt_s
        return self.position.copy()
