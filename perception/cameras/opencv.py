"""A USB camera by Video4Linux, through OpenCV."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
from pydantic import BaseModel, ConfigDict, Field

from messaging.transport import Bus
from perception.camera import Capture

log = logging.getLogger(__name__)

_MJPG = int.from_bytes(b"MJPG", "little")
_SANE_AGE_NS = 1_000_000_000
_BACKOFF_S = (0.2, 0.5, 1.0, 2.0)
_CLOSE_S = 1.0


class CameraError(RuntimeError):
    """A camera that cannot be used; says why and what to do."""


class Config(BaseModel):
    """Which device to use, and what to ask it for."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    device: str | int  # best a path under /dev/v4l/by-id/, which survives replugging
    width: int = Field(default=640, ge=16)
    height: int = Field(default=480, ge=16)
    rate_hz: float = Field(default=30.0, gt=0)


class OpencvCamera:
    """Reads a device in a thread of its own, since a grab cannot be given a deadline.

    After an unplug it yields nothing and tries again and again to open the device.
    """

    def __init__(
        self, config: Config, video_capture: Callable[[str, int], Any] = cv2.VideoCapture
    ) -> None:
        self._config = config
        self._video_capture = video_capture
        self._path = Path(
            f"/dev/video{config.device}" if isinstance(config.device, int) else config.device
        )
        self._fresh = threading.Condition()
        self._newest: Capture | None = None
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def open(self) -> None:
        """Open the device and start to read it.

        Raises:
            CameraError: it is missing, not permitted, busy, or has not the size asked for.
        """
        device = self._opened()
        self._closing.clear()
        self._thread = threading.Thread(target=self._read, args=(device,), daemon=True)
        self._thread.start()

    def capture(self, timeout_s: float) -> Capture | None:
        """Return the newest image that was not returned before."""
        with self._fresh:
            self._fresh.wait_for(lambda: self._newest is not None, timeout_s)
            capture, self._newest = self._newest, None
            return capture

    def close(self) -> None:
        """End the reading; a grab that never returns is left to die with the process."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join(_CLOSE_S)
            self._thread = None

    def _opened(self) -> Any:
        if not self._path.exists():
            there = ", ".join(sorted(str(path) for path in Path("/dev").glob("video*")))
            raise CameraError(f"no camera at {self._path}; there are: {there or 'none'}")
        if not os.access(self._path, os.R_OK | os.W_OK):
            raise CameraError(
                f"no permission for {self._path}; run `sudo usermod -aG video $USER`, log in anew"
            )
        device = self._video_capture(str(self._path), cv2.CAP_V4L2)
        if not device.isOpened():
            raise CameraError(
                f"{self._path} is busy or takes no pictures; `fuser -v {self._path}` shows who"
                " has it, `v4l2-ctl --list-devices` which device takes pictures"
            )
        try:
            self._set_up(device)
        except CameraError:
            device.release()
            raise
        return device

    def _set_up(self, device: Any) -> None:
        config = self._config
        # The format comes first: it decides which sizes and rates the driver will grant.
        device.set(cv2.CAP_PROP_FOURCC, _MJPG)
        device.set(cv2.CAP_PROP_FRAME_WIDTH, config.width)
        device.set(cv2.CAP_PROP_FRAME_HEIGHT, config.height)
        device.set(cv2.CAP_PROP_FPS, config.rate_hz)
        device.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # more would be a queue of old images
        pixel_format = int(device.get(cv2.CAP_PROP_FOURCC))
        if pixel_format != _MJPG:
            name = pixel_format.to_bytes(4, "little", signed=pixel_format < 0).decode("latin-1")
            log.warning(
                "%s sends %r, not MJPG: fewer cameras will fit on one USB bus", self._path, name
            )
        size = tuple(
            int(device.get(extent))
            for extent in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
        )
        if size != (config.width, config.height):
            raise CameraError(
                f"{self._path} was asked for {config.width}x{config.height} and gives"
                f" {size[0]}x{size[1]}; `v4l2-ctl -d {self._path} --list-formats-ext` lists"
                " what it can do"
            )
        rate_hz = device.get(cv2.CAP_PROP_FPS)
        if rate_hz and rate_hz < config.rate_hz:
            log.warning("%s gives %g images/s, not %g", self._path, rate_hz, config.rate_hz)

    def _read(self, device: Any) -> None:
        while device is not None and not self._closing.is_set():
            if not device.grab():
                device.release()
                device = self._opened_again()
            elif (capture := _retrieved(device)) is not None:
                with self._fresh:
                    self._newest = capture
                    self._fresh.notify()
        if device is not None:
            device.release()

    def _opened_again(self) -> Any:
        """Return the device as soon as it is back, None when the camera is being closed."""
        log.warning("%s gives no more images; opening it anew", self._path)
        failures = 0
        while not self._closing.wait(_BACKOFF_S[min(failures, len(_BACKOFF_S) - 1)]):
            try:
                device = self._opened()
            except CameraError as error:
                if failures == 0:
                    log.warning("%s; trying on", error)
                failures += 1
            else:
                log.info("%s is back", self._path)
                return device
        return None


def _retrieved(device: Any) -> Capture | None:
    """Return the image just grabbed, None if it arrived damaged."""
    # Stamped before the image is decoded, which takes milliseconds.
    now_ns = time.monotonic_ns()
    # V4L2 stamps buffers by the monotonic clock; some drivers say 0, or use another clock.
    driver_ns = round(device.get(cv2.CAP_PROP_POS_MSEC) * 1e6)
    sane = 0 <= now_ns - driver_ns < _SANE_AGE_NS
    try:
        there, image = device.retrieve()
    except cv2.error:
        return None
    if not there:
        return None
    return Capture(driver_ns if sane else now_ns, cv2.cvtColor(image, cv2.COLOR_BGR2RGB))


def make(config: Config, camera: str, bus: Bus) -> OpencvCamera:  # noqa: ARG001 # the seam's arguments
    """Return the camera, not yet open."""
    return OpencvCamera(config)
