"""The command line of the arm tools: `python -m drivers COMMAND`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console

from drivers.arm import ArmError
from drivers.dynamixel.bus import NoAnswerError, RefusedError
from drivers.dynamixel.port import PortError
from runtime import program
from runtime.shell import quoted
from station.arm_tools import calibrate, check, free, latency, reboot, rest, scan, watch
from station.arm_tools.request import (
    Ask,
    Request,
    ToolError,
    checked_names,
    named_arms,
    options_hint,
)
from station.arm_tools.tables import plain_table
from station.config import load, robot_file

_ROBOT: Final = "aloha"
_USAGE: Final = (
    "python -m drivers COMMAND [--robot NAME] [--config FILE] [--set KEY=VALUE]... [--arm ARM]...\n"
)
_FAILURES = (ArmError, PortError, NoAnswerError, RefusedError, ToolError, ValueError, OSError)


@dataclass(frozen=True, slots=True)
class Tool:
    """One command.

    Attributes:
        run: does it; returns the exit code.
        purpose: in a line.
        effect: what it moves, or writes, or lets go.
        options: adds its own options to the command line.
    """

    run: Callable[[Request, argparse.Namespace], int]
    purpose: str
    effect: str
    options: Callable[[argparse.ArgumentParser], None] = lambda _: None


TOOLS: Final = {
    "scan": Tool(scan.run, "what answers at which port", "moves nothing", scan.add_options),
    "check": Tool(check.run, "every check of a launch", "moves and writes nothing"),
    "watch": Tool(watch.run, "all motors, live", "moves and writes nothing", watch.add_options),
    "calibrate": Tool(
        calibrate.run,
        "measure what the config cannot know",
        "moves nothing; writes motors' EEPROM or the calibration file",
        calibrate.add_options,
    ),
    "rest": Tool(
        rest.run,
        "bring arms to rest, then let them go",
        "MOVES the arms; takes torque off once they lie at rest",
        rest.add_options,
    ),
    "free": Tool(free.run, "let arms go at once", "THE ARMS FALL"),
    "reboot": Tool(
        reboot.run,
        "restart motors that latched an error",
        "the motor GOES LIMP, its joint may fall",
        reboot.add_options,
    ),
    "latency": Tool(
        latency.run,
        "measure how late the joints follow",
        "MOVES each joint by at most 0.05 rad",
        latency.add_options,
    ),
}


def parser() -> argparse.ArgumentParser:
    """Return the command line's grammar."""
    result = argparse.ArgumentParser(
        prog="python -m drivers", description="Look after the arms, outside of a launch."
    )
    commands = result.add_subparsers(dest="command", metavar="COMMAND")
    for name, tool in TOOLS.items():
        command = commands.add_parser(
            name,
            help=f"{tool.purpose}; {tool.effect}",
            description=f"{tool.purpose}; {tool.effect}",
        )
        command.add_argument("--robot", default=_ROBOT, metavar="NAME", help="a config in configs/")
        command.add_argument("--config", type=Path, metavar="FILE", help="a config of your own")
        command.add_argument(
            "--set",
            action="append",
            default=[],
            metavar="KEY=VALUE",
            dest="settings",
            help="change any key of the config; may be given several times",
        )
        command.add_argument(
            "--arm",
            action="append",
            default=[],
            metavar="ARM",
            dest="arms",
            help="left, right, leader_left or leader_right; may be given several times",
        )
        tool.options(command)
    return result


def main(arguments: Sequence[str], ask: Ask | None = None) -> int:
    """Do what the command line says; returns the exit code.

    Args:
        arguments: without the program's name.
        ask: puts a question to a person and returns the line that was typed; by the terminal if
            not given.
    """
    options = parser().parse_args(arguments)
    console = Console()
    if options.command is None:
        _explain(console)
        return 0
    try:
        return TOOLS[options.command].run(_request(options, console, ask or _asked), options)
    except _FAILURES as error:
        complaint = Console(stderr=True)
        text = f"{error}{options_hint(str(error), _robot_options(options))}"
        complaint.print(text, style="bold red", markup=False, highlight=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        with suppress(OSError):  # the terminal may be what ended
            console.print("\ninterrupted; torque is as it was", highlight=False)
        return program.INTERRUPTED


def _request(options: argparse.Namespace, console: Console, ask: Ask) -> Request:
    file: Path = options.config or robot_file(options.robot)
    station = load(file, options.settings)
    arms = named_arms(station)
    chosen = checked_names(options.arms, arms)
    assume_yes = getattr(options, "assume_yes", False)
    return Request(station, file, arms, chosen, console, ask, assume_yes, _robot_options(options))


def _robot_options(options: argparse.Namespace) -> str:
    """Return the options that say which robot it is, as a shell takes them."""
    words = ["--config", str(options.config)] if options.config else []
    if not words and options.robot != _ROBOT:
        words = ["--robot", options.robot]
    for setting in options.settings:
        words += ["--set", setting]
    return " ".join(map(quoted, words))


def _asked(question: str) -> str:
    try:
        return input(question)
    except EOFError:
        raise ToolError(f"nobody answered {question!r}: run it in a terminal") from None


def _explain(console: Console) -> None:
    table = plain_table("command", "what for", "what it does to the arms")
    for name, tool in TOOLS.items():
        style = "bold red" if tool.effect[:2].isupper() or "LIMP" in tool.effect else ""
        table.add_row(name, tool.purpose, f"[{style}]{tool.effect}[/]" if style else tool.effect)
    console.print(_USAGE, markup=False, highlight=False, soft_wrap=True)
    console.print(table)
    console.print(
        "\nEnd a launch first: a port belongs to one program. Software is no emergency stop; that "
        "is the switch of the 12 V supply, and it drops the arms.",
        highlight=False,
    )
