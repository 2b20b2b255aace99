"""A USB camera that freezes, sends damaged images or is unplugged, through its real process."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from messaging.images import pixels
from messaging.messages import Frame, Heartbeat
from messaging.topics import FRAME, HEARTBEAT
from messaging.transport import Bus, Waiter
from runtime.process import ProcessSpec

pytestmark = pytest.mark.realtime

TESTS = Path(__file__).parent
WITHIN_S = 20.0


class Running:
    """A camera's process, its faults, and what it says."""

    def __init__(self, folder: Path, bus: Bus) -> None:
        self.frames: list[Frame] = []
        self.beat: Heartbeat | None = None
        self._faults = folder
        self._frames = bus.subscriber(FRAME, "cam")
        self._beats = bus.subscriber(HEARTBEAT, "camera.cam")
        self._waiter = Waiter([self._frames, self._beats])

    def until(self, happened: Callable[[], object]) -> None:
        end = time.monotonic() + WITHIN_S
        while not happened():
            assert time.monotonic() < end, f"in vain; the last heartbeat was {self.beat}"
            self._waiter.wait(0.1)
            if frame := self._frames.receive():
                self.frames.append(frame)
            self.beat = self._beats.receive() or self.beat

    def note(self) -> str:
        return self.beat.note if self.beat else ""

    def counter(self, name: str) -> int:
        return self.beat.counters[name] if self.beat else 0

    def break_by(self, fault: str) -> None:
        (self._faults / fault).touch()

    def mend(self, fault: str) -> None:
        (self._faults / fault).unlink()

    def until_fresh_frames(self) -> None:
        now_ns, seen = time.monotonic_ns(), len(self.frames)
        self.until(lambda: len(self.frames) > seen and self.frames[-1].t_capture_ns > now_ns)
        self.until(lambda: self.note().startswith("OK"))


@pytest.fixture
def camera(tmp_path: Path) -> Iterator[Running]:
    node = tmp_path / "video0"
    node.touch()
    spec = ProcessSpec(
        name="camera.cam",
        module="usb_camera",
        config={
            "camera": "cam",
            "plugin": "opencv",
            "plugin_config": {"device": str(node)},
            "faults": str(tmp_path),
        },
        directory=tmp_path / "bus",
    )
    path = tmp_path / "spec.json"
    path.write_text(spec.model_dump_json(), encoding="utf-8")
    folders = [str(TESTS.parent), str(TESTS), str(TESTS / "processes")]
    with Bus(tmp_path / "bus") as bus:
        running = Running(tmp_path, bus)
        process = subprocess.Popen(
            [sys.executable, "-m", "runtime.process", str(path)],
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(folders)},
            stderr=subprocess.DEVNULL,
        )
        try:
            running.until_fresh_frames()
            yield running
        finally:
            process.terminate()
            process.wait(5.0)


def test_a_frozen_camera_is_silent_and_says_that_it_is_frozen(camera: Running) -> None:
    camera.break_by("held")
    camera.until(lambda: camera.note().startswith("FROZEN: the same image for"))
    last = camera.frames[-1]
    camera.until(lambda: camera.counter("repeated") > 40)
    assert camera.frames[-1] is last
    camera.mend("held")
    camera.until_fresh_frames()


def test_damaged_images_are_dropped_and_counted(camera: Running) -> None:
    camera.break_by("damaged")
    camera.until(lambda: camera.counter("corrupt") > 5)
    camera.until(lambda: camera.note().startswith("STALE: no new image"))
    camera.mend("damaged")
    camera.until_fresh_frames()
    for frame in camera.frames:
        assert pixels(frame.image).shape == (48, 64, 3)


def test_an_unplugged_camera_is_lost_and_comes_back_by_itself(camera: Running) -> None:
    camera.break_by("unplugged")
    camera.until(lambda: camera.note().startswith("LOST: "))
    assert "is it plugged in?" in camera.note()
    camera.mend("unplugged")
    camera.until_fresh_frames()
    stamps_ns = [frame.t_capture_ns for frame in camera.frames]
    assert stamps_ns == sorted(stamps_ns)
