"""`check`: is a dataset whole, and does it agree with itself?"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Final

import pyarrow as pa
from rich.table import Table

from recorder import advice, layout
from recorder.dataset import Dataset, DatasetError
from recorder.structure import EpisodeRow, Fault
from station.arm_tools.tables import plain_table
from station.recorder_tools import images_check, labels_check, rows_check, statistics_check
from station.recorder_tools.task import Task, add_directory, add_episodes, counted

_LABELS: Final = (layout.RECAP, "next.")


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
    found = dataset.verify()
    broken = {fault.where for fault in found}
    whole = [number for number in named if f"episode {number}" not in broken]
    kept = statistics_check.Gathered()
    for number in task.following("checking", whole):
        found += episode_faults(dataset, dataset.row(number), kept, quick=task.options.quick)
    if len(whole) == len(dataset.episodes()):
        found += statistics_check.faults(dataset, kept)
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
    labels = {name for name in dataset.info.features if name.startswith(_LABELS)}
    if dataset.info.recorded and labels <= set(table.column_names):
        yield from labels_check.faults(row, table)


def _told(task: Task, found: list[Fault], checked: list[int], known: list[int]) -> int:
    if not found:
        task.say(f"{task.directory}: {counted(len(checked), 'episode')}, all well", style="green")
        return 0
    table: Table = plain_table("where", "what is wrong", "what to do")
    for fault in found:
        table.add_row(fault.where, fault.what, fault.remedy)
    task.console.print(table)
    task.say(f"\n{counted(len(found), 'fault')} in {task.directory}", style="bold red")
    if any(fault.remedy.startswith("repair") for fault in found):
        task.say(f"to repair: {advice.repair(task.directory)}", style="bold red")
    blamed = {fault.where for fault in found}
    sound = [number for number in known if f"episode {number}" not in blamed]
    if sound and any(fault.remedy.startswith("`split`") for fault in found):
        task.say(f"to leave out: {advice.split(task.directory, sound)}", style="bold red")
    return 1
