"""When the course is set out on, how fast it is followed, and when it is stopped."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from controller.course import Course
from controller.mode import POSES, ModeMachine
from controller.plan import Plan
from controller.runway import Runway
from motion import minimum_jerk
from motion.limits import JointLimits

Array = NDArray[np.float64]


class Pacing:
    """Moves the clock of a course by what the mode asks for.

    Attributes:
        runway: how long chunks take to come.
        speed: most of the usual speed, 0..1.
    """

    def __init__(
        self,
        course: Course,
        modes: ModeMachine,
        poses: Mapping[str, Array],
        limits: JointLimits,
        dt: float,
    ) -> None:
        """Pace `course`.

        Args:
            course: what is followed.
            modes: what is to be done.
            poses: (J,) where the modes POSES lead.
            limits: of the way there.
            dt: the control tick in seconds.
        """
        self.runway = Runway()
        self.speed = 1.0
        self._course = course
        self._modes = modes
        self._poses = poses
        self._limits = limits
        self._dt = dt
        self._given_up = False  # what was planned, because something was in the way

    def begin(self) -> None:
        """Begin a new epoch."""
        self._given_up = False
        self.runway.forget_last()

    def give_up(self) -> None:
        """Stand: something is in the way of what was planned."""
        self._given_up = True
        self._course.clock.start(0.0)

    def start(self, now_ns: int) -> None:
        """Follow a plan that begins at rest, at its rate from the first tick on."""
        self._course.clock.start(self._rate(now_ns))

    def step(self, now_ns: int, standing: bool) -> None:
        """Let the clock make its step for this tick; `standing` says whether the arms do."""
        course = self._course
        at_end = course.at_end and not self._given_up
        step = self._modes.step(course.clock.rate == 0.0, at_end)
        # What was in the way of a pose may be gone.
        again = step == "go" and self._given_up and standing and self._modes.mode in POSES
        if step == "depart" or again:
            self._depart()
        elif step == "stop":
            if at_end:
                course.clock.start(0.0)
            course.settle()
            course.clock.step(0.0)
            return
        left_s = course.left_s if self._modes.mode == "run" else math.inf
        course.clock.step(self._rate(now_ns), left_s)

    def _rate(self, now_ns: int) -> float:
        """Return the rate that limits allow and, where chunks are awaited, the runway affords."""
        rate = min(self._course.feasible_rate(), self.speed)
        if self._modes.mode == "run":
            rate = min(rate, self.runway.sustained_rate(self._course.left_s, now_ns))
        return rate

    def _depart(self) -> None:
        """Plan the way to the pose of this mode, from standstill."""
        self._given_up = False
        course = self._course
        pose = self._poses[self._modes.mode]
        rows = minimum_jerk.path(course.pose, pose, self._limits, self._dt)
        course.set_out()
        course.follow(Plan(int(course.cursor), rows))
