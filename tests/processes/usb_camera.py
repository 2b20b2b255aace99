"""The process of a USB camera whose device does what files in a folder say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from video_device import Device

from perception import main as perception
from perception.cameras import opencv
from runtime.process import Context

_PERIOD_S = 1 / 30


class Config(perception.Config):
    """A camera, and the folder whose files `held`, `damaged` and `unplugged` are its faults."""

    faults: str


class Faulty(Device):
    """A device that looks for its faults with each image."""

    def __init__(self, faults: Path) -> None:
        super().__init__(period_s=_PERIOD_S)
        self._faults = faults

    def grab(self) -> bool:
        self.held = (self._faults / "held").exists()
        self.damaged = (self._faults / "damaged").exists()
        self.plugged = not (self._faults / "unplugged").exists()
        return super().grab()


def main(config: Config, context: Context) -> None:
    """Be a camera, at times a broken one."""

    def make(options: opencv.Config, *_: object) -> opencv.OpencvCamera:
        device: Any = Faulty(Path(config.faults))
        return opencv.OpencvCamera(options, video_capture=device)

    vars(opencv)["make"] = make  # the plugin under test, with a device made of answers
    perception.main(config, context)
