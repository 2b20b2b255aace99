"""One process a camera: each new image goes on the bus as a Frame."""

from __future__ import annotations

import time
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from messaging.messages import Frame
from messaging.topics import FRAME
from messaging.transport import Publisher
from perception.camera import Camera, Capture
from runtime.plugins import configured, plugin
from runtime.process import Context

_PATIENCE_S = 0.04  # less than a heartbeat's period, so that a camera without images still beats
_SILENT_NS = 1_000_000_000


class Config(BaseModel):
    """What a camera process is told."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    camera: str  # the name that policies know it by
    plugin: str  # a file in perception/cameras/
    plugin_config: dict[str, Any] = Field(default_factory=dict)
    # What to expect of a plugin whose own Config names no rate_hz; a longer gap counts as late.
    rate_hz: float = Field(default=30.0, gt=0)


class FrameStream:
    """Publishes each image once: one whose stamp does not advance is counted, not sent."""

    def __init__(self, camera: str, rate_hz: float, publisher: Publisher[Frame]) -> None:
        self.published = 0
        self.repeated = 0
        self.late_ns = 0  # how far the last gap between two images exceeded the period
        self.t_capture_ns = 0  # of the last image, 0 before the first
        self._camera = camera
        self._period_ns = round(1e9 / rate_hz)
        self._publisher = publisher

    def publish(self, capture: Capture) -> None:
        """Send `capture` if it is newer than the last one."""
        if capture.t_capture_ns <= self.t_capture_ns:
            self.repeated += 1
            return
        gap_ns = capture.t_capture_ns - self.t_capture_ns
        self.late_ns = max(0, gap_ns - self._period_ns) if self.published else 0
        self.t_capture_ns = capture.t_capture_ns
        self._publisher.send(
            Frame(
                self._camera,
                self.published,
                capture.t_capture_ns,
                time.monotonic_ns(),
                capture.image,
            )
        )
        self.published += 1


def main(config: Config, context: Context) -> None:
    """Publish the camera's images until the context stops.

    Raises:
        UnknownNameError: there is no such camera plugin; says which there are.
        pydantic.ValidationError: the plugin's own configuration does not fit.
    """
    module = plugin("perception.cameras", config.plugin)
    plugin_config = configured(module, config.plugin_config)
    camera: Camera = module.make(plugin_config, config.camera, context.bus)
    publisher = context.bus.publisher(FRAME, config.camera)
    rate_hz = getattr(plugin_config, "rate_hz", config.rate_hz)
    stream = FrameStream(config.camera, rate_hz, publisher)
    camera.open()
    try:
        _relay(camera, stream, context)
    finally:
        camera.close()


def _relay(camera: Camera, stream: FrameStream, context: Context) -> None:
    heard_ns = time.monotonic_ns()
    while not context.stopping:
        before = stream.published
        if (capture := camera.capture(_PATIENCE_S)) is not None:
            stream.publish(capture)
        now_ns = time.monotonic_ns()
        if came := stream.published > before:
            heard_ns = now_ns
        silent_ns = now_ns - heard_ns
        context.beat(
            ready=stream.published > 0,
            worked=came,
            late_ns=stream.late_ns if came else 0,
            age_ns=now_ns - stream.t_capture_ns if stream.published else 0,
            counters={"frames": stream.published, "repeated": stream.repeated},
            note=f"no image for {silent_ns * 1e-9:.0f} s" if silent_ns > _SILENT_NS else "",
        )
