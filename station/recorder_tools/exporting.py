"""`export`: episodes in the formats of others."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from recorder import layout
from recorder.dataset import Dataset
from runtime.files import atomic_write
from station.recorder_tools import foxglove
from station.recorder_tools.act.write import write as write_act
from station.recorder_tools.task import (
    Task,
    ToolError,
    add_directory,
    add_episodes,
    counted,
    demand_vectors,
    listed,
)

Writer = Callable[[Dataset, int, Path], None]

_FORMATS: Final[dict[str, tuple[Writer, str]]] = {
    "hdf5": (write_act, ".hdf5"),
    "mcap": (foxglove.write, ".mcap"),
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what this command takes."""
    parser.add_argument(
        "format", choices=list(_FORMATS), help="hdf5 as ACT keeps it, or mcap for Foxglove"
    )
    add_directory(parser)
    parser.add_argument("out", type=Path, metavar="FOLDER", help="one file an episode goes here")
    add_episodes(parser)


def run(task: Task) -> int:
    """Write one file an episode; returns 0, or 1 if one of all cannot be read.

    Raises:
        DatasetError: an episode does not exist or cannot be read.
        ToolError: a file is there already, or the format's library is not installed.
        OSError: a file cannot be written; those before it are whole.
    """
    dataset = task.dataset()
    write, suffix = _FORMATS[task.options.format]
    out: Path = task.options.out
    episodes = task.episodes(dataset)
    _demand_something(task, dataset, episodes)
    files = {number: out / f"episode_{number}{suffix}" for number in episodes}
    if there := [str(path) for path in files.values() if path.exists()]:
        raise ToolError(f"{there[0]} is there already: choose another folder, or take it away")
    for number in task.following(f"writing {task.options.format}", episodes):
        with atomic_write(files[number]) as path:
            write(dataset, number, path)
    task.say(f"wrote {counted(len(episodes), 'file')} to {out}")
    return int(bool(dataset.damaged) and not task.options.episode)


def _demand_something(task: Task, dataset: Dataset, episodes: Sequence[int]) -> None:
    """Say what of a dataset is left out; raises ToolError where there is nothing to export."""
    info = dataset.info
    if not episodes:
        raise ToolError(f"{task.directory} has no episode that can be read: nothing was written")
    for number in episodes:
        if not dataset.row(number).length:
            raise ToolError(f"episode {number} of {task.directory} has no frames: leave it out")
    if task.options.format == "hdf5":
        demand_vectors(
            dataset, "ACT's files hold both as vectors; `export mcap` takes what there is"
        )
    left_out = [key for key in (layout.STATE, layout.ACTION) if info.vector(key) is None]
    depth = [f"{camera} (depth)" for camera in info.depth_cameras]
    if depth and not info.cameras:
        raise ToolError(
            f"{task.directory} has no images but {listed(depth)}, which no format takes"
        )
    if left_out or depth:
        task.say(f"left out, no vector or no images: {listed([*left_out, *depth])}", style="yellow")
