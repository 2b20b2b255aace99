"""The stream that all rules face: a smooth motion, told by a policy that never repeats itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

JOINTS = 14
HORIZON = 50
TICK_S = 0.02
SIGMA_RAD = 0.010

Array = NDArray[np.float64]
Reals = NDArray[np.floating[Any]] | NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Motion:
    """A smooth demonstration as a function of plan time: two sines a joint.

    The two bands of frequency and their speed make an RMS velocity of 0.79 rad/s, acceleration of
    2.3 rad/s^2 and jerk of 8 rad/s^3, as in a brisk bimanual demonstration.
    """

    amplitude: Array  # (2, JOINTS) rad
    frequency: Array  # (2, JOINTS) rad/s
    phase: Array  # (2, JOINTS) rad

    @classmethod
    def drawn(cls, seed: int) -> Motion:
        """Draw the frequencies and phases of all joints."""
        random = np.random.default_rng(seed)
        spread = random.uniform(0.92, 1.08, (2, JOINTS))
        frequency = np.array([[1.71], [3.70]]) * spread
        phase = random.uniform(0.0, 2.0 * np.pi, (2, JOINTS))
        return cls(0.79 / frequency, frequency, phase)

    def at(self, cursors: Reals) -> Array:
        """Return the (n, JOINTS) positions at `cursors` (n,), in plan ticks."""
        angle = TICK_S * cursors[:, None, None] * self.frequency + self.phase
        return np.asarray((self.amplitude * np.sin(angle)).sum(axis=1))


@dataclass(frozen=True)
class GoalStep:
    """A goal that moves by `height_rad` in all joints right after wall tick `tick`."""

    tick: int
    height_rad: float = 0.2

    def goal(self, capture_tick: int) -> float:
        """Return where a policy that looks at `capture_tick` wants to be."""
        return self.height_rad if capture_tick > self.tick else 0.0


@dataclass(frozen=True)
class Latency:
    """How long inferences take: a base, uniform jitter on top, and a spike once in a while."""

    base_s: float
    jitter: float = 0.2
    spike_every: int = 100  # inferences; none if 0
    spike_factor: float = 5.0

    def drawn_ticks(self, count: int, seed: int) -> NDArray[np.int64]:
        """Draw `count` latencies, in ticks."""
        random = np.random.default_rng(seed)
        seconds = self.base_s * (1.0 + random.uniform(0.0, self.jitter, count))
        if self.spike_every:
            seconds[self.spike_every // 2 :: self.spike_every] *= self.spike_factor
        return np.rint(seconds / TICK_S).astype(np.int64)


def disagreement(random: np.random.Generator) -> Array:
    """Draw how one chunk errs, (HORIZON, JOINTS) rad.

    An offset and a drift of its own in each joint: SIGMA_RAD where a chunk is normally used, more
    towards its end, because a policy is less sure of what is farther away.
    """
    lead = np.arange(HORIZON)[:, None] / HORIZON
    offset, drift = random.normal(0.0, SIGMA_RAD, (2, 1, JOINTS))
    return np.asarray(offset + 1.3 * lead * drift)


@dataclass(frozen=True)
class Chunk:
    """What a rule is given: HORIZON actions, and when and where in the plan they were seen."""

    actions: Array  # (HORIZON, JOINTS) rad, TICK_S apart
    capture_tick: int  # wall tick of the observation
    cursor: float  # plan tick of the observation: actions[i] belongs to plan tick cursor + i
