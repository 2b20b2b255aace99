"""What a recording lacks: ticks, images, the last moments before a kill; and how well it aligns."""

from __future__ import annotations

import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.recording.images import shown_ns
from benchmarks.recording.robot import Robot
from benchmarks.recording.robot_main import RAMP_S
from messaging.messages import JointCommand
from recorder.dataset import Dataset
from recorder.journal import STREAM_LOG, Journal, journals
from recorder.layout import ACTION, CAMERA, RECAP, STATE
from recorder.log import records

_TICK_NS: Final = 10_000_000
_EDGE_NS: Final = 15_000_000
_ALIGNED_ROWS: Final = 300  # of an episode that are looked at
_JOIN_S: Final = 1.0  # until everybody hears everybody


@dataclass(frozen=True, slots=True)
class Kept:
    """What a dataset lacks of what was said on the bus."""

    ticks: int
    frames: int
    ticks_lost: int
    frames_lost: int


def kept(dataset: Dataset) -> Kept:
    """Return what all episodes of a dataset lack, by the numbers and stamps that they have."""
    ticks = frames = ticks_lost = frames_lost = 0
    for row in dataset.episodes():
        table = dataset.ticks(row.episode)
        if table is None:
            raise RuntimeError(f"episode {row.episode} has no ticks")
        begin_ns = int(row.raw["t_begin_ns"])
        end_ns = begin_ns + int(row.raw["outcome_s"] * 1e9)
        t_ns = np.array(table["t_ns"].to_pylist())
        late_ns = max(0, t_ns[0] - begin_ns - _EDGE_NS) + max(0, end_ns - t_ns[-1] - _EDGE_NS)
        ticks += len(t_ns)
        ticks_lost += row.raw["ticks_lost"] + int(late_ns // _TICK_NS)
        frames += row.length * len(dataset.info.cameras)
        frames_lost += row.raw["frames_lost"]
    return Kept(ticks, frames, ticks_lost, frames_lost)


def misaligned_ms(dataset: Dataset, origin_ns: int) -> dict[str, float]:
    """Return by how much image, joints and action of a row are apart at most, in ms.

    Of the main camera, and of the others, which run in phases of their own.
    """
    worst = {"alignment_ms": 0.0, "other_cameras_ms": 0.0}
    main = dataset.info.cameras[0]
    for row in dataset.episodes():
        table = dataset.table(row.episode)
        joint_ns = {
            name: np.array([values[0] for values in table[name].to_pylist()]) * RAMP_S * 1e9
            + origin_ns
            for name in (STATE, ACTION)
        }
        gap = table[f"{RECAP}gap"].to_pylist()
        for camera in dataset.info.cameras:
            key = "alignment_ms" if camera == main else "other_cameras_ms"
            images = zip(dataset.frames(row.episode, camera), range(_ALIGNED_ROWS), strict=False)
            for image, index in images:
                t_ns = shown_ns(image)
                if t_ns is None:
                    raise RuntimeError(f"{CAMERA}{camera} {index}: the time cannot be read")
                if not gap[index]:
                    apart = max(abs(stamps[index] - t_ns) for stamps in joint_ns.values())
                    worst[key] = max(worst[key], float(apart) * 1e-6)
    return worst


def killed_ms(folder: Path, trials: int, seed: int = 0) -> list[float]:
    """Return how much was lost each time that the recorder was killed, in ms."""
    rng = np.random.default_rng(seed)
    lost = []
    with Robot(folder, cameras=("cam_high",)) as robot:
        robot.end("finisher")
        for _ in range(trials):
            time.sleep(_JOIN_S)
            robot.episode(float(rng.uniform(0.3, 1.0)), ends=False)
            process = robot.processes.pop("recorder")
            killed_ns = time.monotonic_ns()
            process.send_signal(signal.SIGKILL)
            process.wait()
            lost.append((killed_ns - _last_tick_ns(journals(robot.directory)[-1])) * 1e-6)
            shutil.rmtree(journals(robot.directory)[-1].folder)
            robot.start_recorder()
    return lost


def cut_ms(journal: Journal, folder: Path, trials: int, seed: int = 0) -> list[float]:
    """Return how much a journal lacks before each of many random cuts, in ms.

    That is from its last control tick to when what was cut had arrived.
    """
    source = journal.folder / STREAM_LOG
    arrivals, offset = [], 0
    ends = []
    for record in records(source):
        offset += 12 + 9 + len(record.stream) + len(record.data)
        ends.append(offset)
        arrivals.append(record.t_arrival_ns)
    data = source.read_bytes()
    rng = np.random.default_rng(seed)
    copy = Journal(folder / "cut")
    copy.folder.mkdir(parents=True, exist_ok=True)
    lost = []
    for _ in range(trials):
        # From where a second of it is there.
        begin = ends[int(np.searchsorted(arrivals, arrivals[0] + 1_000_000_000))]
        cut = int(rng.integers(begin, len(data)))
        (copy.folder / STREAM_LOG).write_bytes(data[:cut])
        torn_ns = arrivals[int(np.searchsorted(ends, cut, side="right"))]
        lost.append((torn_ns - _last_tick_ns(copy)) * 1e-6)
    return lost


def _last_tick_ns(journal: Journal) -> int:
    """Return the stamp of the last control tick in a journal."""
    last = 0
    for item in journal.said(only="joint_command"):
        message: Any = item.message
        if isinstance(message, JointCommand):
            last = max(last, message.t_command_ns)
    return last
