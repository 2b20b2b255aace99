"""A camera's process whose images come late while a file exists."""

from __future__ import annotations

import time
from pathlib import Path

from perception import main as perception
from perception.camera import Capture
from perception.stream import FrameStream
from runtime.process import Context

_LATE_S = 0.3


class Config(perception.Config):
    """A camera, and the file that makes it slow."""

    slow_while: str


def main(config: Config, context: Context) -> None:
    """Be a camera, at times a slow one."""

    class Late(FrameStream):
        def publish(self, capture: Capture) -> bool:
            if Path(config.slow_while).exists():
                time.sleep(_LATE_S)
            return super().publish(capture)

    vars(perception)["FrameStream"] = Late  # the process under test, made slow
    perception.main(config, context)
