"""`check`: is a dataset whole, and does it agree with itself?"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from recorder import advice, layout, origin
from recorder.dataset import Dataset, DatasetError
from recorder.structure import EpisodeRow, Fault
from station.arm_tools.tables import plain_table
from station.recorder_tools import images_check, labels_check, rows_check, statistics_check
from station.recorder_tools.task import Task, add_directory, add_episodes, counted, listed


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what this command takes."""
    add_directory(parser)
    add_episodes(parser)
    parser.add_argument(
        "--quick", action="store_true", help="count images, and do not decode every one of them"
    )


def run(task: Task) -> int:
    """Print what is wrong, each with its remedy; returns 1 if anything is."""
    dataset = task.dataset()
    named = task.episodes(dataset)
    found = [*dataset.verify(), *_of_info(dataset)]
    broken = {fault.where for fault in found}
    whole = [number for number in named if f"episode {number}" not in broken]
    kept = statistics_check.Gathered()
    for number in task.following("checking", whole):
        found += episode_faults(dataset, dataset.row(number), kept, quick=task.options.quick)
    if len(whole) == len(dataset.episodes()):
        found += statistics_check.faults(dataset, kept)
        if untold := statistics_check.untold(dataset, kept):
            task.say(f"not checked: the statistics of {listed(untold)}, which are not there")
    if depth := dataset.info.depth_cameras:
        task.say(f"not decoded: {listed(depth)}, which hold depth")
    return _told(task, found, named, [row.episode for row in dataset.episodes()])


def episode_faults(
    dataset: Dataset, row: EpisodeRow, kept: statistics_check.Gathered, *, quick: bool
) -> list[Fault]:
    """Return what is wrong with one episode.

    Args:
        dataset: which it is of.
        row: what is said of it.
        kept: gathers what the statistics are made of.
        quick: whether to leave out what takes decoding.
    """
    found: list[Fault] = []
    try:
        table = dataset.table(row.episode)
        if extra := dataset.undeclared(row.episode):
            what = f"info.json does not speak of the columns {listed(extra)}"
            found.append(
                Fault(f"episode {row.episode}", what, "write them there, or leave them out")
            )
        kept.add(table)
        found += _of_table(dataset, row, table)
        ticks = dataset.ticks(row.episode)
        if ticks is not None:
            found += rows_check.tick_faults(row, ticks)
        seen = kept.images if not quick else None
        found += images_check.faults(dataset, row, seen)
        kept.end_episode()
    except DatasetError as error:
        found.append(Fault(f"episode {row.episode}", str(error), "repair puts the episode aside"))
    return found


def _of_table(dataset: Dataset, row: EpisodeRow, table: pa.Table) -> Iterator[Fault]:
    yield from rows_check.faults(dataset.info, row, table)
    if dataset.info.recorded:
        yield from labels_check.faults(row, table)


def _of_info(dataset: Dataset) -> Iterator[Fault]:
    for feature in dataset.info.features.values():
        if feature.doubt:
            what = f"{feature.key} has {feature.doubt}: they are numbered here"
            yield Fault(str(layout.INFO), what, "give each value a name of its own")


def _told(task: Task, found: list[Fault], checked: list[int], known: list[int]) -> int:
    if not found:
        task.say(f"{task.directory}: {counted(len(checked), 'episode')}, all well", style="green")
        return 0
    foreign = origin.unmendable(task.directory)  # what the remedies say would be refused
    table = plain_table("where", "what is wrong", *(() if foreign else ("what to do",)))
    for fault in found:
        table.add_row(fault.where, fault.what, *(() if foreign else (fault.remedy,)))
    task.console.print(table)
    task.say(f"\n{counted(len(found), 'fault')} in {task.directory}", style="bold red")
    if foreign:
        task.say(advice.remedy(task.directory), style="bold red")
        return 1
    for line in _commands(task.directory, found, known):
        task.say(line, style="bold red")
    return 1


def _commands(directory: Path, found: list[Fault], known: list[int]) -> Iterator[str]:
    """Yield the commands that the remedies speak of, each whole."""
    if any(fault.remedy.startswith("repair") for fault in found):
        yield f"to repair: {advice.repair(directory)}"
    blamed = {fault.where.removeprefix("ticks of ") for fault in found}
    sound = [number for number in known if f"episode {number}" not in blamed]
    if sound and any(fault.remedy.startswith("`split`") for fault in found):
        yield f"to leave out: {advice.split(directory, sound)}"
    if any(fault.remedy.startswith("`merge`") for fault in found):
        yield f"to write anew: {advice.merge(directory)}"
