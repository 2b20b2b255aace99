"""A fixed rate by absolute deadlines: missed beats are skipped and counted, never made up for."""

from __future__ import annotations

import time

_SPIN_NS = 60_000  # the kernel wakes a sleeper some 50 us late; spin only that last stretch


class RateKeeper:
    """Wakes its caller at `start + n * period`, in phase for as long as the process lives."""

    def __init__(self, rate_hz: float) -> None:
        if not rate_hz > 0:
            raise ValueError(f"rate must be above 0 Hz, got {rate_hz}")
        self.period_ns = round(1e9 / rate_hz)
        self.missed = 0
        self.late_ns = 0
        self._deadline_ns = time.monotonic_ns()

    def wait(self) -> int:
        """Sleep to the next beat and return the time; `late_ns` is how far past it that is."""
        self._deadline_ns += self.period_ns
        now_ns = time.monotonic_ns()
        # Go on at the nearest beat, so that no two are less than half a period apart.
        behind = (now_ns - self._deadline_ns + self.period_ns // 2) // self.period_ns
        if behind > 0:
            self.missed += behind
            self._deadline_ns += behind * self.period_ns
        remaining_ns = self._deadline_ns - now_ns - _SPIN_NS
        if remaining_ns > 0:
            time.sleep(remaining_ns * 1e-9)
        while (now_ns := time.monotonic_ns()) < self._deadline_ns:
            pass
        self.late_ns = now_ns - self._deadline_ns
        return now_ns
