"""An Intel RealSense camera, such as the D405 of ALOHA's 2024 kit: colour only, by serial number.

Needs `pip install 'evenhand[realsense]'`.
"""

from __future__ import annotations

import importlib
import logging
import time
from typing import Annotated, Any

import numpy as np

from messaging.transport import Bus
from perception.camera import CameraError, Capture
from perception.device import DeviceCamera
from runtime.config import Between, LatencyMs, Pixels, StrictModel

log = logging.getLogger(__name__)

_LIBRARY = "pyrealsense2"
_SANE_AGE_NS = 1_000_000_000
_PATIENCE_MS = 200
_GONE_AFTER_S = 1.0


class Config(StrictModel):
    """Which camera to use, and what to ask it for."""

    serial: str  # as printed on the camera and by `rs-enumerate-devices -s`
    width: Pixels = 640
    height: Pixels = 480
    rate_hz: Annotated[int, Between(1, 240, "Hz")] = 30
    latency_ms: LatencyMs = 0.0  # how much older the light is than the stamp


class RealsenseCamera(DeviceCamera):
    """Reads one camera in one pipeline with room for one image."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self._config = config

    def _opened(self) -> ColourPipeline:
        library = _imported()
        try:
            self._set_options(library, self._found(library))
            return ColourPipeline(library, self._config)
        except CameraError:
            raise
        except RuntimeError as error:
            raise CameraError(
                f"RealSense camera {self._config.serial} does not start: {error}; close other"
                " programs that use it; `rs-enumerate-devices` lists the sizes and rates it has"
            ) from error

    def _found(self, library: Any) -> Any:
        there = {
            device.get_info(library.camera_info.serial_number): device
            for device in library.context().query_devices()
        }
        if self._config.serial not in there:
            raise CameraError(
                f"no RealSense camera with serial {self._config.serial!r}; there are:"
                f" {', '.join(sorted(there)) or 'none'}; is it plugged into a USB 3 socket?"
            )
        return there[self._config.serial]

    def _set_options(self, library: Any, device: Any) -> None:
        wanted = {
            # With priority, automatic exposure may halve the rate in a dark room.
            library.option.auto_exposure_priority: 0.0,
            library.option.global_time_enabled: 1.0,
        }
        for sensor in device.query_sensors():
            for option, value in wanted.items():
                if not sensor.supports(option):
                    continue
                sensor.set_option(option, value)
                if (got := sensor.get_option(option)) != value:
                    raise CameraError(
                        f"RealSense camera {self._config.serial} was asked for {option} ="
                        f" {value:g} and has {got:g}; update its firmware by `rs-fw-update`"
                    )


class ColourPipeline:
    """A camera that sends colour; raises RuntimeError if it does not start."""

    def __init__(self, library: Any, config: Config) -> None:
        self.stamped_by = "nothing yet"
        self._library = library
        self._serial = config.serial
        self._latency_ns = round(config.latency_ms * 1e6)
        self._heard_s = time.monotonic()
        self._queue = library.frame_queue(1)  # more would be a queue of old images
        self._pipeline = library.pipeline()
        asked = library.config()
        asked.enable_device(config.serial)
        asked.enable_stream(
            library.stream.color, config.width, config.height, library.format.rgb8, config.rate_hz
        )
        self._pipeline.start(asked, self._queue)

    def read(self) -> Capture | None:
        """Wait for the next image; raises CameraError if none came for a second."""
        there, frame = self._queue.try_wait_for_frame(_PATIENCE_MS)
        now_ns = time.monotonic_ns()
        if not there:
            if time.monotonic() - self._heard_s > _GONE_AFTER_S:
                raise CameraError(
                    f"RealSense camera {self._serial} gives no more images; is it plugged in?"
                )
            return None
        self._heard_s = time.monotonic()
        if frame.is_frameset():
            frame = frame.as_frameset().get_color_frame()
        # The library takes the memory of a frame back, so the pixels are copied out of it.
        image = np.array(frame.get_data(), np.uint8)
        return Capture(self._stamp_ns(frame, now_ns) - self._latency_ns, image)

    def release(self) -> None:
        """Stop the camera."""
        try:
            self._pipeline.stop()
        except RuntimeError as error:
            log.warning("RealSense camera %s: %s", self._serial, error)

    def _stamp_ns(self, frame: Any, now_ns: int) -> int:
        """Return when `frame` was taken, on the monotonic clock; its arrival if it says nothing."""
        domain = frame.get_frame_timestamp_domain()
        if domain != self._library.timestamp_domain.hardware_clock:
            # The library stamps by the wall clock, so its age is asked of that, image by image.
            wall_ns = time.clock_gettime_ns(time.CLOCK_REALTIME)
            age_ns = wall_ns - round(float(frame.get_timestamp()) * 1e6)
            if 0 <= age_ns < _SANE_AGE_NS:
                self.stamped_by = f"the {domain.name} clock".replace("_", " ")
                return now_ns - age_ns
        self.stamped_by = "its arrival"
        return now_ns


def _imported() -> Any:
    try:
        return importlib.import_module(_LIBRARY)
    except ImportError as error:
        raise CameraError(
            f"RealSense cameras need the package {_LIBRARY} ({error}); run"
            " `pip install 'evenhand[realsense]'`"
        ) from error


def make(config: Config, camera: str, bus: Bus) -> RealsenseCamera:  # noqa: ARG001 # the seam's arguments
    """Return the camera, not yet open."""
    return RealsenseCamera(config)
