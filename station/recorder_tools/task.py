"""What a dataset's tool is asked to do, and how it tells what it does."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from recorder import layout
from recorder.dataset import Dataset

T = TypeVar("T")


class ToolError(RuntimeError):
    """A tool that cannot do its work; says why and what to do."""


@dataclass(frozen=True, slots=True)
class Task:
    """One command of a person.

    Attributes:
        console: where to tell.
        options: the command line's.
    """

    console: Console
    options: argparse.Namespace

    @property
    def directory(self) -> Path:
        """The dataset that it is about."""
        directory: Path = self.options.directory
        return directory

    def dataset(self) -> Dataset:
        """Open it, and tell what of it cannot be read; raises DatasetError."""
        return self.opened(self.directory)

    def opened(self, directory: Path) -> Dataset:
        """Open any dataset, and tell what of it cannot be read; raises DatasetError."""
        dataset = Dataset(directory)
        for fault in dataset.damaged:
            self.say(f"left out: {fault.what}", style="yellow")
        return dataset

    def say(self, text: str, style: str = "") -> None:
        """Tell something, as it is."""
        self.console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)

    def episodes(self, dataset: Dataset) -> list[int]:
        """Return the episodes that the options name, all if they name none.

        Raises:
            DatasetError: one of them does not exist.
        """
        named: Sequence[int] = self.options.episode or []
        if named:
            return [dataset.row(episode).episode for episode in named]
        return [row.episode for row in dataset.episodes()]

    def following(self, what: str, items: Sequence[T]) -> Iterator[T]:
        """Yield the items, and show how many are done."""
        with self.progress(what, len(items)) as advance:
            for item in items:
                yield item
                advance()

    @contextmanager
    def progress(self, what: str, total: int) -> Iterator[Advance]:
        """Show a bar for as long as the block lasts; call what it gives for each thing done."""
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
        remaining, shown = TimeRemainingColumn(), self.console.is_terminal
        with Progress(
            *columns, remaining, console=self.console, transient=True, disable=not shown
        ) as bar:
            yield Advance(bar, bar.add_task(what, total=total))


@dataclass(frozen=True, slots=True)
class Advance:
    """Moves a progress bar on."""

    bar: Progress
    task: TaskID

    def __call__(self) -> None:
        """Count one thing more."""
        self.bar.advance(self.task)


def add_directory(parser: argparse.ArgumentParser) -> None:
    """Add the dataset that a command is about."""
    parser.add_argument("directory", type=Path, metavar="DATASET", help="its folder")


def add_episodes(parser: argparse.ArgumentParser) -> None:
    """Add the choice of episodes."""
    parser.add_argument(
        "--episode",
        type=int,
        action="append",
        metavar="N",
        help="only this one; may be given several times",
    )


def demand_vectors(dataset: Dataset, remedy: str) -> None:
    """Raise ToolError unless a dataset has a state and an action that are vectors."""
    for key in (layout.STATE, layout.ACTION):
        if dataset.info.vector(key) is None:
            feature = dataset.info.features.get(key)
            what = f"{feature.dtype} of shape {list(feature.shape)}" if feature else "nothing"
            raise ToolError(f"this dataset, {dataset.directory}, has {what} as `{key}`: {remedy}")


def counted(number: int, thing: str) -> str:
    """Return `1 episode` or `2 episodes`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def listed(words: Iterable[str]) -> str:
    """Return words for people, or "none"."""
    return ", ".join(words) or "none"
