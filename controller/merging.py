"""How chunks become the plan: ensembled with those before them, then spliced to the motion."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from controller.alignment import Aligned
from controller.config import ControllerConfig
from controller.course import Course
from controller.ensemble import Ensemble
from controller.plan import Plan
from controller.splice import HISTORY, continued, spliced
from motion.limiter import Limiter
from motion.limits import gripper_mask

Array = NDArray[np.float64]


class Merging:
    """The chunks of the present epoch, and what they make of a plan.

    Attributes:
        newest: number of the newest chunk, 0 before the first.
        disagreement_rad: of the newest chunk with the plan that it joined, RMS over the arms.
    """

    def __init__(
        self, config: ControllerConfig, joints: Sequence[str], counters: Counter[str]
    ) -> None:
        """Begin without chunks; `counters` is where contradictions are counted."""
        self.newest = 0
        self.disagreement_rad = 0.0
        self._config = config
        self._counters = counters
        self._dt = 1.0 / config.rate_hz
        self._arms = np.flatnonzero(~gripper_mask(joints))
        self._ensemble = Ensemble(config, joints)

    @property
    def blended(self) -> int:
        """How many chunks the plan ahead is made of."""
        return self._ensemble.blended

    def forget(self) -> None:
        """Begin a new epoch."""
        self.newest = 0
        self._ensemble.clear()

    def rows(self, plan: Plan, chunk: Aligned, start: int, seq: int) -> Array:
        """Take in chunk number `seq`; returns what follows `plan` (N, J) from `start` on."""
        self.newest = seq
        if self._ensemble.add(chunk, start):
            self._counters["mode_switch"] += 1
        rows = self._ensemble.reference()
        self.disagreement_rad = self._apart(plan, chunk.since(start))
        if self._config.splice == "minimum_jerk":
            rows = self._smoothed(plan, start, rows)
        return rows

    def rejoin(self, course: Course, sent: Limiter) -> None:
        """After the limits held a command back, let the plan begin where the joints really are."""
        start, plan = course.next_row, course.plan
        if course.clock.rate == 0.0:
            # Nothing to go on with: a plan that stays behind would be chased, to and fro.
            course.follow(Plan(start, sent.position[None].copy()))
            return
        reference = plan.between(start, max(plan.last + 1, start + 1))
        course.retrace(sent)
        course.join(start, self._smoothed(course.plan, start, reference))

    def _smoothed(self, plan: Plan, start: int, reference: Array) -> Array:
        """Return the rows that follow `plan` before `start` and lead to `reference` (N, J)."""
        history = plan.between(start - HISTORY, start)
        smoothness, join = self._config.smoothness_s6, self._config.join_s
        longer = continued(reference, self._dt)
        return spliced(history, longer, self._dt, smoothness, join)[: len(reference)]

    def _apart(self, plan: Plan, chunk: Aligned) -> float:
        """Return how far `chunk` is from `plan`, RMS over the arms' joints where both exist."""
        stop = min(chunk.stop, plan.last + 1)
        if stop <= chunk.first:
            return 0.0
        apart = chunk.rows[: stop - chunk.first] - plan.between(chunk.first, stop)
        arms = apart[:, self._arms].ravel()
        return math.sqrt(float(arms @ arms) / len(arms))
