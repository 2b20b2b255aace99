"""Small pictures of what the cameras see, made only while somebody looks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import cv2

from dashboard.browsers import Browser
from messaging.images import ImageError, pixels
from messaging.messages import Frame
from messaging.topics import FRAME
from messaging.transport import Bus, Subscriber

_PERIOD_S = 0.2
_WIDTH = 320  # pixels
_QUALITY = 70
_UNKNOWN_AGE = 0xFFFFFFFF


class Pictures:
    """The newest picture of each camera, encoded once for all who look.

    A picture travels as one byte, the camera's number, four bytes, its age in ms, and a JPEG file.
    """

    def __init__(self, bus: Bus, cameras: Sequence[str]) -> None:
        self.looking: set[Browser] = set()
        self._bus = bus
        self._cameras = cameras
        self._sources: list[Subscriber[Frame]] = []
        self._somebody = asyncio.Event()

    def join(self, browser: Browser) -> None:
        """Send pictures to `browser` from now on."""
        self.looking.add(browser)
        self._somebody.set()

    def leave(self, browser: Browser) -> None:
        """Send no more pictures to `browser`."""
        self.looking.discard(browser)

    async def show(self) -> None:
        """Make pictures whenever somebody looks, for ever."""
        while True:
            await self._somebody.wait()
            self._sources = [self._bus.subscriber(FRAME, name) for name in self._cameras]
            while self.looking:
                began_ns = time.monotonic_ns()
                for number, source in enumerate(self._sources):
                    if frame := source.receive():
                        await self._send(number, frame)
                took_s = (time.monotonic_ns() - began_ns) * 1e-9
                await asyncio.sleep(max(_PERIOD_S - took_s, _PERIOD_S / 2))
            self._somebody.clear()
            for source in self._sources:
                source.close()

    async def _send(self, number: int, frame: Frame) -> None:
        try:
            picture = await asyncio.to_thread(small_jpeg, frame)
        except ImageError:
            return  # its camera's process says so already
        age_ms = (time.monotonic_ns() - frame.t_capture_ns) // 1_000_000
        header = bytes([number]) + min(max(age_ms, 0), _UNKNOWN_AGE).to_bytes(4, "big")
        for browser in self.looking:
            browser.tell(str(number), header + picture)


def small_jpeg(frame: Frame) -> bytes:
    """Return the frame at 320 pixels width as a JPEG file; raises ImageError like `pixels`."""
    image = pixels(frame.image)
    height = max(1, round(image.shape[0] * _WIDTH / image.shape[1]))
    small = cv2.resize(image, (_WIDTH, height), interpolation=cv2.INTER_AREA)
    swapped = cv2.cvtColor(small, cv2.COLOR_RGB2BGR)
    _, encoded = cv2.imencode(".jpg", swapped, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return bytes(encoded)
