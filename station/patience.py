"""How long a run that nobody watches waits for somebody to help it on."""

from __future__ import annotations

STOP_WAIT_S = 60.0  # unless somebody says another, or is there
_LEAST_S = 30.0  # for what may pass by itself


class Patience:
    """Counts for how long something has kept a run from going on.

    Args:
        seconds: that the run waits at a time, None to wait for ever.
    """

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds
        self._since_ns = 0
        self.waited_s = 0.0
        self.left_s: float | None = None  # None where nothing keeps the run, or nothing ends it

    def wait(self, now_ns: int, *, hindered: bool, may_pass: bool) -> None:
        """Take in whether something keeps the run from going on, and whether that may pass."""
        if not hindered:
            self._since_ns = 0
        elif not self._since_ns:
            self._since_ns = now_ns
        self.waited_s = (now_ns - self._since_ns) * 1e-9 if self._since_ns else 0.0
        self.left_s = None
        if self._seconds is not None and self._since_ns:
            whole_s = max(self._seconds, _LEAST_S) if may_pass else self._seconds
            self.left_s = max(0.0, whole_s - self.waited_s)

    @property
    def is_over(self) -> bool:
        """Whether the run has waited in vain."""
        return self.left_s == 0.0
