"""Files that are written whole or not at all, also when the disk is full or the power fails."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_FULL = (errno.ENOSPC, errno.EDQUOT)
_UNFINISHED = ".part"  # ends the name of what is not whole yet


def unfinished(path: Path) -> Path:
    """Return where `atomic_write` has its file written before it is renamed to `path`."""
    return path.with_name(path.name + _UNFINISHED)


@contextmanager
def atomic_write(path: Path, *, private: bool = False) -> Iterator[Path]:
    """Yield a path to write to; at the end that file is synced and renamed to `path`.

    If anything is raised meanwhile, what was written is removed and `path` is as it was.

    Args:
        path: the final name; its folder is made if it is not there.
        private: nobody but the user may read the file.

    Raises:
        OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = unfinished(path)
    try:
        if private:
            aside.unlink(missing_ok=True)
            os.close(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        yield aside
        with aside.open("rb") as file:
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        if error.errno and error.filename is None:  # what writes it does not always know its name
            advice = ": make room there, or write elsewhere" if error.errno in _FULL else ""
            said = f"{os.strerror(error.errno)}{advice}"
            raise OSError(error.errno, said, str(path)) from error
        raise
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def atomic_write_text(path: Path, text: str, *, private: bool = False) -> None:
    """Write `text` to `path` in UTF-8, whole or not at all; raises OSError."""
    with atomic_write(path, private=private) as aside:
        aside.write_text(text, encoding="utf-8")


def sync_folder(folder: Path) -> None:
    """Have the names in `folder` survive a power failure."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
