"""The plan clock: how fast the cursor moves, changing smoothly and stopping in time."""

from __future__ import annotations

import math

import numpy as np

from motion.braking import braked

ACCELERATION = 3.0  # 1/s, bound on the change of the clock's rate
JERK = 40.0  # 1/s^2, bound on the change of that
RESERVE_S = 0.03  # plan that is left over when the clock has stopped
RELEASE_S = 0.1  # plan that must be there beyond what a stop needs, to give the stop up


class PlanClock:
    """The rate, 0..1, at which the cursor moves along the plan; it changes smoothly."""

    def __init__(self, dt: float) -> None:
        """Begin standing; `dt` is the control tick in seconds."""
        self._dt = dt
        self.rate = 0.0
        self._slope = 0.0
        self._ending = False

    def start(self, rate: float) -> None:
        """Run at `rate` at once, which is smooth only where the plan itself begins at rest."""
        self.rate, self._slope = rate, 0.0

    def stopping_s(self) -> float:
        """Return how much plan passes until the clock stands, if it stops from now on."""
        ease_s = max(self._slope, 0.0) / JERK
        peak = self.rate + 0.5 * self._slope * ease_s
        if peak > ACCELERATION**2 / JERK:
            stop_s = 0.5 * (peak / ACCELERATION + ACCELERATION / JERK)
        else:
            stop_s = math.sqrt(peak / JERK)
        return 0.5 * (self.rate + peak) * ease_s + peak * (stop_s + self._dt)

    def step(self, wanted: float, left_s: float = math.inf) -> float:
        """Return the rate for this tick, on a bounded way to `wanted`.

        Args:
            wanted: the rate to come to.
            left_s: how long the plan lasts at full speed. The clock stops before it ends; a stop
                once begun is given up only when there is clearly more plan.
        """
        needed_s = self.stopping_s() + RESERVE_S
        self._ending = left_s <= needed_s + (RELEASE_S if self._ending else 0.0)
        if self._ending:
            wanted = 0.0
        if self.rate == wanted and self._slope == 0.0:
            return self.rate
        excess = np.array(self.rate - wanted)
        slope = braked(
            excess, np.array(self._slope), np.array(ACCELERATION), np.array(JERK), self._dt
        )
        rate = self.rate + float(slope) * self._dt
        self._slope = float(slope)
        if abs(rate - wanted) < 1e-9:
            rate = wanted
        self.rate = min(max(rate, 0.0), 1.0)  # what rounding may have added
        return self.rate
