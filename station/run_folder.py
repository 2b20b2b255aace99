"""A folder for each run, also where two launches begin within the same second."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path


def untaken(folder: Path) -> Path:
    """Return `folder`, or if that name is taken the first that is not, ended by a number."""
    return next(name for name in _names(folder) if not os.path.lexists(name))


def made(folder: Path) -> Path:
    """Make `folder`, or if another launch was faster the next that is free; raises OSError."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    for name in _names(folder):
        try:
            name.mkdir()
        except FileExistsError:
            continue
        return name
    raise AssertionError("numbers do not end")


def _names(folder: Path) -> Iterator[Path]:
    yield folder
    for number in count(2):
        yield folder.with_name(f"{folder.name}_{number}")
