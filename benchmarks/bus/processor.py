"""How much of a core each process of a running launch takes."""

from __future__ import annotations

import os
import time
from pathlib import Path

from benchmarks.live import processes

_TICKS_A_S = os.sysconf("SC_CLK_TCK")
_UTIME, _STIME = 11, 12  # fields of /proc/PID/stat behind the name


class ProcessorWatch:
    """Looks at a launch now and then, from its start to its end."""

    def __init__(self) -> None:
        self._first: dict[str, tuple[float, float]] = {}  # time and processor time in s, by name
        self._last: dict[str, tuple[float, float]] = {}

    def look(self, launch: int) -> None:
        """Take note of the processor time of all its processes."""
        for name, pid in processes(launch).items():
            try:
                stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
            except OSError:
                continue  # it ended while being looked at
            fields = stat.rpartition(")")[2].split()
            taken_s = (int(fields[_UTIME]) + int(fields[_STIME])) / _TICKS_A_S
            self._last[name] = (time.monotonic(), taken_s)
            self._first.setdefault(name, self._last[name])

    def share(self, name: str) -> float:
        """Return how much of a core a process took between the first look and the last."""
        (began_s, before_s), (ended_s, after_s) = self._first[name], self._last[name]
        return (after_s - before_s) / (ended_s - began_s)
