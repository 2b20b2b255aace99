"""`python -m benchmarks.stalls CORE`: when a core let nobody run, seen by who needs nothing.

A process that only sleeps, above all others in priority, is late for one reason: its core did not
run at all, be it that the host of a virtual machine took it away.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import numpy as np

from runtime import program
from runtime.realtime import become_realtime

_PRIORITY = 99
_PERIOD_NS = 2_000_000
_STALL_NS = 1_000_000  # later than this is no wake-up's cost

Span = tuple[int, int]  # from when something was due until it came, monotonic ns


class Stalls:
    """Watches all cores while it is entered; then tells when they stood still."""

    def __init__(self) -> None:
        self._watchers: list[subprocess.Popen[str]] = []
        self.found: list[Span] = []

    def __enter__(self) -> Self:
        self._watchers = [
            subprocess.Popen(
                [sys.executable, "-m", "benchmarks.stalls", str(core)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                encoding="utf-8",
            )
            for core in sorted(os.sched_getaffinity(0))
        ]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for watcher in self._watchers:
            output, _ = watcher.communicate("enough\n")
            self.found += [(due_ns, woke_ns) for due_ns, woke_ns in json.loads(output)]

    def explain(self, late: Sequence[Span]) -> list[bool]:
        """Return for each span, from and until when, whether a core stood still in it."""
        stalls = np.array([(0, 0), *sorted(self.found)])  # one that met nobody comes before all
        last_ns = np.maximum.accumulate(stalls[:, 1])
        from_ns, until_ns = np.array(late, np.int64).reshape(-1, 2).T
        begun_before = np.searchsorted(stalls[:, 0], until_ns)
        waited: list[bool] = (last_ns[np.maximum(begun_before - 1, 0)] > from_ns).tolist()
        return waited


def main() -> None:
    """Watch one core until a line comes in; print its stalls as JSON."""
    os.sched_setaffinity(0, {int(sys.argv[1])})
    become_realtime(_PRIORITY)
    found: list[Span] = []
    due_ns = time.monotonic_ns()
    while not select.select((sys.stdin,), (), (), max(due_ns - time.monotonic_ns(), 0) * 1e-9)[0]:
        woke_ns = time.monotonic_ns()
        if woke_ns - due_ns > _STALL_NS:
            found.append((due_ns, woke_ns))
        due_ns = max(due_ns, woke_ns - _PERIOD_NS) + _PERIOD_NS
    print(json.dumps(found))


if __name__ == "__main__":
    sys.exit(program.run(main))
