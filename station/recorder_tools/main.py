"""The command line of the dataset tools: `python -m recorder COMMAND`."""

from __future__ import annotations

import argparse
import errno
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from rich.console import Console

from recorder.dataset import DatasetError
from recorder.files import BusyError
from runtime import program
from station.recorder_tools import (
    check,
    exporting,
    importing,
    info,
    merge,
    push,
    repair,
    replay,
    split,
    view,
)
from station.recorder_tools.task import Task, ToolError


@dataclass(frozen=True, slots=True)
class Tool:
    """One command: what does it, what for, in a line, and its part of the command line."""

    run: Callable[[Task], int]
    purpose: str
    options: Callable[[argparse.ArgumentParser], None]


_BARRED: Final = (errno.EACCES, errno.EPERM, errno.EROFS)

TOOLS: Final = {
    "info": Tool(info.run, "what a dataset holds", info.add_options),
    "check": Tool(check.run, "is it whole, and does it agree with itself?", check.add_options),
    "repair": Tool(repair.run, "keep what is readable; deletes nothing", repair.add_options),
    "merge": Tool(merge.run, "several datasets into a new one", merge.add_options),
    "split": Tool(split.run, "some episodes into a new one", split.add_options),
    "view": Tool(view.run, "a page of an episode: videos, joints, who commanded", view.add_options),
    "replay": Tool(replay.run, "an episode's commands through the twin", replay.add_options),
    "export": Tool(exporting.run, "to ACT's HDF5, or MCAP for Foxglove", exporting.add_options),
    "import": Tool(importing.run, "a dataset from ACT's HDF5", importing.add_options),
    "push": Tool(push.run, "to a hub", push.add_options),
}


def parser() -> argparse.ArgumentParser:
    """Return the command line's grammar."""
    result = argparse.ArgumentParser(
        prog="python -m recorder", description="Look after recorded datasets."
    )
    commands = result.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, tool in TOOLS.items():
        command = commands.add_parser(name, help=tool.purpose, description=tool.purpose)
        tool.options(command)
    return result


def main(arguments: Sequence[str], console: Console | None = None) -> int:
    """Do what the command line says; returns the exit code.

    Args:
        arguments: without the program's name.
        console: where to tell; the terminal if not given.
    """
    options = parser().parse_args(arguments)
    task = Task(console or Console(), options)
    try:
        return TOOLS[options.command].run(task)
    except (DatasetError, ToolError, BusyError, ValueError, OSError) as error:
        complaint = console or Console(stderr=True)
        complaint.print(
            _said(error), style="bold red", markup=False, highlight=False, soft_wrap=True
        )
        return 1
    except KeyboardInterrupt:
        with suppress(OSError):  # the terminal may be what ended
            task.say("\ninterrupted, and nothing is lost: call it again for what is left to do")
        return program.INTERRUPTED


def _said(error: Exception) -> str:
    """Return what went wrong, and the remedy where the system alone said it."""
    barred = isinstance(error, OSError) and error.errno in _BARRED
    return (
        f"{error}: choose another folder, or change the rights of this one"
        if barred
        else f"{error}"
    )
