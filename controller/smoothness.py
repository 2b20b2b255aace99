"""How smooth the commands are, measured as they go out."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from motion.limits import gripper_mask

Array = NDArray[np.float64]


class Smoothness:
    """RMS jerk of the arms' last commands, of a second at most, kept as a running sum."""

    def __init__(self, joints: Sequence[str], dt: float) -> None:
        """Begin with nothing sent; `dt` is the time between commands in seconds."""
        self.arms = np.flatnonzero(~gripper_mask(joints))
        self._scale = 1.0 / (dt**3) ** 2 / max(len(self.arms), 1)
        self._last: deque[Array] = deque(maxlen=3)
        self._squares: deque[float] = deque(maxlen=round(1.0 / dt))
        self._sum = 0.0

    def forget(self) -> None:
        """Begin anew: what comes next does not continue what was before."""
        self._last.clear()
        self._squares.clear()
        self._sum = 0.0

    def add(self, position: Array) -> None:
        """Take in the next command (J,)."""
        arms = position[self.arms]
        if len(self._last) == 3:
            oldest, middle, newest = self._last
            change = arms - 3.0 * newest + 3.0 * middle - oldest
            if len(self._squares) == self._squares.maxlen:
                self._sum -= self._squares[0]
            square = float(change @ change) * self._scale
            self._squares.append(square)
            self._sum += square
        self._last.append(arms)

    @property
    def jerk(self) -> float:
        """Return the RMS jerk in rad/s^3."""
        return math.sqrt(max(self._sum, 0.0) / len(self._squares)) if self._squares else 0.0
