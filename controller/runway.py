"""How fast the plan may be run: within the joints' limits, and so that it lasts."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from controller.clock import RESERVE_S
from motion.limits import JointLimits

Array = NDArray[np.float64]

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


class Runway:
    """Learns how long chunks take, and says what rate they can sustain.

    Gap-free motion needs latency + cycle <= horizon; where that fails, the plan is run slower from
    the outset instead of in bursts.
    """

    def __init__(self) -> None:
        """Begin with nothing known, and full speed."""
        self.latency_s = 0.0
        self._latency = LatencyWindow()
        self._cycle = LatencyWindow()
        self._cycle_s = 0.0
        self._span_s = 0.0
        self._t_merge_ns: int | None = None

    def forget_last(self) -> None:
        """Begin a new epoch: the next chunk tells nothing about the time between chunks."""
        self._t_merge_ns = None

    def merged(self, t_obs_ns: int, span_s: float, now_ns: int) -> None:
        """Learn from a chunk over `span_s` that was merged now."""
        self._latency.add((now_ns - t_obs_ns) * 1e-9)
        self.latency_s = self._latency.percentile(95.0)
        if self._t_merge_ns is not None:
            self._cycle.add((now_ns - self._t_merge_ns) * 1e-9)
            self._cycle_s = self._cycle.percentile(95.0)
        self._t_merge_ns = now_ns
        self._span_s = span_s

    def sustained_rate(self, left_s: float, now_ns: int) -> float:
        """Return the rate at which the plan, `left_s` long at full speed, lasts."""
        since_s = 0.0 if self._t_merge_ns is None else (now_ns - self._t_merge_ns) * 1e-9
        return min(
            lasting_rate(left_s, max(self._cycle_s - since_s, 0.0)),
            lasting_rate(self._span_s, self.latency_s + self._cycle_s),
        )


def lasting_rate(plan_s: float, needed_s: float) -> float:
    """Return the rate at which so much plan lasts for the time needed.

    Args:
        plan_s: how long the plan lasts at full speed.
        needed_s: how long it has to last.
    """
    left_s = max(plan_s - RESERVE_S, 0.0)
    return 1.0 if left_s >= needed_s else left_s / needed_s


def feasible_rates(rows: Array, limits: JointLimits, dt: float) -> Array:
    """Return for each of `rows` (N, J) the rate (N,) at which the plan there respects the limits.

    At rate r the plan's velocity, acceleration and jerk scale with r, r^2 and r^3.
    """
    rates = np.ones(len(rows))
    change = rows
    caps = (limits.velocity, limits.acceleration, limits.jerk)
    for order, (cap, share) in enumerate(zip(caps, CAUTION, strict=True), start=1):
        change = change[1:] - change[:-1]
        excess = np.abs(change * (1.0 / (share * cap * dt**order)))
        if excess.max(initial=0.0) > 1.0:
            slower = np.maximum(excess.max(axis=1), 1.0) ** (-1.0 / order)
            rates[order:] = np.minimum(rates[order:], slower)
    return rates
