"""The camera seam: something that yields stamped RGB images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Capture:
    """One image with the moment at which its light was caught."""

    t_capture_ns: int  # station's monotonic clock
    image: NDArray[np.uint8]  # (height, width, 3), RGB


class Camera(Protocol):
    """A plugin in `perception/cameras/<name>.py` with `Config` and `make(config, camera, bus)`."""

    def open(self) -> None:
        """Get hold of the device; raises with a remedy if that fails."""
        ...

    def capture(self, timeout_s: float) -> Capture | None:
        """Wait for the next image, None if none came within `timeout_s`."""
        ...

    def close(self) -> None:
        """Let go of the device."""
        ...
