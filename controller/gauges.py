"""What is measured of the commands as they go out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from controller.limits import Blockage
from controller.smoothness import Smoothness

Array = NDArray[np.float64]


class Gauges:
    """How long a plan has been at its end, how long something is in the way, how smooth it is."""

    def __init__(self, joints: Sequence[str], dt: float) -> None:
        """Begin with nothing sent; `dt` is the time between commands in seconds."""
        self._dt = dt
        self._smoothness = Smoothness(joints, dt)
        self._starved_ticks = 0
        self.begin()

    def begin(self) -> None:
        """Begin a new epoch: the way is free again."""
        self._blockage = Blockage(self._dt)

    def add(
        self, position: Array, *, led: bool, blocked: bool, waiting: bool, starved: bool
    ) -> None:
        """Take in a command.

        Args:
            position: (J,) that is sent.
            led: by the policy or a person at full speed: the arms are not braked, nor set off.
            blocked: something in the way held it back.
            waiting: the arms stand, but should go.
            starved: the plan is at its end, and more is awaited.
        """
        starved = starved and not self._blockage.seconds
        self._starved_ticks = self._starved_ticks + 1 if starved else 0
        self._blockage.add(blocked, waiting)
        if led:
            self._smoothness.add(position)
        else:
            self._smoothness.forget()

    @property
    def starved_s(self) -> float:
        """Return for how long a plan has been at its end, with nothing in the way."""
        return self._starved_ticks * self._dt

    @property
    def blocked_s(self) -> float:
        """Return for how long something in the way has kept the arms from going on."""
        return self._blockage.seconds

    @property
    def jerk(self) -> float:
        """Return the RMS jerk in rad/s^3 of what was led within the last second."""
        return self._smoothness.jerk
