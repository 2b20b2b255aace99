"""Files that appear whole or not at all, whenever the power fails."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_UNFINISHED = ".part"  # ends the name of what is not whole yet


class BusyError(RuntimeError):
    """A directory that another process works in already; says which."""


def unfinished(path: Path) -> Path:
    """Return where that is written which shall appear at `path`."""
    return path.with_name(path.name + _UNFINISHED)


@contextmanager
def appearing(path: Path) -> Iterator[Path]:
    """Yield where to write what shall appear at `path`: once all is well, synced, whole.

    Raises:
        OSError: it cannot be written; what was at `path` is as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    written = unfinished(path)
    yield written
    with written.open("rb") as file:
        os.fsync(file.fileno())
    written.replace(path)
    sync_folder(path.parent)


def written_text(path: Path, text: str) -> None:
    """Write `text` to `path`, whole or not at all; raises OSError."""
    with appearing(path) as written:
        written.write_text(text, encoding="utf-8")


def moved(source: Path, target: Path) -> None:
    """Give a file or folder another name; it has one of the two at any time; raises OSError."""
    target.parent.mkdir(parents=True, exist_ok=True)
    source.rename(target)
    sync_folder(source.parent)
    sync_folder(target.parent)


def sync_folder(folder: Path) -> None:
    """Have the names in `folder` survive a power failure."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def sole(path: Path, what: str) -> Iterator[None]:
    """Be the only process that holds the lock at `path`, for as long as this lasts.

    Args:
        path: of the lock's file, which says who holds it.
        what: this process is, for whoever comes second.

    Raises:
        BusyError: another process holds it.
        OSError: it cannot be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(descriptor, 200, 0).decode(errors="replace").strip() or "a process"
            raise BusyError(
                f"{holder} works in {path.parent} already: end it, or give another directory"
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{what} (process {os.getpid()})\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)
