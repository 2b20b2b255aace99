"""Folders that one process works in at a time, and names that survive a power failure."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from messaging import file_lock
from runtime.files import sync_folder


class BusyError(RuntimeError):
    """A directory that another process works in already; says which."""


def moved(source: Path, target: Path) -> None:
    """Give a file or folder another name; it has one of the two at any time; raises OSError."""
    target.parent.mkdir(parents=True, exist_ok=True)
    source.rename(target)
    sync_folder(source.parent)
    sync_folder(target.parent)


@contextmanager
def sole(path: Path, what: str) -> Iterator[None]:
    """Be the only process that holds the lock at `path`, for as long as this lasts.

    Args:
        path: of the lock's file, which says who holds it.
        what: this process is, for whoever comes second.

    Raises:
        BusyError: another process holds it.
        OSError: it cannot be made, or its file system has no locks.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        if not file_lock.taken(descriptor, path):
            holder = os.pread(descriptor, 200, 0).decode(errors="replace").strip() or "a process"
            raise BusyError(
                f"{holder} works in {path.parent} already: end it, or give another directory"
            )
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{what} (process {os.getpid()})\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)
