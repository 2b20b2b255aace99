"""One launch per robot: a private directory for the bus, and who has it."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from pathlib import Path
from typing import Self


class AlreadyRunningError(RuntimeError):
    """Another launch runs this robot; says which process it is and where it writes."""


def bus_directory(robot: str) -> Path:
    """Return where the robot's sockets go: a directory that only this user can open."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    root = Path(runtime) if runtime else Path(tempfile.gettempdir()) / f"evenhand-{os.getuid()}"
    return root / "evenhand" / robot if runtime else root / robot


class StationLock:
    """Held for the whole of a run; removes the directory with all its sockets at the end."""

    def __init__(self, robot: str, purpose: str) -> None:
        self.directory = bus_directory(robot)
        self._robot = robot
        self._purpose = purpose
        self._file = -1

    def __enter__(self) -> Self:
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = os.open(self.directory / "launch.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(self._file, 500, 0).decode()
            os.close(self._file)
            raise AlreadyRunningError(
                f"robot {self._robot!r} is already run by {holder}: stop that launch first"
            ) from error
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"process {os.getpid()} ({self._purpose})".encode(), 0)
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.directory, ignore_errors=True)
        os.close(self._file)
