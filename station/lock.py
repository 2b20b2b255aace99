"""One launch per robot: a private directory for the bus, and who has it."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
from pathlib import Path
from typing import Self

from runtime.shell import command

RUNTIME_DIRECTORIES = Path("/run/user")
LOCK = "launch.lock"  # in the bus's directory


class AlreadyRunningError(RuntimeError):
    """Another launch runs this robot; says which process it is and where it writes."""


def bus_directory(robot: str) -> Path:
    """Return where the robot's sockets go: a directory that only this user can open."""
    given = os.environ.get("XDG_RUNTIME_DIR")
    if given:
        return Path(given) / "evenhand" / robot
    # What a login sets and an ssh command or a service may not: both shall meet in one place.
    usual = RUNTIME_DIRECTORIES / str(os.getuid())
    if usual.is_dir():
        return usual / "evenhand" / robot
    return Path(tempfile.gettempdir()) / f"evenhand-{os.getuid()}" / robot


def make_private(directory: Path) -> None:
    """Make a directory that only this user can open, or check that it is one.

    Raises:
        RuntimeError: it cannot be made, or it belongs to or is open to somebody else.
    """
    remedy = "or set XDG_RUNTIME_DIR to a directory of your own"
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = directory.lstat()
    except OSError as error:
        raise RuntimeError(
            f"cannot make {directory} for the sockets ({error.strerror}): make room, {remedy}"
        ) from error
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise RuntimeError(f"{directory} is no directory of this user: remove it, {remedy}")
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise RuntimeError(
            f"others can open {directory}, where the sockets go: "
            f"{command('chmod 700', directory)}, {remedy}"
        )


def is_held(lock: Path) -> bool:
    """Return whether a launch holds the file `lock`."""
    try:
        with lock.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def holder(lock: Path) -> int | None:
    """Return the process id of the launch that holds the file `lock`, None if none does."""
    if not is_held(lock):
        return None
    try:
        _, number, *_ = lock.read_text(encoding="utf-8").split()
        return int(number)
    except (OSError, ValueError):  # it has just begun, or ended
        return None


class StationLock:
    """Held for the whole of a run; removes the directory with all its sockets at the end."""

    def __init__(self, robot: str, purpose: str) -> None:
        self.directory = bus_directory(robot)
        self._robot = robot
        self._purpose = purpose
        self._file = -1

    def __enter__(self) -> Self:
        make_private(self.directory.parent)
        make_private(self.directory)
        self._file = os.open(self.directory / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
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
