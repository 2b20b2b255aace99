"""One launch per robot: a private directory for the bus, and who has it."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
from pathlib import Path
from typing import Final, Self

from messaging import file_lock
from runtime.folders import told
from runtime.shell import command

RUNTIME_DIRECTORIES = Path("/run/user")
LOCK = "launch.lock"  # in the bus's directory

_REMEDY: Final = "or set XDG_RUNTIME_DIR to a directory of your own"


class AlreadyRunningError(RuntimeError):
    """Another launch runs this robot; says which process it is and where it writes."""


def bus_directory(robot: str) -> Path:
    """Return where the robot's sockets go: a directory that only this user can open."""
    if given := told("XDG_RUNTIME_DIR"):
        return given / "evenhand" / robot
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
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = directory.lstat()
    except OSError as error:
        raise RuntimeError(
            f"cannot make {directory} for the sockets ({error.strerror}): make room, {_REMEDY}"
        ) from error
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise RuntimeError(f"{directory} is no directory of this user: remove it, {_REMEDY}")
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise RuntimeError(
            f"others can open {directory}, where the sockets go: "
            f"{command('chmod 700', directory)}, {_REMEDY}"
        )


def is_held(lock: Path) -> bool:
    """Return whether a launch holds the file `lock`."""
    try:
        with lock.open("rb") as file:
            return not file_lock.taken(file.fileno(), lock)
    except OSError:  # no launch has made one, or could
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
        path = self.directory / LOCK
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            self._take(path)
        except OSError as error:
            if self._file >= 0:
                os.close(self._file)
            why = error.strerror or str(error)
            raise RuntimeError(f"cannot use {path} ({why}): make room, {_REMEDY}") from error
        return self

    def _take(self, path: Path) -> None:
        if not file_lock.taken(self._file, path):
            holder = os.fsdecode(os.pread(self._file, 500, 0))
            os.close(self._file)
            raise AlreadyRunningError(
                f"robot {self._robot!r} is already run by {holder}: stop that launch first"
            )
        os.ftruncate(self._file, 0)
        words = os.fsencode(f"process {os.getpid()} ({self._purpose})")
        if os.pwrite(self._file, words, 0) < len(words):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.directory, ignore_errors=True)
        os.close(self._file)
