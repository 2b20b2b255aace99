"""How often the pictures of the twin are drawn: less often on a busy processor."""

from __future__ import annotations

from typing import Final

_CONTENDED: Final = 0.5  # of the time that drawing took, spent waiting for a core
_LONGER: Final = 1.25  # times the period, after a picture that had to wait
_SHORTER: Final = 0.98  # after one that had not: it comes back within a few seconds
_LONGEST: Final = 2.0  # times the nominal period


class DrawingPace:
    """Says which states of the twin are drawn.

    Drawing yields to all other processes, so it is the first that has to wait for a core. Where
    it waits, every camera draws up to half as often, by this one rule, before the inference waits.
    """

    def __init__(self, rate_hz: float) -> None:
        """Begin at the nominal rate.

        Args:
            rate_hz: pictures a second where the processor is free.
        """
        self._nominal_ns = round(1e9 / rate_hz)
        self._stretch = 1.0
        self._due_ns = 0

    @property
    def period_ns(self) -> int:
        """The time between two pictures at present."""
        return round(self._nominal_ns * self._stretch)

    def due_in_s(self, now_ns: int) -> float:
        """Return how long no state will be due, 0 if the next one may be."""
        return max(self._due_ns - self.period_ns // 4 - now_ns, 0) * 1e-9

    def is_due(self, t_ns: int) -> bool:
        """Return whether the state of the moment `t_ns` is to be drawn, and count on that."""
        # A quarter period early is on time: states jitter, and the next one may be far later.
        if self.due_in_s(t_ns) > 0.0:
            return False
        on_time = t_ns < self._due_ns + self.period_ns
        self._due_ns = (self._due_ns if on_time else t_ns) + self.period_ns
        return True

    def note_drawn(self, took_ns: int, worked_ns: int) -> None:
        """Take in what the last picture cost.

        Args:
            took_ns: from its beginning to its end.
            worked_ns: of processor time.
        """
        waited = took_ns - worked_ns > _CONTENDED * took_ns
        stretch = self._stretch * (_LONGER if waited else _SHORTER)
        self._stretch = min(max(stretch, 1.0), _LONGEST)
