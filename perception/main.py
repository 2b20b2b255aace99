"""One process a camera: each new image goes on the bus as a Frame."""

from __future__ import annotations

import time
from typing import Any

from pydantic import Field

from messaging.topics import FRAME
from perception.camera import Camera
from perception.stream import FrameStream
from runtime.config import FrameRate, StrictModel
from runtime.plugins import configured, plugin
from runtime.process import Context

_PATIENCE_S = 0.04  # less than a heartbeat's period, so that a camera without images still beats


class Config(StrictModel):
    """What a camera process is told."""

    camera: str  # the name that policies know it by
    plugin: str  # a file in perception/cameras/
    plugin_config: dict[str, Any] = Field(default_factory=dict)
    # What to expect of a plugin whose own Config names no rate_hz; a longer gap counts as late.
    rate_hz: FrameRate = 30.0


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
    stream = FrameStream(config.camera, rate_hz, publisher, noisy=camera.condition().noisy)
    camera.open()
    try:
        _relay(camera, stream, context)
    finally:
        camera.close()


def _relay(camera: Camera, stream: FrameStream, context: Context) -> None:
    while not context.stopping:
        capture = camera.capture(_PATIENCE_S)
        came = capture is not None and stream.publish(capture)
        condition = camera.condition()
        now_ns = time.monotonic_ns()
        context.beat(
            ready=stream.published > 0,
            worked=came,
            late_ns=stream.late_ns if came else 0,
            age_ns=now_ns - stream.t_capture_ns if stream.published else 0,
            counters={
                "frames": stream.published,
                "repeated": stream.repeated,
                "dropped": stream.dropped,
                "corrupt": condition.corrupt,
            },
            note=stream.note(condition, now_ns),
        )
