"""Locks on files: one process at a time has one, and none is left behind by a crash."""

from __future__ import annotations

import fcntl
from pathlib import Path


class NoLocksError(OSError):
    """A file system without locks; says where, and what to do."""


def taken(descriptor: int, path: Path) -> bool:
    """Return whether this process has the lock on an open file now; False if another has it.

    Args:
        descriptor: of the file, whose closing gives the lock back.
        path: of the file, for people.

    Raises:
        NoLocksError: its file system has no locks.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise NoLocksError(
            f"{path} cannot be locked ({error.strerror}), so that two processes could spoil it: "
            "use a directory of a local disk"
        ) from error
    return True
