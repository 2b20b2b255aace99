"""The players of an episode's page: each camera's images of just that episode."""

from __future__ import annotations

import base64
import tempfile
from html import escape
from pathlib import Path
from typing import Final

import numpy as np

from recorder import decoding
from recorder.dataset import Dataset, DatasetError
from recorder.features import Kind
from recorder.video import VideoWriter

_PLAYED: Final = frozenset(["h264", "av1", "libdav1d", "vp8", "vp9"])  # by every browser


def players(dataset: Dataset, episode: int) -> tuple[list[str], list[str]]:
    """Return the players, and what is to be said of cameras that cannot be shown."""
    shown = []
    warnings = [
        f"{camera} shows depth, which is not drawn here" for camera in dataset.info.depth_cameras
    ]
    for camera in dataset.info.cameras:
        try:
            data = base64.b64encode(_film(dataset, episode, camera)).decode()
        except DatasetError as error:
            warnings.append(str(error))
            continue
        shown.append(
            f'<figure><video muted playsinline preload="auto" src="data:video/mp4;base64,{data}">'
            f"</video><figcaption>{escape(camera)}</figcaption></figure>"
        )
    return shown, warnings


def _film(dataset: Dataset, episode: int, camera: str) -> bytes:
    """Return a video of just this episode: the recorded one if it is that, else one made anew."""
    row = dataset.row(episode)
    if dataset.info.camera(camera).kind is Kind.VIDEO:
        path, begin_s, _ = dataset.video(episode, camera)
        try:
            facts = decoding.facts(path)
        except decoding.VideoError as error:
            raise DatasetError(str(error)) from error
        if begin_s == 0.0 and facts.codec in _PLAYED and not dataset.shared(row, camera):
            return path.read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "episode.mp4"
        _encode(dataset, episode, camera, path)
        return path.read_bytes()


def _encode(dataset: Dataset, episode: int, camera: str, path: Path) -> None:
    writer: VideoWriter | None = None
    for image in dataset.frames(episode, camera):
        height, width, _ = image.shape  # the encoder wants both to be even
        even = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        writer = writer or VideoWriter(path, dataset.info.fps, *even.shape[:2])
        try:
            writer.add(even)
        except ValueError as error:
            raise DatasetError(f"{camera}: {error}") from error
    if writer is not None:
        writer.close()
