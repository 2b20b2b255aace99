"""`import`: a dataset of ACT's HDF5 files, all checked before anything is written."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recorder import layout
from recorder.assembly import Episode, assembled, filmed, refuse_taken
from recorder.dataset import SUCCESS_OF, UNKNOWN
from recorder.frames_table import table as frames_table
from recorder.layout import Robot, Source, Success
from recorder.statistics import Statistics
from station.config import load, robot_file
from station.recorder_tools.act.colours import settle_colours
from station.recorder_tools.act.hdf5 import ChannelOrder
from station.recorder_tools.act.images import read_images
from station.recorder_tools.act.inspect import MOST_FPS, Recording, inspect
from station.recorder_tools.act.units import Limits, beyond_limits, check_grippers, check_units
from station.recorder_tools.task import Task, ToolError, counted, listed
from station.robot import StationConfig

T = TypeVar("T")

_USUAL_FPS: Final = 50  # of ACT, whose files do not say it
_AUTO: Final = "auto"
_GIVEN: Final = ("fps", "task", "outcome")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what this command takes."""
    parser.add_argument("format", choices=["hdf5"], help="what the files are")
    parser.add_argument("out", type=Path, metavar="NEW", help="folder of the new dataset")
    parser.add_argument(
        "files", type=Path, nargs="+", metavar="FILE", help="an episode each, 2 before 10"
    )
    parser.add_argument("--robot", default="aloha", metavar="NAME", help="a config in configs/")
    parser.add_argument(
        "--task", type=str.strip, metavar="TEXT", help="what was done, where a file does not say"
    )
    parser.add_argument("--outcome", choices=list(SUCCESS_OF), help="likewise; else unknown")
    parser.add_argument("--fps", type=int, metavar="HZ", help="likewise; else ACT's 50")
    parser.add_argument(
        "--colours",
        choices=[_AUTO, *map(str, ChannelOrder)],
        default=_AUTO,
        help="rgb: image files show true colours, arrays have red first; bgr: red and blue are"
        " exchanged; auto: by what the files say, else by a guess, which is told",
    )


def run(task: Task) -> int:
    """Write the new dataset, every episode a demonstration; returns 0.

    Raises:
        DatasetError: the new dataset's folder is taken.
        ToolError: something in a file does not fit, files do not fit to each other or to the
            robot, or a task is missing. Then nothing was written.
        OSError: the dataset cannot be written.
    """
    options = task.options
    refuse_taken(options.out)
    if options.fps is not None and not 1 <= options.fps <= MOST_FPS:
        raise ToolError(f"--fps {options.fps}: expected 1 to {MOST_FPS} rows a second")
    given = {name: getattr(options, name) for name in _GIVEN}
    chosen = None if options.colours == _AUTO else ChannelOrder(options.colours)
    files = _in_order(options.files)
    said = given | {"colours": chosen}
    recordings = [inspect(path, said) for path in task.following("looking at", files)]
    config = load(robot_file(options.robot), [])
    robot = _robot(config, recordings)
    recordings, decided = settle_colours(recordings, chosen)
    for line in (*_descriptions(recordings), *decided, *_remarks(recordings, config.ranges, given)):
        task.say(line, style="yellow")
    with assembled(options.out, robot) as assembly:
        for recording in task.following("writing", recordings):
            assembly.add(_episode(recording, robot))
    task.say(f"wrote {counted(len(recordings), 'episode')} to {options.out}")
    return 0


def _in_order(files: Sequence[Path]) -> list[Path]:
    """Return files as people count them, episode_2 before episode_10; raises ToolError."""
    once = {os.path.realpath(path) for path in files}  # which takes a link to itself, too
    if len(once) < len(files):
        raise ToolError("a file is named twice: name each episode once")
    return sorted(
        files,
        key=lambda path: [
            int(part) if number % 2 else part  # every other one is of digits
            for number, part in enumerate(re.split("([0-9]+)", str(path)))
        ],
    )


def _robot(config: StationConfig, recordings: Sequence[Recording]) -> Robot:
    """Return the robot that all files are of; raises ToolError."""
    arms = {arm: [f"{arm}_{joint}" for joint in of.joints] for arm, of in config.arms.items()}
    joints = tuple(config.ranges)
    for recording in recordings:
        width = recording.state.shape[1]
        if width != len(joints) or recording.joints not in (None, joints):
            told = ", ".join(recording.joints or ()) or f"{width} joints"
            raise ToolError(f"{recording.path} is of {told}; {config.robot} has {listed(joints)}")
        if not recording.task:
            raise ToolError(f"{recording.path} does not say what was done: give it by --task TEXT")
        check_units(recording, config.ranges)
    check_grippers(recordings, config.ranges)
    return Robot(
        name=config.robot,
        fps=_common(recordings, "rows a second", lambda each: each.fps or _USUAL_FPS),
        arms=arms,
        cameras=_common(recordings, "cameras (height, width)", _sizes),
        twin=_common(
            [each for each in recordings if each.sim is not None] or recordings[:1],
            "whether it was simulated",
            lambda each: each.sim,
        ),
    )


def _common(recordings: Sequence[Recording], what: str, of: Callable[[Recording], T]) -> T:
    """Return what all episodes of a dataset have in common; raises ToolError if they differ."""
    first = recordings[0]
    for other in recordings:
        if of(other) != of(first):
            raise ToolError(
                f"{first.path} and {other.path} cannot be one dataset, they differ in {what}:"
                f" {of(first)} and {of(other)}"
            )
    return of(first)


def _sizes(recording: Recording) -> dict[str, tuple[int, int]]:
    return {name: camera.kept_size for name, camera in recording.cameras.items()}


def _descriptions(recordings: Sequence[Recording]) -> Iterator[str]:
    """Yield how the images of each camera are kept, and what has no place in a dataset."""
    told = (
        f"{name}: {camera.description}"
        for recording in recordings
        for name, camera in recording.cameras.items()
    )
    yield from dict.fromkeys(told)
    if not recordings[0].cameras:
        yield "no images: the files have none in /observations/images"


def _remarks(
    recordings: Sequence[Recording], limits: Limits, given: Mapping[str, Any]
) -> Iterator[str]:
    """Yield what was not said, is not as the command line says, left out, or beyond limits."""
    if silent := [each for each in recordings if each.fps is None]:
        yield f"{_USUAL_FPS} rows a second, ACT's, since nothing says it (--fps HZ): {_of(silent)}"
    for name, value in given.items():
        other = [each for each in recordings if value not in (None, getattr(each, name))]
        if other:
            said = getattr(other[0], name)
            yield f"--{name} {value} is not used where a file says it: {said}, {_of(other)}"
    holders: dict[str, list[Recording]] = {}
    for recording in recordings:
        for key in recording.left_out:
            holders.setdefault(key, []).append(recording)
    everywhere = [key for key, of in holders.items() if len(of) == len(recordings)]
    if everywhere:
        yield f"left out: {', '.join(everywhere)}"
    for key, of in holders.items():
        if key not in everywhere:
            yield f"left out: {key} of {_of(of)}"
    yield from beyond_limits(recordings, limits)


def _of(recordings: Sequence[Recording]) -> str:
    """Return which files these are, in short."""
    more = f" and {len(recordings) - 1} more" if len(recordings) > 1 else ""
    return f"{recordings[0].path.name}{more}"


def _episode(recording: Recording, robot: Robot) -> Episode:
    def film(name: str, path: Path) -> Statistics:
        camera = recording.cameras[name]
        return filmed(path, read_images(recording.path, camera), robot.fps, robot.cameras[name])

    outcome, done = recording.outcome or UNKNOWN, recording.task or ""
    return Episode(
        table=_table(recording, robot, SUCCESS_OF[outcome]),
        tasks={0: done},
        subtasks={0: layout.NO_SUBTASK},
        task=done,
        told={
            "episode_success": int(SUCCESS_OF[outcome]),
            "outcome_label": outcome,
            "outcome_s": len(recording.state) / robot.fps,
            "labelled_by": "import",
            "data_type": "demo",
            "note": f"from {os.fsencode(recording.path.name).decode(errors='replace')}",
        },
        film=film,
    )


def _table(recording: Recording, robot: Robot, success: Success) -> pa.Table:
    """Return the rows: a person commanded all of them, the rest was not recorded."""
    length = len(recording.state)
    count = np.arange(length)
    won = (count == length - 1) & (success is Success.SUCCESS)
    moments_ns = np.round(count * 1e9 / robot.fps).astype(np.int64)
    known: dict[str, NDArray[Any]] = {
        layout.STATE: recording.state,
        layout.ACTION: recording.action,
        layout.RECAP + "policy_action": recording.action,
        layout.RECAP + "human_action": recording.action,
        layout.RECAP + "human_action_valid": np.ones(length, bool),
        layout.RECAP + "source": np.full(length, int(Source.DEMO)),
        layout.RECAP + "intervention_id": np.full(length, -1),
        layout.RECAP + "chunk_step": np.full(length, -1),
        layout.RECAP + "chunk_obs_index": np.full(length, -1),
        layout.RECAP + "t_mono_ns": moments_ns,
        layout.RECAP + "t_wall_ns": moments_ns,
        **{f"{layout.RECAP}intervention_{arm}": np.ones(length, bool) for arm in robot.arms},
        **{f"{layout.RECAP}t_{camera}_ns": moments_ns for camera in robot.cameras},
        "next.reward": won,
        "next.done": count == length - 1,
        "next.success": won,
    }
    unknown = {name: np.zeros(length) for name in layout.features(robot) if name not in known}
    return frames_table(known | unknown, robot)
