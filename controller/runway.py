"""How fast to move along the plan, so that it never ends in motion."""

from __future__ import annotations

import math
from collections import deque

import numpy as np
from numpy.typing import NDArray

from motion.braking import braked
from motion.limits import JointLimits

Array = NDArray[np.float64]

ACCELERATION = 3.0  # 1/s, bound on the change of the clock's rate
JERK = 40.0  # 1/s^2, bound on the change of that
RESERVE_S = 0.03  # plan that is left over when the clock has stopped
RELEASE_S = 0.1  # plan that must be there beyond what a stop needs, to give the stop up
AHEAD_S = 0.4  # how far ahead limits are respected: longer than the clock takes to slow down
# Fractions of velocity, acceleration and jerk that plans are stretched to; what the changing rate
# adds must fit in beside them.
CAUTION = (0.95, 0.85, 0.7)


class LatencyWindow:
    """Percentiles over the newest values; the first ones, which warm-up spoils, are left out."""

    def __init__(self, size: int = 50, skip: int = 2) -> None:
        """Keep `size` values after the first `skip`."""
        self._values: deque[float] = deque(maxlen=size)
        self._skip = skip

    def add(self, value: float) -> None:
        """Take in a value in seconds."""
        if self._skip > 0:
            self._skip -= 1
            return
        self._values.append(value)

    def percentile(self, percent: float) -> float:
        """Return a percentile of the values in the window, 0 if there is none."""
        if not self._values:
            return 0.0
        ordered = sorted(self._values)
        return ordered[min(int(len(ordered) * percent / 100.0), len(ordered) - 1)]


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


def affordable_rate(runway_s: float, next_chunk_s: float) -> float:
    """Return the rate at which the plan lasts until the next chunk.

    Args:
        runway_s: how long the plan lasts from here at full speed.
        next_chunk_s: time until the next chunk is due; 0 if it is overdue or unknown.
    """
    left_s = max(runway_s - RESERVE_S, 0.0)
    return 1.0 if left_s >= next_chunk_s else left_s / next_chunk_s


def feasible_rates(rows: Array, limits: JointLimits, dt: float) -> Array:
    """Return for each of `rows` (N, J) the rate (N,) at which the plan there respects the limits.

    At rate r the plan's velocity, acceleration and jerk scale with r, r^2 and r^3.
    """
    rates = np.ones(len(rows))
    change = rows
    caps = (limits.velocity, limits.acceleration, limits.jerk)
    for order, (cap, share) in enumerate(zip(caps, CAUTION, strict=True), start=1):
        change = change[1:] - change[:-1]
        excess = np.abs(change / (share * cap * dt**order)).max(axis=1, initial=0.0)
        if excess.max(initial=0.0) > 1.0:
            rates[order:] = np.minimum(rates[order:], np.maximum(excess, 1.0) ** (-1.0 / order))
    return rates
