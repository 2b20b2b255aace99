"""A camera's process, with the twin's images and no twin."""

from __future__ import annotations

import time
from pathlib import Path

from benchmarks.recording.images import Views
from messaging.messages import Frame
from messaging.topics import FRAME
from runtime.config import StrictModel
from runtime.process import Context
from runtime.rate import RateKeeper


class Config(StrictModel):
    """Which camera it is."""

    camera: str
    views: Path  # folder of its images
    rate_hz: float = 30.0


def main(config: Config, context: Context) -> None:
    """Publish images at the rate until told to stop."""
    publisher = context.bus.publisher(FRAME, config.camera)
    views = Views(config.views, config.camera)
    rate = RateKeeper(config.rate_hz)
    seq = 0
    while not context.stopping:
        t_ns = rate.wait() // 1000 * 1000
        image = views.image(seq, t_ns)
        publisher.send(Frame(config.camera, seq, t_ns, time.monotonic_ns(), image))
        seq += 1
        context.beat(counters={"frames": seq})
