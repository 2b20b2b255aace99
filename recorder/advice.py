"""What to type where a dataset cannot be read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from runtime.shell import command

_FOLDERS: Final = ("meta", "data", "videos", "journal")  # of a dataset


def repair(directory: Path) -> str:
    """Return the command that mends the dataset at `directory`."""
    return command("python -m recorder repair", directory)


def check(directory: Path) -> str:
    """Return the command that tells all that is wrong with the dataset at `directory`."""
    return command("python -m recorder check", directory)


def split(directory: Path, episodes: Sequence[int]) -> str:
    """Return the command that makes a dataset beside that at `directory`, of these episodes."""
    words = [word for episode in episodes for word in ("--episode", str(episode))]
    new = directory.absolute().with_name(f"{directory.absolute().name}_sound")
    return command("python -m recorder split", directory, new, *words)


def mended(file: Path) -> str:
    """Return what mends the dataset that holds a damaged `file`, and how."""
    inside = next((folder for folder in file.parents if folder.name in _FOLDERS), file)
    return f"{repair(inside.parent)} keeps what is readable and says the rest"


def spared(file: Path) -> str:
    """Return the same where one damaged `file` leaves the other episodes readable."""
    return f"the other episodes can be read; {mended(file)}"
