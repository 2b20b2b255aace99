"""A stop from a shell that does not wait until Python has loaded what asks and tells about it.

That takes a second, on a busy machine several. The launch heeds a signal: it asks for the stop.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

from station.lock import LOCK, bus_directory, holder


def stop_at_once(robot: str) -> bool:
    """Signal the launch that runs `robot`; returns whether there is one that heeds it."""
    pid = holder(bus_directory(robot) / LOCK)
    if pid is None or not _heeds(pid):
        return False
    try:
        os.kill(pid, signal.SIGUSR1)
    except OSError:  # it has just ended, or is not ours
        return False
    return True


def _heeds(pid: int) -> bool:
    """Return whether a process has a handler for the signal: without one it would end by it."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return False
    caught = next((line.split()[1] for line in lines if line.startswith("SigCgt:")), "0")
    return bool(int(caught, 16) >> (signal.SIGUSR1 - 1) & 1)
