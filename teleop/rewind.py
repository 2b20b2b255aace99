"""Going back: the way that the arms came, kept for some seconds and led backwards. Pure."""

from __future__ import annotations

from collections import deque
from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

KEPT_S: Final = 10.0
SPEED: Final = 0.5  # of the way there
RAMP_S: Final = 0.3  # until the way back has its speed, and from there to its end
_GAP_NS: Final = 100_000_000  # commands further apart are not of one motion
_BLUR_S: Final = 1e-6  # of sums of times
_LEAP_RAD: Final = 0.1  # nor are those


class Rewind:
    """The way back along a path, from its end to its beginning, from rest to rest.

    Attributes:
        duration_s: how long it takes.
    """

    def __init__(self, times_s: Array, rows: Array) -> None:
        """Lead back along `rows` (N, J), passed at the ascending `times_s` (N,).

        Raises:
            ValueError: there is no row, or not as many as times.
        """
        if not len(rows) or rows.ndim != 2 or times_s.shape != rows.shape[:1]:
            raise ValueError(f"want rows (N, J) and N times, got {rows.shape} and {times_s.shape}")
        self._times_s = times_s
        self._rows = rows
        self._length_s = float(times_s[-1] - times_s[0])
        # A way too short for the full speed is gone back on more slowly, with the same ramps.
        self._speed = min(SPEED, self._length_s / RAMP_S)
        cruise_s = self._length_s / self._speed if self._speed else 0.0
        self.duration_s = cruise_s + RAMP_S if self._speed else 0.0

    def at(self, elapsed_s: float) -> Array:
        """Return where it is (J,) after so long; at its end once it is over."""
        t_s = float(self._times_s[-1]) - self._gone_s(min(max(elapsed_s, 0.0), self.duration_s))
        return np.array([np.interp(t_s, self._times_s, column) for column in self._rows.T])

    def _gone_s(self, elapsed_s: float) -> float:
        """Return how much of the path is behind it: a trapezoid of speed with rounded corners."""
        left_s = self.duration_s - elapsed_s
        if left_s <= RAMP_S:
            return self._length_s - self._speed * _ramped(left_s)
        if elapsed_s <= RAMP_S:
            return self._speed * _ramped(elapsed_s)
        return self._speed * (elapsed_s - 0.5 * RAMP_S)


class Trail:
    """What was commanded in the last seconds of one motion."""

    def __init__(self, kept_s: float = KEPT_S) -> None:
        self._kept_s = kept_s
        self._rows: deque[tuple[float, Array]] = deque()  # by the time on this trail
        self._last_ns: int | None = None

    @property
    def length_s(self) -> float:
        """How far back it goes."""
        return self._rows[-1][0] - self._rows[0][0] if self._rows else 0.0

    def note(self, t_ns: int, position: Array) -> None:
        """Go on to `position` (J,), commanded at `t_ns`; after a gap or a leap it begins anew."""
        passed_ns = 0 if self._last_ns is None else t_ns - self._last_ns
        if not 0 <= passed_ns <= _GAP_NS or self._leaps_to(position):
            self._rows.clear()
            passed_ns = 0
        self._last_ns = t_ns
        now_s = passed_ns * 1e-9 + (self._rows[-1][0] if self._rows else 0.0)
        if self._rows and passed_ns == 0:
            self._rows.pop()
        self._rows.append((now_s, position))
        while now_s - self._rows[0][0] > self._kept_s:
            self._rows.popleft()

    def clear(self) -> None:
        """Forget everything: what comes is another motion."""
        self._rows.clear()
        self._last_ns = None

    def back(self, seconds: float) -> Rewind | None:
        """Return the way back over the last `seconds`, as far as it is known; None without any.

        What is gone back on is no longer part of the trail: the next way back leads further.
        """
        if len(self._rows) < 2:
            return None
        newest_s = self._rows[-1][0]
        taken = []
        while len(self._rows) > 1 and newest_s - self._rows[-1][0] < seconds - _BLUR_S:
            taken.append(self._rows.pop())
        self._last_ns = None
        if not taken:
            return None
        times_s, rows = zip(self._rows[-1], *reversed(taken), strict=True)
        return Rewind(np.array(times_s), np.stack(rows))

    def _leaps_to(self, position: Array) -> bool:
        """Return whether no command within the limits comes there from the one before."""
        return bool(self._rows and (np.abs(position - self._rows[-1][1]) > _LEAP_RAD).any())


def _ramped(t_s: float) -> float:
    """Return the integral of a smooth step from 0 to 1 over RAMP_S, after `t_s` of it."""
    u = t_s / RAMP_S
    return RAMP_S * u**3 * (1.0 - 0.5 * u)
