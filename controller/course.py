"""The course: which plan is followed, how far along it the cursor is, and how fast that moves."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from controller.clock import PlanClock
from controller.fade import BRAKE_SHARE
from controller.plan import SNAP, Plan
from controller.runway import AHEAD_S, feasible_rates
from motion.limiter import Limiter
from motion.limits import JointLimits
from motion.minimum_jerk import halted, halting_s

Array = NDArray[np.float64]

KEPT = 4  # rows of a plan before its newest part, for differences that reach back


class Course:
    """A plan, a cursor on it, and the clock that moves the cursor."""

    def __init__(self, limits: JointLimits, dt: float, pose: Array) -> None:
        """Stand at `pose` (J,); `dt` is the control tick in seconds."""
        self.cursor = 0.0
        self.clock = PlanClock(dt)
        self._limits = limits
        self._dt = dt
        self.stay(pose)

    @property
    def plan(self) -> Plan:
        """The plan that is followed."""
        return self._plan

    @property
    def pose(self) -> Array:
        """The pose (J,) at the cursor."""
        return self._plan.at(self.cursor)

    @property
    def at_end(self) -> bool:
        """Whether the cursor has come to the end of the plan."""
        return self.cursor >= self._plan.last

    @property
    def resting(self) -> bool:
        """Whether the clock stands, and the plan is to stay where it is."""
        return self.clock.rate == 0.0 and self._plan.resting

    @property
    def left_s(self) -> float:
        """How long the plan lasts from the next command on, at full speed."""
        return max(self._plan.last - self.cursor, 0.0) * self._dt

    @property
    def next_row(self) -> int:
        """Cursor of the first row that has not been passed."""
        return math.ceil(self.cursor - SNAP)

    def first_free(self, kinks: bool) -> int:
        """Return the first row that may change without a kink in what is about to be sent.

        Args:
            kinks: they are welcome.
        """
        upper = self.next_row
        if kinks or (self.clock.rate == 1.0 and self.cursor > upper - SNAP):
            return upper
        # Slower, the next command lies between rows, and all four that it is made of must stay.
        return upper + 1 if self._plan.resting else math.floor(self.cursor) + 3

    def feasible_rate(self) -> float:
        """Return the greatest rate that the plan just ahead allows."""
        here = max(math.floor(self.cursor) - self._plan.first, 0)
        ahead = self._rates[here : here + round(AHEAD_S / self._dt)]
        return float(ahead.min(initial=1.0))

    def upcoming(self, seconds: float) -> Array:
        """Return the poses (K, J) from the cursor on, one a control tick."""
        return self._plan.upcoming(self.cursor, max(1, round(seconds / self._dt)))

    def follow(self, plan: Plan) -> None:
        """Make `plan` the plan."""
        self._plan = plan
        self._rates = feasible_rates(plan.rows, self._limits, self._dt)

    def join(self, start: int, rows: Array) -> None:
        """Let `rows` (N, J) follow what the plan says before cursor `start`."""
        self.follow(self._plan.joined(start, rows, KEPT))

    def stay(self, pose: Array) -> None:
        """Plan to stay at `pose` (J,)."""
        self.follow(Plan.at_rest(self.cursor, pose))

    def settle(self) -> None:
        """Once stopped on purpose, forget the rest of the plan: what comes next begins at rest."""
        if self.clock.rate == 0.0 and not self._plan.resting:
            self.stay(self.pose)

    def set_out(self) -> None:
        """Run at full speed from the next row on."""
        self.cursor = float(math.ceil(self.cursor))
        self.clock.start(1.0)

    def retrace(self, sent: Limiter) -> None:
        """Let the plan begin with what was really `sent`."""
        start = self.next_row
        self.follow(Plan(start - KEPT, sent.past(KEPT)))

    def brake(self, sent: Limiter) -> None:
        """Plan the gentle stop that follows what was `sent`."""
        velocity = sent.velocity + 0.5 * self._dt * sent.acceleration  # at its end, not on average
        gentle = self._limits.scaled(BRAKE_SHARE)
        seconds = float(halting_s(velocity, sent.acceleration, gentle).max())
        ticks = math.ceil(seconds / self._dt) + 1
        u = np.arange(1, ticks + 1)[:, None] / ticks
        stop = halted(velocity, sent.acceleration, ticks * self._dt, u)
        self.retrace(sent)
        self.join(self.next_row, sent.position + stop)
        self.clock.start(1.0)
