"""Files of ACT, as its forks write them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np
from numpy.typing import NDArray

from simulation.twin import HOME

LENGTH, HEIGHT, WIDTH = 5, 32, 48
CAMERA = "/observations/images/cam_high"
QPOS, ACTION = "/observations/qpos", "/action"
STATE = HOME + 0.01 * np.arange(LENGTH)[:, None]


def pictures(height: int = HEIGHT, width: int = WIDTH) -> NDArray[np.uint8]:
    """Return true colours, red first: mostly red, green in a corner, brighter with time."""
    images = np.zeros((LENGTH, height, width, 3), np.uint8)
    images[..., 0] = 180 + 8 * np.arange(LENGTH)[:, None, None]
    images[:, : height // 2, : width // 2] = (40, 120, 20)
    return images


def encoded(images: NDArray[np.uint8], kind: str = ".png") -> list[NDArray[np.uint8]]:
    """Return files that show the channels of `images` as red, green and blue."""
    return [np.asarray(cv2.imencode(kind, image[..., ::-1])[1]).ravel() for image in images]


def padded(files: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    longest = max(len(file) for file in files)
    return np.stack([np.pad(file, (0, longest - len(file))) for file in files])


def in_vlen(root: h5py.File, key: str, files: list[NDArray[np.uint8]]) -> None:
    store = root.create_dataset(key, (len(files),), h5py.vlen_dtype(np.uint8))
    for number, file in enumerate(files):
        store[number] = file


def act_file(
    path: Path,
    changes: Mapping[str, Any] | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> Path:
    """Write a file as ACT's own recorder does, with changes.

    Args:
        path: of the file.
        changes: what lies at a key instead; None takes it away, a function writes it itself.
        attributes: of the file; what is None is left out.
    """
    content: dict[str, Any] = {
        QPOS: STATE,
        "/observations/qvel": np.zeros_like(STATE),
        "/observations/effort": np.zeros_like(STATE),
        ACTION: STATE + 0.001,
        CAMERA: pictures(),
    }
    with h5py.File(path, "w") as root:
        for name, value in ({"sim": False, "task": "wipe"} | dict(attributes or {})).items():
            if value is not None:
                root.attrs[name] = value
        for key, value in (content | dict(changes or {})).items():
            if callable(value):
                value(root, key)
            elif value is not None:
                root[key] = value
    return path
