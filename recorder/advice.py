"""What to type where a dataset cannot be read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from recorder import origin
from runtime.shell import command


def remedy(directory: Path) -> str:
    """Return what to do about a damaged file of a dataset; never to call what would refuse."""
    if foreign := origin.unmendable(directory):
        return f"{foreign}: fetch its files again, or ask who made it"
    return f"{repair(directory)} keeps what is readable and says the rest"


def repair(directory: Path) -> str:
    """Return the command that mends the dataset at `directory`."""
    return command("python -m recorder repair", directory)


def check(directory: Path) -> str:
    """Return the command that tells all that is wrong with the dataset at `directory`."""
    return command("python -m recorder check", directory)


def split(directory: Path, episodes: Sequence[int]) -> str:
    """Return the command that makes a dataset beside that at `directory`, of these episodes."""
    words = [word for episode in episodes for word in ("--episode", str(episode))]
    return command("python -m recorder split", directory, _beside(directory, "sound"), *words)


def merge(directory: Path) -> str:
    """Return the command that writes the dataset at `directory` once more, beside it."""
    return command("python -m recorder merge", _beside(directory, "anew"), directory)


def _beside(directory: Path, what: str) -> Path:
    whole = directory.absolute()
    return whole.with_name(f"{whole.name}_{what}")
