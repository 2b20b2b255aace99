"""`replay`: an episode's commands once more, through the guard and the twin, in virtual time."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from drivers.guard import Guard
from motion.limits import LimitsConfig
from recorder import layout
from recorder.dataset import Dataset, vectors
from recorder.structure import EpisodeRow
from runtime.shell import command, setting
from simulation import task as rules
from simulation.scene import scene_model
from simulation.twin import ARM_JOINTS, JOINTS, Twin
from station.arm_tools.tables import plain_table
from station.recorder_tools.task import (
    Task,
    ToolError,
    add_directory,
    counted,
    demand_vectors,
    listed,
)

_DT_NS: Final = 10_000_000
_DT_S: Final = _DT_NS * 1e-9
_SETTLE_TICKS: Final = 100
_LINGER_TICKS: Final = 50  # without commands: the guards bring the arms to rest
_ARMS: Final = {
    "left": slice(0, len(ARM_JOINTS)),
    "right": slice(len(ARM_JOINTS), len(JOINTS)),
}


@dataclass(frozen=True, slots=True)
class Path:
    """What was commanded and measured at every control tick."""

    command: NDArray[np.float64]  # (T, J)
    measured: NDArray[np.float64]  # (T, J)


@dataclass(frozen=True, slots=True)
class Replayed:
    """How a replay went."""

    success: bool | None  # None if the task has no rule
    best_reward: int
    holds: dict[str, int]  # commands that a guard did not let through, by its reason
    off_rad: NDArray[np.float64]  # (T, J) the twin's joints less the recorded ones


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what this command takes."""
    add_directory(parser)
    parser.add_argument("episode", type=int, metavar="N", help="number of the episode")


def run(task: Task) -> int:
    """Replay the episode and print how it went; returns 1 if a guard held an arm.

    Raises:
        DatasetError: there is no such episode, or it cannot be read.
        ToolError: it is of another robot than the twin.
    """
    dataset = task.dataset()
    number: int = task.options.episode
    row = dataset.row(number)
    demand_vectors(dataset, "what is replayed are commands, compared with what was measured")
    for key in (layout.ACTION, layout.STATE):
        if (joints := dataset.info.features[key].names) != JOINTS:
            raise ToolError(
                f"{task.directory} is of another robot: `{key}` is of the joints"
                f" {listed(joints)}; the twin has {listed(JOINTS)}"
            )
    path, instruction = recorded_path(dataset, number), dataset.instruction(number)
    ticks = task.following(f"episode {number}", range(len(path.command) + _LINGER_TICKS))
    done = replayed(path, row.count("seed") or 0, instruction, ticks)
    _tell(task, done, row.text("outcome_label"))
    task.say(f"\non the arms, under all limits: {_launch(dataset, row, instruction)}")
    return int(bool(done.holds))


def _launch(dataset: Dataset, row: EpisodeRow, instruction: str) -> str:
    """Return the command that plays an episode on the arms."""
    file = (dataset.directory / row.data_file(dataset.info)).absolute()
    words = ["--instruction", instruction]
    for key, value in (("file", str(file)), ("episode", row.episode)):
        words += ["--set", setting(f"policies.replay.{key}", value)]
    return command("python launch.py --policy replay", *words)


def recorded_path(dataset: Dataset, episode: int) -> Path:
    """Return an episode at every control tick, interpolated where only frames were kept.

    Raises:
        DatasetError: there is no such episode, or it cannot be read.
        ToolError: it is too short, or a value in it is no number.
    """
    ticks = dataset.ticks(episode)
    table = dataset.table(episode) if ticks is None else ticks
    names = (layout.ACTION, layout.STATE) if ticks is None else ("command", "measured")
    for name in names:
        if len(table) < 2 or not np.isfinite(vectors(table[name])).all():
            raise ToolError(
                f"episode {episode} of {dataset.directory} cannot be replayed: it has"
                f" {counted(len(table), 'row')}, and `{name}` is not a number in all of them"
            )
    if ticks is not None:
        return Path(_doubles(vectors(ticks["command"])), _doubles(vectors(ticks["measured"])))
    frames_s = np.arange(len(table)) / dataset.info.fps
    ticks_s = np.arange(0.0, frames_s[-1], _DT_S)
    command, measured = (
        CubicSpline(frames_s, _doubles(vectors(table[name])))(ticks_s)
        for name in (layout.ACTION, layout.STATE)
    )
    return Path(command, measured)


def replayed(path: Path, seed: int, instruction: str, ticks: Iterable[int]) -> Replayed:
    """Return what the twin does with the commands of an episode.

    Args:
        path: of the episode.
        seed: of its scene.
        instruction: its task.
        ticks: the numbers of the commands, as they are to be given; then some more.
    """
    twin = Twin(scene_model())
    start = path.command[0]
    twin.reset(rules.FIRST_EVALUATION_SEED + seed, start)  # as the live twin counts its scenes
    limits = twin.limits(LimitsConfig())
    guards = {
        arm: Guard(limits.of(JOINTS[rows]), _DT_NS, start[rows]) for arm, rows in _ARMS.items()
    }
    progress = rules.Progress(instruction) if instruction in rules.INSTRUCTIONS else None
    holds: Counter[str] = Counter()
    off_rad = []
    best = 0
    for seq in range(_SETTLE_TICKS):
        _commanded(twin, guards, start, seq)
    for tick in ticks:
        command = None
        if tick < len(path.command):
            command = path.command[tick]
            off_rad.append(twin.position - path.measured[tick])
        held = _commanded(twin, guards, command, _SETTLE_TICKS + tick)
        holds.update(held if command is not None else ())
        if progress is not None:
            progress = rules.advanced(progress, twin.contacts, float(twin.cube[2]), _DT_S)
            best = max(best, progress.reward)
    return Replayed(progress.success if progress else None, best, dict(holds), np.array(off_rad))


def _commanded(
    twin: Twin, guards: dict[str, Guard], command: NDArray[np.float64] | None, seq: int
) -> list[str]:
    """Give the twin one command, or none, through the guards; returns why they held."""
    written = np.empty(len(JOINTS))
    now_ns = seq * _DT_NS
    held = []
    for arm, guard in guards.items():
        own = None if command is None else command[_ARMS[arm]]
        guarded = guard.checked(own, seq, now_ns, now_ns)
        written[_ARMS[arm]] = guarded.position
        if guarded.holding:
            held.append(f"{arm} arm: {guarded.holding}")
    twin.write(written)
    twin.step(_DT_S)
    return held


def _tell(task: Task, done: Replayed, outcome: str) -> None:
    verdict = {True: "success", False: "failure", None: "no rule for this task"}[done.success]
    task.say(f"recorded: {outcome or 'unknown'}; replayed: {verdict}", style="bold")
    table = plain_table("arm", "off by RMS", "at most", "joint", right=("off by RMS", "at most"))
    for arm, rows in _ARMS.items():
        off = np.abs(done.off_rad[:, rows])
        worst = int(off.max(axis=0).argmax())
        table.add_row(
            arm,
            f"{1e3 * np.sqrt(np.mean(off**2)):.1f} mrad",
            f"{1e3 * off.max():.1f} mrad",
            ARM_JOINTS[worst],
        )
    task.console.print(table)
    for reason, times in done.holds.items():
        task.say(f"held {counted(times, 'time')}: {reason}", style="yellow")


def _doubles(values: NDArray[np.float32]) -> NDArray[np.float64]:
    return values.astype(np.float64)
