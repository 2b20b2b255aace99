"""A video file played at its own rate, for demonstrations and tests without a camera."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import cv2

from messaging.transport import Bus
from perception.camera import Capture, Condition
from runtime.config import StrictModel


class Config(StrictModel):
    """Which file to play."""

    path: Path
    loop: bool = True  # begin again at the end; otherwise the images just cease


class VideoCamera:
    """Plays a file; an image's capture is the moment at which it is played."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._file: Any = None
        self._period_ns = 0
        self._due_ns = 0

    def open(self) -> None:
        """Open the file; raises FileNotFoundError or ValueError if it cannot be played."""
        path = self._config.path
        if not path.is_file():
            raise FileNotFoundError(f"no video file at {path}")
        self._file = cv2.VideoCapture(str(path))
        rate_hz = self._file.get(cv2.CAP_PROP_FPS)
        if not self._file.isOpened() or not rate_hz > 0:
            raise ValueError(f"{path} is no video that OpenCV can play; try an .mp4 or .avi file")
        self._period_ns = round(1e9 / rate_hz)
        self._due_ns = time.monotonic_ns()

    def capture(self, timeout_s: float) -> Capture | None:
        """Return the next image when its time has come."""
        if self._file is None:
            raise RuntimeError("capture before open: call open() first")
        remaining_s = (self._due_ns - time.monotonic_ns()) * 1e-9
        time.sleep(max(0.0, min(remaining_s, timeout_s)))
        now_ns = time.monotonic_ns()
        if now_ns < self._due_ns:
            return None
        # Played late, an image delays those after it: none is skipped, and none is hurried.
        late = now_ns > self._due_ns + self._period_ns
        self._due_ns = (now_ns if late else self._due_ns) + self._period_ns
        image = self._next_image()
        return None if image is None else Capture(now_ns, cv2.cvtColor(image, cv2.COLOR_BGR2RGB))

    def condition(self) -> Condition:
        """Return that all is well: a film may well stand still."""
        return Condition(noisy=False, stamped_by="the player")

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.release()
            self._file = None

    def _next_image(self) -> Any:
        there, image = self._file.read()
        if not there and self._config.loop:
            self._file.set(cv2.CAP_PROP_POS_FRAMES, 0)
            there, image = self._file.read()
        return image if there else None


def make(config: Config, camera: str, bus: Bus) -> VideoCamera:  # noqa: ARG001 # the seam's arguments
    """Return the camera, not yet open."""
    return VideoCamera(config)
