"""LeRobot's own writer on the same images: how long it takes, and how large the result is."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.recording.robot import FPS
from messaging.images import pixels
from messaging.messages import Frame
from messaging.topics import FRAME
from recorder.catalogue import Catalogue
from recorder.dataset import Dataset
from recorder.finish import finished
from recorder.journal import Journal
from recorder.layout import ACTION, JOURNALS, RECAP, STATE

_HERE: Final = Path(__file__).parent.parent.parent / "tests" / "lerobot"


def ratios(folder: Path, interpreter: Path, journal: Journal) -> dict[str, float]:
    """Return sizes and finishing times per minute of robot time, and ours over LeRobot's.

    Args:
        folder: for the datasets.
        interpreter: of the environment that has LeRobot.
        journal: of the episode that both write; it is copied.

    Raises:
        subprocess.CalledProcessError: LeRobot failed.
    """
    ours = folder / "ours"
    name = journal.name
    (ours / JOURNALS).mkdir(parents=True)
    shutil.copytree(journal.folder, ours / JOURNALS / name)
    Journal(ours / JOURNALS / name).seal()
    begin_s = time.monotonic()
    finished(Catalogue(ours), Journal(ours / JOURNALS / name))
    seconds = time.monotonic() - begin_s
    dataset = Dataset(ours)
    _export(dataset, journal, folder / "frames")
    told = subprocess.run(
        [interpreter, "write.py", folder / "frames", folder / "lerobot"],
        cwd=_HERE,
        check=True,
        capture_output=True,
        encoding="utf-8",
    )
    theirs = json.loads(told.stdout.splitlines()[-1])
    minutes = sum(row.length for row in dataset.episodes()) / FPS / 60
    size = sum(
        path.stat().st_size
        for path in ours.rglob("*")
        if path.is_file() and "journal" not in path.parts
    )
    return {
        "mb_a_minute": size * 1e-6 / minutes,
        "finish_s_a_minute": seconds / minutes,
        "lerobot_mb_a_minute": theirs["bytes"] * 1e-6 / minutes,
        "lerobot_save_s_a_minute": theirs["save_seconds"] / minutes,
        "size_ratio": size / theirs["bytes"],
        "time_ratio": seconds / theirs["save_seconds"],
    }


def _export(dataset: Dataset, journal: Journal, folder: Path) -> None:
    """Write the episode's arrays for `write.py`: the images as our encoder was given them."""
    folder.mkdir()
    table = dataset.table(0)
    taken = {
        (item.message.camera, item.message.t_capture_ns): item.message.image.copy()
        for item in journal.said(only=FRAME.name)
        if isinstance(item.message, Frame)
    }
    arrays = {
        "state": np.array(table[STATE].to_pylist(), np.float32),
        "action": np.array(table[ACTION].to_pylist(), np.float32),
    }
    for camera in dataset.info.cameras:
        stamps = table[f"{RECAP}t_{camera}_ns"].to_pylist()
        arrays[camera] = np.stack([pixels(taken[camera, stamp]) for stamp in stamps])
    np.savez(folder / "episode_000000.npz", allow_pickle=False, **arrays)
