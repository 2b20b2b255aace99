"""`merge`: several datasets into a new one."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from recorder.assembly import assembled
from recorder.dataset import Dataset
from recorder.layout import Robot
from recorder.structure import EpisodeRow
from station.recorder_tools.copying import copied, own_robot
from station.recorder_tools.task import Task, ToolError, counted, listed


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what this command takes."""
    parser.add_argument("out", type=Path, metavar="NEW", help="folder of the new dataset")
    parser.add_argument("sources", type=Path, nargs="+", metavar="DATASET", help="one or more")


def run(task: Task) -> int:
    """Write the new dataset; returns 0, or 1 if something could not be read.

    Raises:
        DatasetError: a source cannot be read, or the new one's folder is taken.
        ToolError: the sources are of different robots, rates or columns.
    """
    sources = [task.opened(path) for path in task.options.sources]
    chosen = [(source, row) for source in sources for row in source.episodes()]
    write(task, common_robot(sources), task.options.out, chosen)
    return int(any(source.damaged for source in sources))


def common_robot(sources: Sequence[Dataset]) -> Robot:
    """Return what the datasets have in common; raises ToolError, naming what differs."""
    first = sources[0]
    robot = own_robot(first.info, first.directory)
    for other in sources[1:]:
        another = own_robot(other.info, other.directory)
        if robot.twin is None or another.twin is None:  # what one does not say, the other may
            known = robot.twin if another.twin is None else another.twin
            robot, another = replace(robot, twin=known), replace(another, twin=known)
        here, there = _described(robot), _described(another)
        differences = [
            f"{what}: {here[what]} and {there[what]}" for what in here if here[what] != there[what]
        ]
        if differences:
            raise ToolError(
                f"{first.directory} and {other.directory} cannot be one dataset, they differ in "
                + "; in ".join(differences)
            )
    return robot


def write(
    task: Task, robot: Robot, out: Path, chosen: Sequence[tuple[Dataset, EpisodeRow]]
) -> None:
    """Write episodes into a new dataset, without those that a person discarded.

    Raises:
        ToolError: none is left.
        DatasetError: one cannot be read, or the folder is taken.
    """
    kept = [(source, row) for source, row in chosen if not row.discarded]
    if not kept:
        raise ToolError(f"no episode is left for {out}: nothing was written")
    unknown: set[str] = set()
    with assembled(out, robot) as assembly:
        for source, row in task.following(f"writing {out.name}", kept):
            unknown.update(source.undeclared(row.episode))
            assembly.add(copied(source, row))
    if unknown:
        task.say(f"left out: the columns {listed(sorted(unknown))}, which no info.json speaks of")
    left_out = len(chosen) - len(kept)
    discarded = f", without {left_out} that were discarded" if left_out else ""
    task.say(f"wrote {counted(len(kept), 'episode')} to {out}{discarded}")


def _described(robot: Robot) -> dict[str, Any]:
    return {
        "robot": robot.name,
        "frames a second": robot.fps,
        "joints": robot.joints,
        "cameras (height, width)": dict(sorted(robot.cameras.items())),
        "whether the twin simulated it": robot.twin,
    }
