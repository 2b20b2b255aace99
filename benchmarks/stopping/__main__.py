"""`python -m benchmarks.stopping`: how soon and how surely the robot stops."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path

from rich.console import Console

from benchmarks.report import Target, publish
from benchmarks.stopping import browsers, collision, detection, kills, picture, presses, silence
from benchmarks.stopping.robot import RobotError
from runtime import program

Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class Options:
    """How much is measured."""

    presses: int
    kills: int
    silences: int
    blocks: int
    block_s: float
    faults: int
    poses: int
    episodes: int
    seed: int = 0
    settings: tuple[str, ...] = ()
    json: Path | None = None


QUICK = Options(
    presses=24, kills=1, silences=3, blocks=2, block_s=10.0, faults=1, poses=100, episodes=1
)
FULL = Options(
    presses=1000, kills=20, silences=20, blocks=8, block_s=30.0, faults=5, poses=2000, episodes=5
)


def targets() -> dict[str, tuple[Target, ...]]:
    """Return what each part must reach."""
    return {
        "presses": (
            Target("stop_p99_ms", 50.0, "press to goals that stand, all channels, 99th percentile"),
            Target("stops_missed", 0.0, "presses after which the arms went on"),
        ),
        "kills": (
            Target("kill_max_step_rad", kills.cap_rad(), "largest step of a goal around a kill -9"),
            Target("kill_torque_changes", 0.0, "motors that changed their torque around it"),
        ),
        "silence": (
            Target("permit_lost_ms", 250.0, "a hanging safety process to braking arms, the worst"),
        ),
        "browsers": (
            Target("browsers_tick_ratio", 1.1, "tick lateness p99.9, ten pages open against none"),
        ),
        "collision": (
            Target("collision_check_us", 100.0, "the collision check of a tick"),
            Target("poses_touching", 0.0, "random poses commanded that end touching something"),
        ),
        "detection": (Target("faults_detected_late", 0.0, "faults found later than promised"),),
    }


def main() -> None:
    """Measure the parts asked for, print what they found, and say whether the targets are met."""
    parts: Mapping[str, Callable[[Options, Console], Figures]] = {
        "presses": _presses,
        "kills": _kills,
        "silence": _silence,
        "browsers": _browsers,
        "collision": _collision,
        "detection": _detection,
    }
    arguments = _parser(list(parts)).parse_args()
    console = Console()
    options = _options(arguments)
    figures: Figures = {}
    chosen = list(parts) if "all" in arguments.parts else arguments.parts
    for name in chosen:
        console.rule(name)
        began_s = time.monotonic()
        try:
            figures |= parts[name](options, console)
        except RobotError as error:
            console.print(f"[bold red]{name} was not measured:[/] {error}", highlight=False)
        console.print(f"{name} took {time.monotonic() - began_s:.0f} s", highlight=False)
    asked = [target for name in chosen for target in targets()[name]]
    _say_missing(console, figures, asked)
    raise SystemExit(0 if publish(console, figures, asked, arguments.json) else 1)


def _parser(parts: list[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stopping", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*parts, "all"], default="all")
    parser.add_argument("--json", type=Path, metavar="FILE", help="with a picture beside it")
    parser.add_argument("--quick", action="store_true", help="little of everything")
    parser.add_argument("--presses", type=int, metavar="N")
    parser.add_argument("--kills", type=int, metavar="N", help="of each process")
    parser.add_argument("--silences", type=int, metavar="N")
    parser.add_argument(
        "--blocks", type=int, metavar="N", help="with browsers, and as many without"
    )
    parser.add_argument("--block-s", type=float, metavar="S")
    parser.add_argument("--faults", type=int, metavar="N", help="each fault so many times")
    parser.add_argument("--poses", type=int, metavar="N", help="for the collision check to stop")
    parser.add_argument("--episodes", type=int, metavar="N", help="in which it is timed")
    parser.add_argument(
        "--set",
        dest="settings",
        action="append",
        metavar="KEY=VALUE",
        help="of the launch; not for figures to be told: cameras={} spares a slow machine",
    )
    parser.add_argument("--seed", type=int, metavar="N", help="of the moments of the presses")
    return parser


def _options(arguments: argparse.Namespace) -> Options:
    given = {field.name: getattr(arguments, field.name) for field in fields(Options)}
    given["settings"] = tuple(arguments.settings or ())
    chosen = {name: value for name, value in given.items() if value is not None}
    return replace(QUICK if arguments.quick else FULL, **chosen)


def _presses(options: Options, console: Console) -> Figures:
    found = presses.measured(options.presses, options.seed, options.settings, console)
    console.print(found.table())
    _say_left_out(console, found.left_out)
    if options.json:
        picture.draw(found.times_ms(), options.json.with_suffix(".png"))
    return found.figures()


def _kills(options: Options, console: Console) -> Figures:
    found = kills.measured(options.kills, options.settings, console)
    console.print(found.table())
    _say_left_out(console, found.left_out)
    return found.figures()


def _silence(options: Options, console: Console) -> Figures:
    return silence.measured(options.silences, options.settings, console).figures()


def _browsers(options: Options, console: Console) -> Figures:
    found = browsers.measured(options.blocks, options.block_s, options.settings, console)
    return found.figures()


def _collision(options: Options, console: Console) -> Figures:
    return collision.measured(console, options.poses, options.episodes)


def _detection(options: Options, console: Console) -> Figures:
    found = detection.measured(options.faults, options.settings, console)
    console.print(found.table())
    _say_left_out(console, found.left_out)
    return found.figures()


def _say_left_out(console: Console, left_out: list[str]) -> None:
    for what in left_out:
        console.print(f"[yellow]not measured:[/] {what}", highlight=False)


def _say_missing(console: Console, figures: Figures, asked: list[Target]) -> None:
    missing = [target.key for target in asked if target.key not in figures]
    if missing:
        console.print(f"[bold red]could not be measured:[/] {', '.join(missing)}")


if __name__ == "__main__":
    sys.exit(program.run(main))
