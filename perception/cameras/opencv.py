"""A USB camera by Video4Linux, through OpenCV; made for the Logitech C922 of ALOHA."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import cv2
import numpy as np

from messaging.images import ImageError, whole_jpeg
from messaging.transport import Bus
from perception.camera import CameraError, Capture
from perception.device import DeviceCamera
from runtime.config import Between, FrameRate, LatencyMs, Pixels, StrictModel
from runtime.folders import user_name
from runtime.shell import command

log = logging.getLogger(__name__)

_MJPG = int.from_bytes(b"MJPG", "little")
_SANE_AGE_NS = 1_000_000_000
_MANUAL_EXPOSURE, _AUTOMATIC_EXPOSURE = (
    1,
    3,
)  # V4L2_EXPOSURE_MANUAL, V4L2_EXPOSURE_APERTURE_PRIORITY
_EXPOSURES_PER_MS = 10  # V4L2 counts exposure in 100 us
# The first images come while the exposure still settles; the rate of the next ones is judged.
_SETTLING_IMAGES = 10
_JUDGED_IMAGES = 15
_HALVED = 1.5  # between the full rate and half of it


class Config(StrictModel):
    """Which device to use, and what to ask it for."""

    # Best a path under /dev/v4l/by-id/, which survives replugging.
    device: str | Annotated[int, Between(0, 255)]
    width: Pixels = 640
    height: Pixels = 480
    rate_hz: FrameRate = 30.0
    # In the device's own unit, with autofocus off; None leaves the focus to the camera.
    focus: Annotated[int, Between(0, 10_000)] | None = None
    # None leaves it to the camera.
    exposure_ms: Annotated[float, Between(0.01, 10_000.0, "ms")] | None = None
    gain: Annotated[int, Between(0, 10_000)] | None = None  # in the device's own unit
    # How much older the light is than the driver's stamp, which is of the image's arrival: by the
    # exposure, the readout, the compression. `python -m perception pattern` helps to measure it.
    latency_ms: LatencyMs = 0.0


class OpencvCamera(DeviceCamera):
    """Passes a camera's JPEG files through as they are; another format is turned into RGB."""

    def __init__(
        self, config: Config, video_capture: Callable[[str, int], Any] = cv2.VideoCapture
    ) -> None:
        super().__init__()
        self._config = config
        self._video_capture = video_capture
        self._path = Path(
            f"/dev/video{config.device}" if isinstance(config.device, int) else config.device
        )

    def _opened(self) -> VideoDevice:
        if not self._path.exists():
            raise CameraError(f"no camera at {self._path}; there are: {_names_of_cameras()}")
        if not os.access(self._path, os.R_OK | os.W_OK):
            raise CameraError(
                f"no permission for {self._path}; run "
                f"{command('sudo usermod -aG video', user_name())}, log in anew"
            )
        device = self._video_capture(str(self._path), cv2.CAP_V4L2)
        if not device.isOpened():
            users = command("fuser -v", self._path)
            raise CameraError(
                f"{self._path} is busy or takes no pictures; {users} shows who"
                " has it, `v4l2-ctl --list-devices` which device takes pictures"
            )
        try:
            return VideoDevice(device, self._path, self._config)
        except CameraError:
            device.release()
            raise


class VideoDevice:
    """An open device, set up as the config asks; raises CameraError where it differs."""

    def __init__(self, device: Any, path: Path, config: Config) -> None:
        self.stamped_by = "nothing yet"
        self._device = device
        self._path = path
        self._config = config
        self._images = 0
        self._judged_since_ns = 0
        self._latency_ns = round(config.latency_ms * 1e6)
        # The format comes first: it decides which sizes and rates the driver will grant.
        device.set(cv2.CAP_PROP_FOURCC, _MJPG)
        device.set(cv2.CAP_PROP_FRAME_WIDTH, config.width)
        device.set(cv2.CAP_PROP_FRAME_HEIGHT, config.height)
        device.set(cv2.CAP_PROP_FPS, config.rate_hz)
        self._check_size()
        self._check_rate()
        self._set_controls()
        self._passes_jpeg = self._is_jpeg()
        self._buffer(1)  # more would be a queue of old images

    def read(self) -> Capture:
        """Wait for the next image.

        Raises:
            ImageError: it arrived damaged.
            CameraError: the device gives no more images.
        """
        if not self._device.grab():
            raise CameraError(f"{self._path} gives no more images; is it plugged in?")
        # Stamped before the image is copied or decoded.
        now_ns = time.monotonic_ns()
        # V4L2 stamps buffers by the monotonic clock; some drivers say 0, or use another clock.
        driver_ns = round(self._device.get(cv2.CAP_PROP_POS_MSEC) * 1e6)
        sane = 0 <= now_ns - driver_ns < _SANE_AGE_NS
        self.stamped_by = "the driver" if sane else "its arrival"
        stamp_ns = driver_ns if sane else now_ns
        capture = Capture(stamp_ns - self._latency_ns, self._retrieved())
        self._judge_rate(stamp_ns)
        return capture

    def release(self) -> None:
        """Let go of the device."""
        self._device.release()

    def _retrieved(self) -> Any:
        try:
            there, image = self._device.retrieve()
        except cv2.error as error:
            raise ImageError(f"{self._path} sent an image that {error.err}") from error
        if not there:
            raise ImageError(f"{self._path} sent an image that cannot be read")
        if self._passes_jpeg:
            return whole_jpeg(np.ravel(image))
        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)

    def _check_size(self) -> None:
        config = self._config
        size = tuple(
            int(self._device.get(extent))
            for extent in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
        )
        if size != (config.width, config.height):
            raise CameraError(
                f"{self._path} was asked for {config.width}x{config.height} and gives"
                f" {size[0]}x{size[1]};"
                f" {command('v4l2-ctl --list-formats-ext -d', self._path)} lists what it can do"
            )

    def _check_rate(self) -> None:
        rate_hz = self._device.get(cv2.CAP_PROP_FPS)
        if rate_hz and rate_hz < self._config.rate_hz:
            log.warning("%s gives %g images/s, not %g", self._path, rate_hz, self._config.rate_hz)

    def _set_controls(self) -> None:
        config = self._config
        if config.focus is not None:
            self._set("autofocus", cv2.CAP_PROP_AUTOFOCUS, 0)
            self._set("focus", cv2.CAP_PROP_FOCUS, config.focus)
        if config.exposure_ms is not None:
            self._set("auto exposure", cv2.CAP_PROP_AUTO_EXPOSURE, _MANUAL_EXPOSURE)
            units = round(config.exposure_ms * _EXPOSURES_PER_MS)
            self._set("exposure (in 0.1 ms)", cv2.CAP_PROP_EXPOSURE, units)
        else:
            # A device remembers what the last program asked of it; one without the choice is well.
            self._device.set(cv2.CAP_PROP_AUTO_EXPOSURE, _AUTOMATIC_EXPOSURE)
        if config.gain is not None:
            self._set("gain", cv2.CAP_PROP_GAIN, config.gain)

    def _set(self, what: str, control: int, value: int) -> None:
        self._device.set(control, value)
        got = round(self._device.get(control))
        if got != value:
            raise CameraError(
                f"{self._path} was asked for {what} = {value} and has"
                f" {'no such control' if got < 0 else got};"
                f" {command('v4l2-ctl --list-ctrls -d', self._path)} lists ranges and steps"
            )

    def _is_jpeg(self) -> bool:
        pixel_format = int(self._device.get(cv2.CAP_PROP_FOURCC))
        if pixel_format == _MJPG:
            return True
        name = pixel_format.to_bytes(4, "little", signed=pixel_format < 0).decode("latin-1")
        log.warning(
            "%s sends %r, not MJPG: fewer cameras will fit on one USB bus", self._path, name
        )
        return False

    def _buffer(self, images: int) -> None:
        self._device.set(cv2.CAP_PROP_BUFFERSIZE, images)
        if self._passes_jpeg:
            self._device.set(cv2.CAP_PROP_CONVERT_RGB, 0)
            # An OpenCV that decodes all the same is understood as well.
            self._passes_jpeg = self._device.get(cv2.CAP_PROP_CONVERT_RGB) == 0

    def _judge_rate(self, stamp_ns: int) -> None:
        """Once, soon after the start, allow a second buffer if one alone halves the rate."""
        self._images += 1
        if self._images == _SETTLING_IMAGES:
            self._judged_since_ns = stamp_ns
        elif self._images == _SETTLING_IMAGES + _JUDGED_IMAGES:
            rate_hz = _JUDGED_IMAGES * 1e9 / max(stamp_ns - self._judged_since_ns, 1)
            if rate_hz * _HALVED < self._config.rate_hz:
                log.warning(
                    "%s gives %.0f images/s, not %g, with one buffer: trying two; in a dark room it"
                    " may be the exposure, see exposure_ms",
                    self._path,
                    rate_hz,
                    self._config.rate_hz,
                )
                self._buffer(2)


def _names_of_cameras() -> str:
    stable = sorted(Path("/dev/v4l/by-id").glob("*-index0"))
    names = stable or sorted(Path("/dev").glob("video*"))
    return ", ".join(map(str, names)) or "none"


def make(config: Config, camera: str, bus: Bus) -> OpencvCamera:  # noqa: ARG001 # the seam's arguments
    """Return the camera, not yet open."""
    return OpencvCamera(config)
