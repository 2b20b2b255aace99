"""Whose dataset a folder is, and why a file of it cannot be read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from recorder import layout

PARTS: Final = ("meta", "data", "videos", "ticks")  # which make a dataset, each a folder

_POINTER: Final = b"version https://git-lfs.github.com/spec/"
_SOURCE: Final = layout.RECAP + "source"
_JOURNAL: Final = "journal"  # the column of `meta/episodes` that only recordings have


def unmendable(directory: Path) -> str:
    """Return why `repair` refuses a dataset whatever is wrong with it, empty if it does not."""
    if linked := next(_links(directory), None):
        return f"{linked} is a link, as in a hub's cache, where nothing may be changed"
    return "" if _recorded_here(directory) else "it was not recorded by this software"


def why_unreadable(path: Path, error: Exception | None = None) -> str:
    """Return what is wrong with a file that cannot be read."""
    if not path.exists():
        return "is a link to nothing" if path.is_symlink() else "is missing"
    if is_pointer(path):
        return "is a Git LFS pointer, not the file itself: call `git lfs pull` in its repository"
    said = str(error or "").splitlines()
    return f"is damaged: {said[0].rstrip('.')}" if said else "is damaged"


def is_pointer(path: Path) -> bool:
    """Return whether a file only says which one Git LFS would put in its place."""
    try:
        with path.open("rb") as file:
            return file.read(len(_POINTER)) == _POINTER
    except OSError:
        return False


def _recorded_here(directory: Path) -> bool:
    """Return whether this software recorded it, by the first of its files that can be read."""
    try:
        features = json.loads((directory / layout.INFO).read_text(encoding="utf-8"))["features"]
        return _SOURCE in features
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        pass
    for folder, column in ((layout.EPISODES, _JOURNAL), (Path("data"), _SOURCE)):
        for path in sorted((directory / folder).glob("*/*.parquet")):
            try:
                return column in pq.read_schema(path).names
            except (OSError, pa.ArrowException):
                continue
    return any((directory / layout.JOURNALS).glob("*/")) or (directory / layout.REPAIRED).is_dir()


def _links(directory: Path) -> Iterator[Path]:
    for part in PARTS:
        yield from (path for path in (directory / part).rglob("*") if path.is_symlink())
