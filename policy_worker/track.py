"""The recent past of a signal, to be asked what it was at a moment between two samples."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

_SAMPLES = 200  # two seconds of a 100 Hz stream


class Track:
    """Samples of a signal (N,) with growing stamps; the oldest are forgotten."""

    def __init__(self) -> None:
        self._samples: deque[tuple[int, NDArray[np.float64]]] = deque(maxlen=_SAMPLES)

    def add(self, t_ns: int, value: NDArray[np.float64]) -> None:
        """Remember the signal's `value` at `t_ns`, unless that is already known."""
        if not self._samples or t_ns > self._samples[-1][0]:
            self._samples.append((t_ns, value))

    def at(self, t_ns: int) -> NDArray[np.float64]:
        """Return the signal at `t_ns`, on a straight line between the samples around it.

        Before the first sample that is the first one, after the last the last.

        Raises:
            LookupError: there are no samples yet.
        """
        if not self._samples:
            raise LookupError("nothing has been remembered yet")
        after_ns, after = self._samples[-1]
        for before_ns, before in reversed(self._samples):
            if before_ns <= t_ns:
                if t_ns >= after_ns:
                    return after
                share = (t_ns - before_ns) / (after_ns - before_ns)
                return before + share * (after - before)
            after_ns, after = before_ns, before
        return after
