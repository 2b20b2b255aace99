"""The command line: run a robot, look at what there is, check the machine."""

from __future__ import annotations

import argparse
import logging
import math
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from runtime import program
from runtime.shell import setting
from station.exit_code import ExitCode, exit_codes_in_words

LAUNCHED_NS = time.monotonic_ns()
_YEAR_S = 31_536_000

DESCRIPTION = """\
Run a bimanual robot: cameras, arms, policy and controller, each in its own process.
Without arms the same stack drives their simulated twin. Ctrl-C brings the arms to rest,
ends every process and leaves a report under runs/."""

EXAMPLES = """\
examples:
  python launch.py --robot aloha                      until Ctrl-C
  python launch.py --robot aloha --episodes 10        ten episodes, then the report
  python launch.py --robot aloha --policy scripted    the expert instead of the learned policy
  python launch.py --robot aloha --teleop leader --record data/cube --operator ada
                                                      people correct the policy; all is recorded
  python launch.py --robot aloha --teleop scripted --record data/cube --episodes 50
                                                      the same unattended, on any machine
  python launch.py --robot aloha --set controller.ensemble=act --set policy_worker.rate_hz=20
  python launch.py --list                             processes, topics and plugins
  python -m safety stop                               in any shell: stop the robot that runs
  python launch.py doctor                             is this machine fit for it?"""


def parser() -> argparse.ArgumentParser:
    """Return the command line's grammar."""
    result = argparse.ArgumentParser(
        prog="launch.py",
        description=DESCRIPTION,
        epilog=f"{EXAMPLES}\n\nexit codes:\n{exit_codes_in_words()}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    result.add_argument(
        "command",
        nargs="?",
        choices=("run", "doctor", "keys"),
        default="run",
        help="run a robot (the default), check this machine, or make its network keys",
    )
    result.add_argument("--robot", default="aloha", metavar="NAME", help="a config in configs/")
    result.add_argument("--config", type=Path, metavar="FILE", help="a config file of your own")
    result.add_argument("--policy", metavar="NAME", help="a file in policy_worker/policies/")
    result.add_argument("--instruction", metavar="TEXT", help="what the policy shall do")
    _add_collecting(result)
    result.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="settings",
        help="change any key of the config; may be given several times",
    )
    result.add_argument("--episodes", type=_positive_int, metavar="N", help="end after N episodes")
    result.add_argument("--duration", type=_positive, metavar="S", help="end after S seconds")
    result.add_argument(
        "--stop-wait",
        type=_wait,
        metavar="S",
        help="end a run that was stopped and not reset for S seconds, the arms held; inf: never "
        "(default 60 for --episodes or --duration where no terminal's keys are read, else inf)",
    )
    result.add_argument(
        "--seed", type=_seed, default=0, metavar="N", help="of the first scene (default 0)"
    )
    result.add_argument(
        "--headless", action="store_true", help="log lines, and no keys, as where no terminal is"
    )
    result.add_argument(
        "--list", action="store_true", dest="listing", help="print processes, topics and plugins"
    )
    result.add_argument(
        "--join",
        metavar="PROCESS",
        help="on another machine: run only this process of the station, over the network",
    )
    return result


def _add_collecting(result: argparse.ArgumentParser) -> None:
    result.add_argument(
        "--teleop",
        metavar="NAME",
        help="a file in teleop/devices/, by which a person takes over, corrects and hands back",
    )
    result.add_argument(
        "--record",
        type=_folder,
        metavar="DIR",
        help="keep every episode as a LeRobot dataset in this folder",
    )
    result.add_argument(
        "--operator", metavar="NAME", help="who commands and labels, as the dataset shall say"
    )


def _settings(options: argparse.Namespace) -> list[str]:
    """Return all that the options change of the config, the options with names last."""
    named = {
        "policy": options.policy,
        "task.instruction": options.instruction,
        "teleop.device": options.teleop,
        "recorder.directory": options.record and str(options.record.absolute()),
        "recorder.operator": options.operator,
    }
    given = {key: value for key, value in named.items() if value is not None}
    return [*options.settings, *(setting(key, value) for key, value in given.items())]


def main(arguments: Sequence[str]) -> int:
    """Do what the command line says; returns the exit code."""
    options = parser().parse_args(arguments)
    if options.command == "doctor":
        from station.doctor import examine

        return examine()
    try:
        with _interrupt_ends_it():
            return _carried_out(options)
    except (ValueError, RuntimeError, OSError) as error:
        print(f"launch.py: {error}", file=sys.stderr)
        return ExitCode.REFUSED


def _carried_out(options: argparse.Namespace) -> int:
    from station.commands import join, listing, make_keys, run
    from station.config import load, robot_file
    from station.hardware import decided

    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    config = load(options.config or robot_file(options.robot), _settings(options))
    if options.command == "keys":
        return make_keys(config)
    if options.join:
        # What stands in where there are no arms is up to the station's machine alone.
        return join(config if config.hardware == "real" else decided(config), options.join)
    if options.listing:
        return listing(decided(config))
    return run(
        decided(config),
        seed=options.seed,
        episodes=options.episodes,
        duration_s=options.duration,
        stop_wait_s=options.stop_wait,
        headless=options.headless,
        launched_ns=LAUNCHED_NS,
    )


def _folder(text: str) -> Path:
    if not text:  # the present folder, to Path
        raise argparse.ArgumentTypeError("expected a folder, got an empty name")
    return Path(text)


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value <= _YEAR_S:
        raise argparse.ArgumentTypeError(f"expected seconds, up to {_YEAR_S}, got {text}")
    return value


def _seed(text: str) -> int:
    value = int(text)
    if not 0 <= value < 2**31:
        raise argparse.ArgumentTypeError(
            f"expected a whole number from 0 to 2147483647, got {text}"
        )
    return value


def _wait(text: str) -> float:
    value = float(text)
    if not (0 <= value <= _YEAR_S or value == math.inf):
        raise argparse.ArgumentTypeError(f"expected seconds, up to {_YEAR_S}, or inf, got {text}")
    return value


def _positive_int(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 up, got {text}")
    return value


@contextmanager
def _interrupt_ends_it() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end this process at once, until a run heeds them itself.

    Some libraries turn an interrupt into an error of their import.
    """

    def end(_number: int, _frame: FrameType | None) -> None:
        os._exit(_stopped_early())

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) is end:
                signal.signal(number, handler)


def _stopped_early() -> ExitCode:
    print("launch.py: stopped before anything started", file=sys.stderr, flush=True)
    return ExitCode.INTERRUPTED


def _exit_code() -> int:
    try:
        return main(sys.argv[1:])
    except KeyboardInterrupt:
        return _stopped_early()


if __name__ == "__main__":
    sys.exit(program.run(_exit_code))
