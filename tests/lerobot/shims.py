"""What LeRobot 0.4.4 needs to run beside a PyTorch that is newer than it knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import torch

# Built for another PyTorch, torchvision lacks these operators, and asks for them at import.
_OPERATORS: Any = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
for _name in ("nms", "qnms"):
    _OPERATORS.define(f"{_name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


def install() -> None:
    """Have LeRobot decode videos by PyAV, for want of torchcodec and of FFmpeg's libraries."""
    from lerobot.datasets import lerobot_dataset  # type: ignore[import-not-found]

    lerobot_dataset.decode_video_frames = decoded


def decoded(
    video_path: Path | str, timestamps: list[float], tolerance_s: float, *_: Any, **__: Any
) -> torch.Tensor:
    """Return the images at `timestamps` as LeRobot does: (n, 3, height, width), 0..1.

    Raises:
        ValueError: no image is within `tolerance_s` of a timestamp.
    """
    with av.open(str(video_path)) as container:
        stream = container.streams.video[0]
        container.seek(int(min(timestamps) / float(stream.time_base or 1)), stream=stream)
        found: dict[float, Any] = {}
        for frame in container.decode(stream):
            found[frame.time or 0.0] = frame
            if (frame.time or 0.0) >= max(timestamps):
                break
    images = []
    for wanted in timestamps:
        nearest = min(found, key=lambda given: abs(given - wanted))
        if abs(nearest - wanted) > tolerance_s:
            raise ValueError(f"{video_path}: no image at {wanted} s, the nearest at {nearest} s")
        images.append(found[nearest].to_ndarray(format="rgb24"))
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 255
