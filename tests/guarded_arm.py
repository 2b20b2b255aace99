"""An arm behind its driver's guard, period by period."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from drivers.guard import MISSING, WIDER, Guard, GuardedCommand
from motion.limits import JointLimits, LimitsConfig
from motion.minimum_jerk import blend

Array = NDArray[np.float64]
JOINTS = ("left_waist", "left_elbow", "left_gripper")
LIMITS = JointLimits.build(JOINTS, [-1.5, -1.5, 0], [1.5, 1.5, 1], LimitsConfig())
DT_NS = 10_000_000
DT = 0.01
HOME = np.array([0.1, -0.1, 0.5])


def motion(tick: int) -> Array:
    """Return a smooth motion that is at rest at `HOME` until tick 20."""
    height = 0.3 * (1.0 - np.cos(0.02 * max(tick - 20, 0)))
    return np.asarray(HOME + height * np.array([1.0, -1.0, 0.5]))


class Run:
    """A guard that was given commands, and what it made of them."""

    def __init__(self) -> None:
        self.guard = Guard(LIMITS, DT_NS, HOME)
        self.outcomes = [GuardedCommand(HOME, "")] * 3
        self.tick = 0

    def give(
        self,
        command: Array | None,
        age_ns: int = 1_000_000,
        trouble: str = "",
        measured: Array | None = None,
    ) -> GuardedCommand:
        now_ns = self.tick * DT_NS
        outcome = self.guard.checked(command, self.tick, now_ns - age_ns, now_ns, trouble, measured)
        # A late command arrives in a period that has had its step already, and makes none.
        if command is None or outcome.holding != MISSING:
            self.outcomes.append(outcome)
        self.tick += 1
        return outcome

    def follow(self, ticks: int) -> "Run":
        for _ in range(ticks):
            self.give(motion(self.tick))
        return self

    @property
    def positions(self) -> Array:
        return np.array([outcome.position for outcome in self.outcomes])

    def assert_within_limits(self, stopped: bool = False) -> None:
        caps = [WIDER * LIMITS.velocity, WIDER * LIMITS.acceleration, WIDER * LIMITS.jerk]
        if stopped:
            caps[1:] = [LIMITS.stop_acceleration, LIMITS.stop_jerk]
        for order, cap in enumerate(caps, start=1):
            rate = np.abs(np.diff(self.positions, order, axis=0)) / DT**order
            assert (rate <= cap * (1 + 1e-6)).all(), (order, rate.max(axis=0))
        assert (self.positions >= LIMITS.lower - 1e-7).all()
        assert (self.positions <= LIMITS.upper + 1e-7).all()


def reasons(outcomes: Iterable[GuardedCommand]) -> set[str]:
    return {outcome.holding for outcome in outcomes}


def at_speed(speed: float) -> Run:
    """Return a run that has just reached a speed of the waist in rad/s."""
    run = Run()
    velocities = speed * blend(np.clip(np.arange(-10, 44) / 40.0, 0.0, 1.0))
    for moved in np.cumsum(velocities) * DT:
        run.give(HOME + np.array([moved, 0.0, 0.0]))
    assert run.outcomes[-1].holding == ""
    return run
