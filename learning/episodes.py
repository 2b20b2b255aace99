"""A recorded episode, in memory and on disk: what was commanded, what happened, what was seen."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from runtime.files import atomic_write

IMAGE_WIDTH: Final = 320
IMAGE_HEIGHT: Final = 240
_JPEG_QUALITY: Final = 95


@dataclass(frozen=True, slots=True)
class Episode:
    """One episode; row k of `actions` and of `position` belong to the moment k * dt_s."""

    instruction: str
    seed: int
    success: bool
    dt_s: float
    joints: tuple[str, ...]
    camera: str
    actions: NDArray[np.float32]  # (T, J) commanded
    position: NDArray[np.float32]  # (T, J) measured, when the command was given
    cube: NDArray[np.float32]  # (T, 3) metres
    frame_steps: NDArray[np.int32]  # (F,) the row that each frame belongs to
    frames: NDArray[np.uint8]  # (F, 240, 320, 3) RGB


def small_image(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return an RGB image of 4:3 at the size (240, 320, 3) in which episodes keep it."""
    small = cv2.resize(image, (IMAGE_WIDTH, IMAGE_HEIGHT), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


def save_episode(path: Path, episode: Episode) -> None:
    """Write `episode` to `path` (.npz); the file appears whole or not at all."""
    encoded = [_encoded(frame) for frame in episode.frames]
    with atomic_write(path) as aside, aside.open("wb") as file:
        np.savez(
            file,
            instruction=np.array(episode.instruction),
            seed=np.array(episode.seed, np.int64),
            success=np.array(episode.success),
            dt_s=np.array(episode.dt_s),
            joints=np.array(episode.joints),
            camera=np.array(episode.camera),
            actions=episode.actions,
            position=episode.position,
            cube=episode.cube,
            frame_steps=episode.frame_steps,
            jpeg=np.concatenate(encoded),
            jpeg_ends=np.cumsum([len(jpeg) for jpeg in encoded]).astype(np.int64),
        )


def load_episode(path: Path) -> Episode:
    """Return the episode in `path`, its frames decoded.

    Raises:
        ValueError: the file holds no episode.
    """
    with np.load(path, allow_pickle=False) as stored:
        missing = {"actions", "position", "jpeg", "jpeg_ends"} - set(stored.files)
        if missing:
            raise ValueError(f"{path} is no episode: it lacks {sorted(missing)}")
        frames = np.split(stored["jpeg"], stored["jpeg_ends"][:-1])
        return Episode(
            instruction=str(stored["instruction"]),
            seed=int(stored["seed"]),
            success=bool(stored["success"]),
            dt_s=float(stored["dt_s"]),
            joints=tuple(str(joint) for joint in stored["joints"]),
            camera=str(stored["camera"]),
            actions=stored["actions"],
            position=stored["position"],
            cube=stored["cube"],
            frame_steps=stored["frame_steps"],
            frames=np.stack([_decoded(frame) for frame in frames]),
        )


def _encoded(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    done, jpeg = cv2.imencode(".jpg", frame[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    if not done:
        raise ValueError(f"cannot encode an image of shape {frame.shape} and type {frame.dtype}")
    return np.asarray(jpeg, np.uint8).ravel()


def _decoded(jpeg: NDArray[np.uint8]) -> NDArray[np.uint8]:
    image = cv2.imdecode(jpeg, cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError("a frame of the episode is not a JPEG image")
    return np.ascontiguousarray(image[..., ::-1], np.uint8)
