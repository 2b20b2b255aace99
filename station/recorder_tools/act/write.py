"""Writing an episode as a file of ACT."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recorder import layout
from recorder.dataset import Dataset, vectors
from recorder.structure import EpisodeRow
from station.recorder_tools.act.hdf5 import (
    ACTION,
    COLOURS,
    EFFORT,
    IMAGES,
    LENGTHS,
    QPOS,
    QVEL,
    ChannelOrder,
    FileForHdf5,
    new_file,
)
from station.recorder_tools.task import ToolError

if TYPE_CHECKING:
    import h5py

_JPEG_QUALITY: Final = 90


def write(dataset: Dataset, episode: int, path: Path) -> None:
    """Write one episode to `path`.

    Velocities are the differences of positions; effort, which no dataset here holds, is 0.

    Raises:
        ToolError: the library is not installed, or a position is not finite.
        DatasetError: there is no such episode, or it cannot be read.
        OSError: the file cannot be written.
    """
    row = dataset.row(episode)
    table = dataset.table(episode)
    state, action = (_finite(table, key, row) for key in (layout.STATE, layout.ACTION))
    with new_file(path) as (root, file):
        root.attrs["sim"] = bool(dataset.info.raw.get("twin", False))
        root.attrs["compress"] = True
        root.attrs["fps"] = float(dataset.info.fps)
        root.attrs["task"] = "; ".join(row.tasks)
        root.attrs["outcome"] = row.text("outcome_label")
        root.attrs["joints"] = list(dataset.info.joints)
        root.attrs[COLOURS] = str(ChannelOrder.BGR)
        root[QPOS] = state
        root[QVEL] = _velocity(state, dataset.info.fps)
        root[EFFORT] = np.zeros_like(state)
        root[ACTION] = action
        lengths = [
            _write_images(root, file, camera, dataset.frames(episode, camera))
            for camera in dataset.info.cameras
        ]
        root[LENGTHS] = np.array(lengths, np.float64).reshape(-1, row.length)


def _finite(table: pa.Table, key: str, row: EpisodeRow) -> NDArray[np.float64]:
    values = vectors(table[key]).astype(np.float64)
    unfit = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if len(unfit):
        raise ToolError(
            f"{key} of episode {row.episode} is not finite in {len(unfit)} rows, first in"
            f" {unfit[0]}, which no training takes: choose others by `--episode`, or"
            " `export mcap` to look at it"
        )
    return values


def _velocity(state: NDArray[np.float64], fps: float) -> NDArray[np.float64]:
    return np.gradient(state, axis=0) * fps if len(state) > 1 else np.zeros_like(state)


def _write_images(
    root: h5py.File, file: FileForHdf5, camera: str, images: Iterator[NDArray[np.uint8]]
) -> list[int]:
    """Write one camera's JPEG files, padded; returns their lengths."""
    jpegs = [_jpeg(image) for image in images]
    lengths = [len(jpeg) for jpeg in jpegs]
    shape = len(jpegs), max(lengths)
    store = root.create_dataset(f"{IMAGES}/{camera}", shape, "uint8", chunks=(1, shape[1]))
    for number, jpeg in enumerate(jpegs):
        store[number] = np.pad(jpeg, (0, shape[1] - len(jpeg)))
        file.raise_failure()
    return lengths


def _jpeg(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return RGB as a JPEG file of ACT: red and blue exchanged, as its tools do and undo."""
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return np.asarray(data, np.uint8).reshape(-1)
