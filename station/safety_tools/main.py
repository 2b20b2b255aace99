"""The command line of the safety tools: `python -m safety COMMAND`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from rich.console import Console

from station.safety_tools import ask, audit_log, state, stop
from station.safety_tools.task import Task, ToolError

_EPILOG: Final = (
    "A software stop is no emergency stop: that is the switch of the 12 V supply, and it drops "
    "the arms."
)


@dataclass(frozen=True, slots=True)
class Tool:
    """One command: what does it, what for, in a line, and the argument that it needs, if any."""

    run: Callable[[Task], int]
    purpose: str
    argument: str = ""


TOOLS: Final = {
    "stop": Tool(stop.run, "stop all arms, and wait until each has confirmed it"),
    "state": Tool(state.run, "what may move, or what stopped it and what to do next"),
    "reset": Tool(ask.reset, "end the stop with this id; nothing moves by that", "EVENT"),
    "arm": Tool(ask.arm, "test the stop path, then let the arms go to their poses"),
    "run": Tool(ask.run, "let the policy move the arms"),
    "pause": Tool(ask.run, "take that back: the arms hold, and `run` goes on"),
    "speed": Tool(ask.speed, "cap the speed, 0.05 to 1 of the usual", "X"),
    "rest": Tool(ask.run, "stop, go to rest, then take torque off"),
    "cut": Tool(ask.cut, "take torque off NOW: THE ARMS FALL; asks for a code first"),
    "verify": Tool(audit_log.verify, "check that nobody changed the audit log"),
    "log": Tool(audit_log.log, "print the end of the audit log"),
}


def parser() -> argparse.ArgumentParser:
    """Return the command line's grammar."""
    result = argparse.ArgumentParser(
        prog="python -m safety",
        description="Stop a robot that a launch runs, see why it stands, and let it go on.",
        epilog=_EPILOG,
    )
    commands = result.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, tool in TOOLS.items():
        command = commands.add_parser(name, help=tool.purpose, description=tool.purpose)
        if tool.argument:
            command.add_argument("argument", metavar=tool.argument)
        command.add_argument("--robot", default="aloha", metavar="NAME", help="as in its config")
        command.add_argument("--reason", default="", metavar="TEXT", help="for the audit log")
    return result


def main(arguments: Sequence[str], asked: Callable[[str], str] | None = None) -> int:
    """Do what the command line says; returns the exit code.

    Args:
        arguments: without the program's name.
        asked: puts a question to a person and returns the line that was typed; by the terminal if
            not given.
    """
    options = parser().parse_args(arguments)
    task = Task(
        command=options.command,
        argument=getattr(options, "argument", ""),
        robot=options.robot,
        reason=options.reason,
        console=Console(),
        ask=asked or _asked,
    )
    try:
        return TOOLS[options.command].run(task)
    except (ToolError, ValueError, OSError) as error:
        complaint = Console(stderr=True)
        complaint.print(str(error), style="bold red", markup=False, highlight=False, soft_wrap=True)
        return 1


def _asked(question: str) -> str:
    try:
        return input(question)
    except EOFError:
        raise ToolError("nobody answered: run it in a terminal") from None
