"""The command line of `python -m perception`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from station.camera_check import check
from station.camera_latency import measure_latency
from station.config import load, robot_file
from station.hardware import decided
from station.robot import StationConfig


def main(arguments: Sequence[str]) -> int:
    """Do what the command line says; returns the exit code."""
    options = _parser().parse_args(arguments)
    console = Console()
    try:
        config = _config(options)
        if options.command == "check":
            return check(config, options.seconds, options.picture, console)
        return measure_latency(config, options.camera, options.seconds, options.monitor_ms, console)
    except (ValueError, RuntimeError, OSError) as error:
        Console(stderr=True).print(f"perception: {error}", highlight=False, soft_wrap=True)
        return 2
    except KeyboardInterrupt:
        return 130


def _config(options: argparse.Namespace) -> StationConfig:
    config = load(options.config or robot_file(options.robot), options.settings)
    return config if options.real else decided(config)


def _parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(
        prog="python -m perception", description="Try a robot's cameras."
    )
    commands = result.add_subparsers(dest="command", required=True)
    checking = commands.add_parser(
        "check",
        help="run all cameras, show what they deliver, and say what is wrong",
        description="Runs the cameras as a launch does, with their twin where there are no arms."
        " The exit code is 1 if a camera is slow, late, stale, frozen or skewed.",
    )
    checking.add_argument(
        "--picture", type=Path, metavar="FILE.png", help="write one picture of all views"
    )
    pattern = commands.add_parser(
        "pattern",
        help="show a pattern on the monitor and measure a camera's latency by it",
        description="Fill the camera's view with the monitor, in focus.",
    )
    pattern.add_argument("--camera", required=True, help="which of the robot's cameras")
    pattern.add_argument(
        "--monitor-ms",
        type=float,
        default=16.0,
        help="what the monitor takes to light up; one refresh at 60 Hz by default",
    )
    for command in (checking, pattern):
        command.add_argument("--robot", default="aloha", help="a file of configs/ by its name")
        command.add_argument("--config", type=Path, help="another config file instead")
        command.add_argument(
            "--set",
            dest="settings",
            action="append",
            default=[],
            metavar="KEY=VALUE",
            help="override a value of the config, such as cameras.cam_high.config.rate_hz=60",
        )
        command.add_argument(
            "--real", action="store_true", help="the real cameras, even if no arm is plugged in"
        )
        command.add_argument("--seconds", type=_positive, default=10.0, help="how long to measure")
    return result


def _positive(text: str) -> float:
    value = float(text)
    if not value > 0:
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text}")
    return value


def entry() -> None:
    """Run as a program."""
    sys.exit(main(sys.argv[1:]))
