"""The camera's picture during a run: a ring of small clips, joined to one video at its end."""

from __future__ import annotations

import logging
import os
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from messaging.images import ImageError, pixels

log = logging.getLogger(__name__)

SIZE = (320, 240)  # pixels, width and height
CLIP_S = 10.0
KEPT_CLIPS = 12

# MPEG-4 costs a tenth of the VP8 that browsers play, and AVI can be read up to where it ends.
_CLIP_CODEC = cv2.VideoWriter.fourcc(*"XVID")
_VIDEO_CODEC = cv2.VideoWriter.fourcc(*"VP80")
_FREE_BYTES = 2_000_000  # FFmpeg does not tell that a write failed, so stay clear of it


class ClipRecorder:
    """Records frames at a fixed rate, keeping the last two minutes."""

    def __init__(self, directory: Path, rate_hz: float, lost: Counter[str]) -> None:
        self._directory = directory
        self._rate_hz = rate_hz
        self._lost = lost
        self._frames = 0
        self._writer: Any = None
        self._paths: deque[Path] = deque(sorted(directory.glob("*.avi")))

    def add(self, image: NDArray[np.uint8], t_capture_ns: int, times: int = 1) -> None:
        """Append a frame's image; one that cannot be read or kept is counted as lost."""
        try:
            if self._writer is None:
                self._writer = self._opened(t_capture_ns)
            small = cv2.resize(pixels(image), SIZE, interpolation=cv2.INTER_AREA)
            picture = cv2.cvtColor(small, cv2.COLOR_RGB2BGR)
            for _ in range(times):
                self._writer.write(picture)
        except (OSError, cv2.error, ImageError):
            self._lost["video frames"] += times
            return
        self._frames += times
        if self._frames >= CLIP_S * self._rate_hz:
            self.close()

    def close(self) -> None:
        """Finish the present clip."""
        if self._writer is not None:
            self._writer.release()
            self._writer, self._frames = None, 0

    def _opened(self, t_capture_ns: int) -> Any:
        self._directory.mkdir(parents=True, exist_ok=True)
        while len(self._paths) >= KEPT_CLIPS:
            self._paths.popleft().unlink(missing_ok=True)
        disk = os.statvfs(self._directory)
        if disk.f_bavail * disk.f_frsize < _FREE_BYTES:
            raise OSError(f"no room for video in {self._directory}")
        path = self._directory / f"{t_capture_ns:020d}.avi"
        writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, _CLIP_CODEC, self._rate_hz, SIZE)
        if not writer.isOpened():
            raise OSError(f"cannot write {path}")
        self._paths.append(path)
        return writer


def joined_video(directory: Path, path: Path, longest_s: float) -> bool:
    """Join the last clips in `directory` to a WebM video at `path`; False if there is nothing."""
    rate_hz, frames = _last_frames(directory, longest_s)
    if not frames:
        return False
    height, width = frames[0].shape[:2]
    with _silent():
        writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, _VIDEO_CODEC, rate_hz, (width, height))
    if not writer.isOpened():
        log.warning("no video in the report: %s cannot be written", path)
        return False
    for frame in frames:
        writer.write(frame)
    writer.release()
    return path.exists() and path.stat().st_size > 0


@contextmanager
def _silent() -> Iterator[None]:
    """Keep OpenCV from printing that WebM knows no such tag, before it writes it all the same."""
    kept = os.dup(2)
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def _last_frames(directory: Path, longest_s: float) -> tuple[float, list[NDArray[np.uint8]]]:
    rate_hz, frames = 0.0, list[NDArray[np.uint8]]()
    for path in sorted(directory.glob("*.avi"), reverse=True):
        if rate_hz and len(frames) >= longest_s * rate_hz:
            break
        clip_hz, clip = _read(path)
        if clip:
            rate_hz, frames = clip_hz, clip + frames
    return rate_hz, frames[-max(1, round(longest_s * rate_hz)) :]


def _read(path: Path) -> tuple[float, list[NDArray[np.uint8]]]:
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    frames = []
    while True:
        more, frame = capture.read()
        if not more:
            break
        frames.append(np.asarray(frame, np.uint8))
    rate_hz = capture.get(cv2.CAP_PROP_FPS)
    capture.release()
    return rate_hz, frames
