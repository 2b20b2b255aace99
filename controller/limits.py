"""No command leads into the table, the arm itself or the other arm, or leaves no way to stop."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion.clearance import Clearance
from motion.limiter import Activation, Limiter
from motion.limits import JointLimits
from motion.stopping import stopping_path, stopping_reach

Array = NDArray[np.float64]

COLLISION: Final = "collision"
FREE_S: Final = 0.3  # so long without a collision held off, and the way is free again
STRIDE_M: Final = 0.02  # nothing comes nearer by more than this between two poses that are measured
SIGHT_M: Final = 0.06  # how far beyond the margins it is looked
_TOLERANCE_M: Final = 1e-5  # to which margins are kept
_ROUNDING_M: Final = 1e-8  # to which what is too near already is kept from coming nearer


class Blockage:
    """For how long something in the way has kept the arms from going on."""

    def __init__(self, dt: float) -> None:
        """Begin with the way free; `dt` is the time between commands in seconds."""
        self._dt = dt
        self._since = self._free = 0

    def add(self, blocked: bool, waiting: bool) -> None:
        """Take in whether this command was held back, and whether the arms stand but should go."""
        if blocked:
            self._free = 0
        elif not waiting:
            self._free += 1
        if self._free * self._dt >= FREE_S:
            self._since = 0
        elif blocked or self._since:
            self._since += 1

    @property
    def seconds(self) -> float:
        """Return the time since the arms were first held back, 0 once they have gone on."""
        return self._since * self._dt


class ClearLimiter(Limiter):
    """A limiter that sends the arms nowhere from where they could not stop clear of all else.

    The invariant: from what was sent, the stop with bounded jerk is clear all the way. A command
    whose stop is not clear is replaced by the next step of the stop that is known to be, and the
    arms stand before another command is tried. What is too near already may be left, and never
    comes nearer.
    """

    def __init__(
        self, limits: JointLimits, dt: float, position: Array, clearance: Clearance
    ) -> None:
        """Begin at rest at `position` (J,); `dt` is the time between commands in seconds."""
        self._clearance = clearance
        self._margin_m = float(clearance.margins.max())
        self._kept = clearance.margins - _TOLERANCE_M
        super().__init__(limits, dt, position)

    def reset(self, position: Array) -> None:
        """Be at rest at `position` (J,)."""
        super().reset(position)
        self._causes: tuple[Activation, ...] = ()
        self._apart = self._clearance.distances(self.position, self._margin_m)

    @property
    def stopping(self) -> bool:
        """Return whether it is stopping before something in the way."""
        return bool(self._causes) and not self.standing

    def follow(self, target: Array) -> tuple[Array, tuple[Activation, ...]]:
        """Return the command (J,) nearest to `target` that may be sent now, and take it as sent."""
        if not self.stopping:
            command, activations = self.limited(target)
            meeting, apart = self._ahead(command)
            self._causes = self._named(meeting)
            if not self._causes:
                self._apart = apart
                self.go(command)
                return command, activations
        command = self.brake()
        self._apart = self._clearance.distances(command, self._margin_m)
        self.go(command)
        return command, self._causes

    def _ahead(self, command: Array) -> tuple[NDArray[np.intp], Array]:
        """Return which pairs come too near at `command` (J,) or during a stop from there.

        Returns:
            With their rows, the distances (P,) at `command`.
        """
        clearance = self._clearance
        step = command - self.position
        velocity = step / self._dt
        acceleration = (velocity - self.velocity) / self._dt
        reach = np.maximum(stopping_reach(velocity, acceleration, self.limits), np.abs(step))
        nearer = clearance.levers @ reach
        apart = clearance.distances(command, self._margin_m + min(float(nearer.max()), SIGHT_M))
        allowed = np.minimum(self._kept, self._apart - _ROUNDING_M)
        open_rows = (apart - allowed < nearer).nonzero()[0]  # nearer >= 0: all that meet, too
        if not len(open_rows):
            return open_rows, apart
        meeting = np.flatnonzero(apart < allowed)
        if not len(meeting):
            sure = clearance.at_least(open_rows) - nearer[open_rows] >= allowed[open_rows]
            open_rows = open_rows[~sure]
            if len(open_rows):
                stop = command + stopping_path(velocity, acceleration, self.limits, self._dt)
                path = np.vstack((self.position, command, stop))
                meeting = self._along(path, apart, allowed, open_rows)
        return meeting, apart

    def _along(
        self, path: Array, apart: Array, allowed: Array, rows: NDArray[np.intp]
    ) -> NDArray[np.intp]:
        """Return which of the pairs `rows` come nearer than `allowed` (P,) on a path (N, J).

        Poses from which they cannot have come too near since the last measurement are not measured.

        Args:
            path: where the arms are, where they are sent, and each step of a stop from there.
            apart: (P,) distances where they are sent.
            allowed: (P,) metres.
            rows: of the pairs in question; the others cannot come too near.
        """
        place, spare = path[1], (apart - allowed)[rows]
        levers = self._clearance.levers[rows]
        far = levers @ np.abs(path - place).max(axis=0) > spare
        if not far.any():
            return rows[:0]
        levers, spare, rows = levers[far], spare[far], rows[far]
        for pose in _finely(path, levers):
            if (levers @ np.abs(pose - place) <= spare).all():
                continue
            apart = self._clearance.distances(pose, self._margin_m + SIGHT_M)
            place, spare = pose, (apart - allowed)[rows]
            if (spare < 0.0).any():
                return rows[spare < 0.0]
        return rows[:0]

    def _named(self, meeting: NDArray[np.intp]) -> tuple[Activation, ...]:
        """Return what is to be counted; several hulls of two bodies count once."""
        pairs = self._clearance.pairs
        names = dict.fromkeys(str(pairs[row]) for row in meeting)
        return tuple(Activation(name, COLLISION) for name in names)


def limiter(
    limits: JointLimits, dt: float, position: Array, clearance: Clearance | None
) -> Limiter:
    """Return what has the last say on commands, at rest at `position` (J,)."""
    if clearance is None:
        return Limiter(limits, dt, position)
    return ClearLimiter(limits, dt, position, clearance)


def _finely(path: Array, levers: Array) -> Iterator[Array]:
    """Yield the poses (J,) after the first of a path (N, J), and those between that it takes.

    It takes as many that nothing comes nearer by more than STRIDE_M from one to the next.
    """
    for start, end in pairwise(path):
        pieces = max(1, math.ceil(float((levers @ np.abs(end - start)).max()) / STRIDE_M))
        for piece in range(1, pieces + 1):
            yield start + piece / pieces * (end - start)
