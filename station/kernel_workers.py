"""The kernel's workers that pass on what serial ports receive, and whether others come first."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

_NAME = "kworker/u"  # of those bound to no core, as the work of terminals and serial ports is not
_FIRST_COME = (os.SCHED_FIFO, os.SCHED_RR)


def delayed_workers(
    proc: Path = Path("/proc"), policy: Callable[[int], int] = os.sched_getscheduler
) -> tuple[int, int]:
    """Return how many of these workers have no real-time priority, and how many there are.

    Args:
        proc: where the system lists its processes.
        policy: of a process, by its id.
    """
    policies = list(_policies(proc, policy))
    return sum(each not in _FIRST_COME for each in policies), len(policies)


def _policies(proc: Path, policy: Callable[[int], int]) -> Iterator[int]:
    for name in proc.glob("[0-9]*/comm"):
        try:
            if name.read_text(encoding="utf-8").startswith(_NAME):
                yield policy(int(name.parent.name))
        except OSError:  # they come and go
            continue
