"""`calibrate`: measures or sets up what a config cannot know by itself."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Final

from station.arm_tools import (
    calibrate_gripper,
    calibrate_leaders,
    calibrate_registers,
    calibrate_shadows,
)
from station.arm_tools.request import Request

WHAT: Final[dict[str, tuple[Callable[[Request], int], str]]] = {
    "registers": (calibrate_registers.run, "write the config's EEPROM values into limp motors"),
    "shadows": (calibrate_shadows.run, "make the two motors of a joint agree where it is"),
    "gripper": (calibrate_gripper.run, "measure where a gripper is closed and open"),
    "leaders": (calibrate_leaders.run, "measure how leaders' zeros differ from followers'"),
}


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the options of `calibrate`."""
    command.formatter_class = argparse.RawDescriptionHelpFormatter
    command.epilog = "\n".join(f"  {name:10} {purpose}" for name, (_, purpose) in WHAT.items())
    command.add_argument("what", choices=WHAT, help="see below")
    command.add_argument(
        "--yes", action="store_true", dest="assume_yes", help="do not ask before writing"
    )


def run(request: Request, options: argparse.Namespace) -> int:
    """Calibrate what was asked for; returns the exit code."""
    return WHAT[options.what][0](request)
