"""The camera seam: something that yields stamped images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class CameraError(RuntimeError):
    """A camera that cannot be used; says why and what to do."""


@dataclass(frozen=True, slots=True)
class Capture:
    """One image with the moment at which its light was caught."""

    t_capture_ns: int  # station's monotonic clock
    image: NDArray[np.uint8]  # (height, width, 3) RGB, or (n,) the bytes of a JPEG file


@dataclass(frozen=True, slots=True)
class Condition:
    """What a camera knows of itself beside its images."""

    noisy: bool  # its sensor's noise makes each image differ from the last, unless it hangs
    lost: str = ""  # why the device is out of reach, and the remedy; empty while it is there
    corrupt: int = 0  # images that came damaged and were dropped
    stamped_by: str = "its plugin"  # who says when an image was taken, for people


class Camera(Protocol):
    """A plugin in `perception/cameras/<name>.py` with `Config` and `make(config, camera, bus)`."""

    def open(self) -> None:
        """Get hold of the device; raises with a remedy if that fails."""
        ...

    def capture(self, timeout_s: float) -> Capture | None:
        """Wait for the next image, None if none came within `timeout_s`."""
        ...

    def condition(self) -> Condition:
        """Return how the camera is, at once."""
        ...

    def close(self) -> None:
        """Let go of the device."""
        ...
