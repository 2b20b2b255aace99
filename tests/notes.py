"""What a process says of itself in its heartbeats."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from messaging.messages import Heartbeat
from messaging.topics import HEARTBEAT
from messaging.transport import Bus, Waiter

PATIENCE_S = 20.0


def noted(directory: Path, process: str, fits: Callable[[str], bool]) -> Heartbeat:
    """Wait for a heartbeat of `process` on the bus in `directory` whose note fits."""
    note = ""
    with Bus(directory) as bus:
        heartbeats = bus.subscriber(HEARTBEAT, process)
        end = time.monotonic() + PATIENCE_S
        while (left_s := end - time.monotonic()) > 0:
            if not Waiter([heartbeats]).wait(left_s) or not (beat := heartbeats.receive()):
                continue
            if fits(note := beat.note):
                return beat
    raise AssertionError(f"the last note of {process} was {note!r}")
