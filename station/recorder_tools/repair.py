"""`repair`: keeps what is readable, puts the rest aside, and makes the dataset whole again."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import datetime

from recorder import files, layout
from recorder.catalogue import Catalogue
from recorder.finish import FinishError, finished, ready
from recorder.journal import journals
from recorder.recover import cut_off, seal_all
from station.recorder_tools.mending import Mending
from station.recorder_tools.task import Task, add_directory

_ASIDE = "aside"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what this command takes."""
    add_directory(parser)
    parser.add_argument(
        "--robot", default="aloha", metavar="NAME", help="whose joints, where info.json is lost"
    )


def run(task: Task) -> int:
    """Mend the dataset and say what was done; returns 1 if something could not be saved.

    Raises:
        BusyError: it is being recorded to.
        DatasetError: it is of another version.
        ToolError: it was not recorded by this software.
    """
    directory = task.directory
    aside = directory / _ASIDE / f"{datetime.now().astimezone():%Y-%m-%d_%H-%M-%S_%f}"
    said: list[str] = []
    mending = Mending(directory, aside, said.append)
    if not mending.possible() and not journals(directory):
        task.dataset()  # says why this is none
    mending.demand_own_files()
    try:
        with (
            files.sole(directory / layout.RECORDER_LOCK, "repair"),
            files.sole(directory / layout.FINISHER_LOCK, "repair"),
        ):
            if mending.possible():
                mending.mend(task.options.robot)
            lost = _finish_journals(task, said.append)
        if not said:
            task.say(f"{directory}: nothing to repair", style="green")
    finally:  # cut off or not, what was done was done
        for line in said:
            task.say(line)
        if aside.exists():
            task.say(f"what was taken out lies in {aside}", style="bold")
    return int(bool(lost))


def _finish_journals(task: Task, say: Callable[[str], None]) -> int:
    """Make episodes of all journals; returns how many could not be."""
    directory = task.directory
    for line in cut_off(directory):
        say(line)
    seal_all(directory)
    lost, catalogue = 0, Catalogue(directory)
    for journal in task.following("finishing journals", ready(directory)):
        try:
            say(f"{journal.name} is episode {finished(catalogue, journal)} now")
        except FinishError as error:
            lost += 1
            say(f"{journal.name} stays a journal: {error}")
    return lost
