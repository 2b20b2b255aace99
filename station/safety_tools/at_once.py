"""A stop from a shell that does not wait until Python has loaded what asks and tells about it.

That takes a second, on a busy machine several. The launch heeds a signal, and asks for the stop in
the words that lie beside its sockets.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Final

from station.lock import LOCK, bus_directory, holder
from station.shell_user import shell_user

_WORDS: Final = "stop.txt"  # who stops, and in the next line why
_MOST_BYTES: Final = 4096


def stop_at_once(robot: str, reason: str) -> bool:
    """Signal the launch that runs `robot`; returns whether there is one that heeds it.

    Args:
        robot: by its name.
        reason: in the words of who stops it.
    """
    directory = bus_directory(robot)
    pid = holder(directory / LOCK)
    if pid is None or not _heeds(pid):
        return False
    with suppress(OSError):  # to stop is worth more than to say why
        (directory / _WORDS).write_text(
            f"{shell_user()}\n{' '.join(reason.split())}", encoding="utf-8"
        )
    try:
        os.kill(pid, signal.SIGUSR1)
    except OSError:  # it has just ended, or is not ours
        return False
    return True


def words_of_stop(directory: Path) -> tuple[str, str]:
    """Return who sent the signal and why, once; both empty if it came with no words.

    Args:
        directory: of the bus.
    """
    path = directory / _WORDS
    try:
        text = path.read_bytes()[:_MOST_BYTES].decode(errors="replace")
        path.unlink()
    except OSError:
        return "", ""
    who, _, reason = text.partition("\n")
    return who, reason


def _heeds(pid: int) -> bool:
    """Return whether a process has a handler for the signal: without one it would end by it."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text("utf-8", "replace").splitlines()
    except OSError:
        return False
    caught = next((line.split()[1] for line in lines if line.startswith("SigCgt:")), "0")
    return bool(int(caught, 16) >> (signal.SIGUSR1 - 1) & 1)
