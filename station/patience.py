"""How long a run that nobody watches waits for somebody to help it on."""

from __future__ import annotations

STOP_WAIT_S = 60.0  # unless somebody says another, or is there


class Patience:
    """Counts for how long something has kept a run from going on.

    Args:
        seconds: that the run waits at a time, None to wait for ever.
    """

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds
        self._waits_s = 0.0
        self._since_ns = 0

    def wait(self, hindered: bool, now_ns: int) -> None:
        """Take in whether something keeps the run from going on now."""
        if not hindered:
            self._since_ns = 0
        elif not self._since_ns:
            self._since_ns = now_ns
        self._waits_s = (now_ns - self._since_ns) * 1e-9 if self._since_ns else 0.0

    @property
    def left_s(self) -> float | None:
        """How much longer the run waits; None where nothing keeps it, or nothing ends it."""
        if self._seconds is None or not self._since_ns:
            return None
        return max(0.0, self._seconds - self._waits_s)

    @property
    def is_over(self) -> bool:
        """Whether the run has waited in vain."""
        return self.left_s == 0.0
