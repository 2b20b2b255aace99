"""A V4L2 device that is made of nothing but answers, in the words of cv2.VideoCapture."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

MJPG = float(int.from_bytes(b"MJPG", "little"))
YUYV = float(int.from_bytes(b"YUYV", "little"))


def jpeg(image: NDArray[np.uint8], quality: int = 90) -> NDArray[np.uint8]:
    """Return an RGB image as the bytes of a JPEG file, (n,)."""
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    _, file = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(file, np.uint8).ravel()


def noise(seed: int, width: int = 64, height: int = 48) -> NDArray[np.uint8]:
    """Return an RGB image that no other seed gives: reddish, with a sensor's noise."""
    image = np.random.default_rng(seed).integers(0, 20, (height, width, 3), np.uint8)
    image[..., 0] += 200
    return image


class Device:
    """Answers as cv2.VideoCapture does; images come when `plugged` is set, every 5 ms."""

    def __init__(self, *, period_s: float = 0.005) -> None:
        self.opens = True
        self.plugged = True
        self.damaged = False
        self.held = False  # the image before is sent again and again
        self.driver_ms: Callable[[], float] = lambda: 0.0
        self.picture: Callable[[int], NDArray[np.uint8]] = noise
        self.granted: dict[int, float] = {}
        self.asked: list[tuple[int, float]] = []
        self.openings: list[tuple[str, int]] = []
        self.releases = 0
        self.sent = 0
        self._period_s = period_s

    def __call__(self, path: str, backend: int) -> Device:
        self.openings.append((path, backend))
        return self

    def isOpened(self) -> bool:  # noqa: N802 # OpenCV's name
        return self.opens

    def set(self, key: int, value: float) -> bool:
        self.asked.append((key, value))
        return True

    def get(self, key: int) -> float:
        if key == cv2.CAP_PROP_POS_MSEC:
            return self.driver_ms()
        return self.granted.get(key, dict(self.asked).get(key, -1.0))

    def grab(self) -> bool:
        time.sleep(self._period_s)
        self.sent += not self.held
        return self.plugged

    def retrieve(self) -> tuple[bool, Any]:
        image = self.picture(self.sent)
        if self.get(cv2.CAP_PROP_CONVERT_RGB) != 0:
            return not self.damaged, cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        file = jpeg(image)
        return True, (file[: file.size // 2] if self.damaged else file)[None]

    def release(self) -> None:
        self.releases += 1
