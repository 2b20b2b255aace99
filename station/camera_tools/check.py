"""`python -m perception`: are a robot's cameras good enough, and how old is their light?"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.live import Live

from station.camera_tools.latency import measure_latency
from station.camera_tools.running import RunningCameras, running_cameras
from station.camera_tools.views import table, write_picture
from station.config import load, robot_file
from station.hardware import decided
from station.robot import StationConfig

_START_S = 30.0
_SETTLE_S = 1.0  # exposure settles, and a device that sends too slowly is set up anew
_SHOW_S = 0.25


def main(arguments: Sequence[str]) -> int:
    """Do what the command line says; returns the exit code."""
    options = _parser().parse_args(arguments)
    console = Console(markup=False)  # what is said may hold brackets, as in pip install 'a[b]'
    try:
        config = _config(options)
        if options.command == "check":
            return check(config, options.seconds, options.picture, console)
        return measure_latency(config, options.camera, options.seconds, options.monitor_ms, console)
    except (ValueError, RuntimeError, OSError) as error:
        Console(stderr=True, markup=False).print(
            f"perception: {error}", highlight=False, soft_wrap=True
        )
        return 2


def check(config: StationConfig, seconds: float, picture: Path | None, console: Console) -> int:
    """Show the cameras while they run, then judge them; returns 1 if one is not good enough."""
    if not config.cameras:
        raise ValueError(f"{config.robot} has no cameras in its config")
    with running_cameras(config, list(config.cameras)) as cameras:
        views = cameras.views
        with Live(console=console, auto_refresh=False, transient=True) as live:
            _look_until(cameras, live, "starting", _START_S, stop_when_ready=True)
            _look_until(cameras, live, "settling", _SETTLE_S)
            for view in views:
                view.forget()
            _look_until(cameras, live, f"measuring for {seconds:g} s", seconds)
        console.print(table(views, f"cameras of {config.robot}"))
        if picture:
            write_picture(picture, views)
            console.print(f"all views: {picture}", highlight=False, soft_wrap=True)
        troubles = {view.name: trouble for view in views if (trouble := view.trouble())}
    for name, trouble in troubles.items():
        console.print(f"{name}: {trouble}", style="red", highlight=False, soft_wrap=True)
    return 1 if troubles else 0


def _look_until(
    cameras: RunningCameras,
    live: Live,
    doing: str,
    seconds: float,
    *,
    stop_when_ready: bool = False,
) -> None:
    end_s = time.monotonic() + seconds
    show_s = 0.0
    while (now_s := time.monotonic()) < end_s:
        cameras.look()
        if now_s >= show_s:
            show_s = now_s + _SHOW_S
            live.update(table(cameras.views, f"{doing}: {end_s - now_s:.0f} s left"), refresh=True)
        # A camera that cannot start has said why, and is not waited for.
        if stop_when_ready and all(view.death or view.image is not None for view in cameras.views):
            return


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
