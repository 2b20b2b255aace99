"""`python -m benchmarks.recording`: what recording costs the robot, and what it loses."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import numpy as np
from rich.console import Console

from benchmarks.live import stolen_s
from benchmarks.recording.images import draw
from benchmarks.recording.losses import cut_ms, kept, killed_ms, misaligned_ms
from benchmarks.recording.rival import ratios
from benchmarks.recording.robot import Robot
from benchmarks.report import Target, publish
from recorder.dataset import Dataset
from recorder.journal import Journal, journals
from runtime import program
from runtime.realtime import realtime_permitted

_PRIORITY: Final = 80
_EPISODE_S: Final = 60.0
_BETWEEN_S: Final = 1.0
_KEPT_S: Final = 10.0  # of the episode whose journal is kept for more measurements
_BASE_S: Final = 120.0

TARGETS = (
    Target("ticks_lost", 0, "control ticks that are not in the dataset"),
    Target("frames_lost", 0, "images of four 640x480 cameras at 30 Hz that nobody has"),
    Target("tick_ratio", 1.1, "control tick's lateness, 99.9th percentile, over not recording"),
    Target("lost_ms", 200, "before a kill, or a cut at any byte, at most"),
    Target("alignment_ms", 5, "image, joints and action of a row apart, at most"),
)
RATIOS = (
    Target("size_ratio", 1, "dataset, over LeRobot's own of the same images"),
    Target("time_ratio", 1, "finishing an episode, over LeRobot's save_episode"),
)


def main() -> None:
    """Measure, print the figures, and say whether the targets are met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--duration", type=float, default=600.0, metavar="S", help="of recording")
    parser.add_argument("--trials", type=int, default=200, metavar="N", help="kills and cuts")
    parser.add_argument("--kills", type=int, default=50, metavar="N", help="of the trials")
    parser.add_argument(
        "--lerobot", type=Path, metavar="PYTHON",
        help="interpreter of `python tests/lerobot/environment.py`; else two figures are left out",
    )  # fmt: skip
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    console = Console()
    stolen = stolen_s()
    # Beside the checkout, not in memory: a minute of journal is half a gigabyte.
    with tempfile.TemporaryDirectory(prefix="eh-", dir=_disk()) as name:
        folder = Path(name)
        draw(folder / "views")
        figures = _recording(console, folder, arguments.duration)
        journal = _journal(console, folder)
        console.print(f"{arguments.trials} kills and cuts")
        lost = killed_ms(folder / "kills", min(arguments.kills, arguments.trials))
        figures["killed_ms"] = max(lost, default=float("nan"))
        lost += cut_ms(journal, folder / "cuts", arguments.trials - len(lost))
        figures["lost_ms"] = max(lost)
        targets: tuple[Target, ...] = TARGETS
        if arguments.lerobot:
            console.print("LeRobot's own writer on the same images")
            try:
                figures |= ratios(folder, arguments.lerobot, journal)
            except subprocess.CalledProcessError as error:
                console.print(f"LeRobot failed: {error.stderr}")
            targets = (*TARGETS, *RATIOS)
        else:
            console.print("not compared with LeRobot: no --lerobot PYTHON was given")
    figures["stolen_s"] = stolen_s() - stolen
    permitted = realtime_permitted(_PRIORITY)
    console.print(f"real-time permission {'given' if permitted else 'refused'}")
    console.print({key: round(value, 3) for key, value in figures.items()})
    raise SystemExit(0 if publish(console, figures, targets, arguments.json) else 1)


def _recording(console: Console, folder: Path, duration_s: float) -> dict[str, float]:
    """Return the figures of a robot that is recorded, and of one that is not."""
    base_s = min(_BASE_S, duration_s)
    console.print(f"{base_s:g} s without recording")
    with Robot(folder / "base", recorded=False) as robot:
        time.sleep(base_s)
        robot.end("controller")
        base = robot.late_ms()
    console.print(f"{duration_s:g} s of recording, in episodes of {_EPISODE_S:g} s")
    with Robot(folder / "robot") as robot:
        time.sleep(_BETWEEN_S)
        began_s = time.monotonic()
        before = {name: robot.processor_s(name) for name in ("recorder", "finisher")}
        while (left_s := duration_s - (time.monotonic() - began_s)) > _BETWEEN_S:
            robot.episode(min(_EPISODE_S, left_s))
            time.sleep(_BETWEEN_S)
        passed_s = time.monotonic() - began_s
        cores = {
            f"{name}_cores": (robot.processor_s(name) - before[name]) / passed_s for name in before
        }
        robot.end("controller")
        late = robot.late_ms()
        robot.end("recorder")
        left_s = robot.finish()
        dataset, origin_ns = Dataset(robot.directory), robot.origin_ns
    found = kept(dataset)
    console.print(
        f"{found.ticks} ticks, {found.frames} images; tick late p50 {np.median(late):.3f}, p99.9 "
        f"{np.percentile(late, 99.9):.3f}, without recording {np.percentile(base, 99.9):.3f} ms"
    )
    figures = {
        "ticks_lost": float(found.ticks_lost),
        "frames_lost": float(found.frames_lost),
        "ticks": float(found.ticks),
        "frames": float(found.frames),
        "tick_late_p999_ms": float(np.percentile(late, 99.9)),
        "tick_late_p999_base_ms": float(np.percentile(base, 99.9)),
        "tick_ratio": float(np.percentile(late, 99.9) / np.percentile(base, 99.9)),
        "finished_after_s": left_s,
        **cores,
        **misaligned_ms(dataset, origin_ns),
    }
    shutil.rmtree(folder / "robot")
    return figures


def _journal(console: Console, folder: Path) -> Journal:
    """Return the journal of an episode of all cameras that nobody finishes."""
    console.print(f"a journal of {_KEPT_S:g} s")
    with Robot(folder / "journal") as robot:
        robot.end("finisher")
        time.sleep(_BETWEEN_S)
        robot.episode(_KEPT_S)
        robot.end("recorder")
        return journals(robot.directory)[0]


def _disk() -> str:
    return "/var/tmp"  # noqa: S108 # a folder of its own is made in there


if __name__ == "__main__":
    sys.exit(program.run(main))
