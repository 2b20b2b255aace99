"""`import`: a dataset of ACT's HDF5 files."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recorder import layout
from recorder.assembly import Episode, assembled, filmed
from recorder.dataset import SUCCESS_OF, UNKNOWN
from recorder.frames_table import table as frames_table
from recorder.layout import Robot, Source, Success
from recorder.statistics import Statistics
from station.config import load, robot_file
from station.recorder_tools import act
from station.recorder_tools.act import Recording
from station.recorder_tools.task import Task, ToolError, counted


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what this command takes."""
    parser.add_argument("format", choices=["hdf5"], help="what the files are")
    parser.add_argument("out", type=Path, metavar="NEW", help="folder of the new dataset")
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="an episode each")
    parser.add_argument("--robot", default="aloha", metavar="NAME", help="a config in configs/")
    parser.add_argument("--task", metavar="TEXT", help="what was done, where a file does not say")
    parser.add_argument("--outcome", choices=list(SUCCESS_OF), help="likewise; else unknown")
    parser.add_argument("--fps", type=float, metavar="HZ", help="likewise; else ACT's 50")


def run(task: Task) -> int:
    """Write the new dataset, every episode a demonstration; returns 0.

    Raises:
        DatasetError: a file is none of ACT's, or the new dataset's folder is taken.
        ToolError: the files are of different robots or rates, or a task is missing.
    """
    options = task.options
    recordings = [_completed(act.read(path), options) for path in sorted(options.files)]
    robot = _robot(options.robot, recordings)
    with assembled(options.out, robot) as assembly:
        for recording in task.following("reading", recordings):
            assembly.add(_episode(recording, robot))
    task.say(f"wrote {counted(len(recordings), 'episode')} to {options.out}")
    return 0


def _completed(recording: Recording, options: argparse.Namespace) -> Recording:
    """Return a file's content with what it does not say taken from the command line."""
    if not (recording.task or options.task):
        raise ToolError(f"{recording.path} does not say what was done: give it by --task TEXT")
    if options.fps is not None and "fps" not in recording.said:
        recording = replace(recording, fps=options.fps)
    return replace(
        recording,
        task=recording.task or options.task,
        outcome=recording.outcome or options.outcome or UNKNOWN,
    )


def _robot(name: str, recordings: list[Recording]) -> Robot:
    """Return the robot that all files are of; raises ToolError."""
    config = load(robot_file(name), [])
    arms = {arm: [f"{arm}_{joint}" for joint in of.joints] for arm, of in config.arms.items()}
    joints = tuple(joint for of in arms.values() for joint in of)
    first = recordings[0]
    for recording in recordings:
        width = recording.state.shape[1]
        if width != len(joints) or recording.joints not in ((), joints):
            told = ", ".join(recording.joints) or f"{width} joints"
            raise ToolError(f"{recording.path} is of {told}; {name} has {', '.join(joints)}")
        for what, here, there in (
            ("frames a second", first.fps, recording.fps),
            ("cameras (height, width)", first.sizes, recording.sizes),
            ("whether it was simulated", first.sim, recording.sim),
        ):
            if here != there:
                raise ToolError(
                    f"{first.path} and {recording.path} cannot be one dataset, they differ in"
                    f" {what}: {here} and {there}"
                )
    if first.fps != round(first.fps):
        raise ToolError(f"{first.fps} frames a second: a dataset's rate is a whole number, --fps")
    return Robot(config.robot, round(first.fps), arms, first.sizes, first.sim)


def _episode(recording: Recording, robot: Robot) -> Episode:
    def film(camera: str, path: Path) -> Statistics:
        return filmed(path, recording.images(camera), robot.fps, robot.cameras[camera])

    success = SUCCESS_OF.get(recording.outcome, Success.UNKNOWN)
    return Episode(
        table=_table(recording, robot, success),
        tasks={0: recording.task},
        subtasks={0: layout.NO_SUBTASK},
        task=recording.task,
        told={
            "episode_success": int(success),
            "outcome_label": recording.outcome,
            "outcome_s": len(recording.state) / robot.fps,
            "labelled_by": "import",
            "data_type": "demo",
            "note": f"from {recording.path.name}",
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
