"""`split`: some episodes of a dataset into a new one."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from recorder.dataset import Dataset
from recorder.structure import EpisodeRow
from station.recorder_tools import merge
from station.recorder_tools.copying import own_robot
from station.recorder_tools.task import Task, ToolError, add_directory, add_episodes


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what this command takes."""
    add_directory(parser)
    parser.add_argument("out", type=Path, metavar="NEW", help="folder of the new dataset")
    add_episodes(parser)
    parser.add_argument(
        "--outcome", action="append", metavar="WORD", help="success, failure, timeout, ..."
    )
    parser.add_argument(
        "--type", action="append", metavar="WORD", dest="kinds", help="demo, auto, intervention"
    )
    parser.add_argument(
        "--fraction", type=float, metavar="X", help="only this share of them, drawn by --seed"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="default 0")
    parser.add_argument("--rest", type=Path, metavar="NEW", help="all the others go here")


def run(task: Task) -> int:
    """Write the new dataset, and if asked to another of the rest.

    Returns 0, or 1 if an episode cannot be read.

    Raises:
        DatasetError: the dataset cannot be read, or a new one's folder is taken.
        ToolError: no episode is chosen, or not even one is left for the rest.
    """
    dataset = task.dataset()
    robot = own_robot(dataset.info, task.directory)
    chosen = selected(task, dataset)
    numbers = {row.episode for row in chosen}
    rest = [row for row in dataset.episodes() if row.episode not in numbers]
    merge.write(task, robot, task.options.out, [(dataset, row) for row in chosen])
    if task.options.rest:
        merge.write(task, robot, task.options.rest, [(dataset, row) for row in rest])
    return int(bool(dataset.damaged))


def selected(task: Task, dataset: Dataset) -> list[EpisodeRow]:
    """Return the episodes that the options choose; raises ToolError if that makes no sense."""
    options = task.options
    named = set(task.episodes(dataset))
    rows = [row for row in dataset.episodes() if row.episode in named]
    for words, column in ((options.outcome, "outcome_label"), (options.kinds, "data_type")):
        if words:
            known = {row.text(column) for row in dataset.episodes()}
            if unknown := set(words) - known:
                raise ToolError(
                    f"no episode has {column} {', '.join(sorted(unknown))}; there are"
                    f" {', '.join(sorted(known))}"
                )
            rows = [row for row in rows if row.text(column) in words]
    if options.fraction is None:
        return rows
    if not 0.0 < options.fraction <= 1.0:
        raise ToolError(f"--fraction {options.fraction}: expected more than 0 and at most 1")
    drawn = np.random.default_rng(options.seed).permutation(len(rows))
    kept = sorted(drawn[: round(options.fraction * len(rows))].tolist())
    return [rows[place] for place in kept]
