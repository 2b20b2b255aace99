"""The V4L2 camera against a device that is made of nothing but answers."""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from perception.cameras.opencv import CameraError, Config, OpencvCamera

MJPG = float(int.from_bytes(b"MJPG", "little"))
YUYV = float(int.from_bytes(b"YUYV", "little"))


class Device:
    """Answers as cv2.VideoCapture does; images come when `plugged` is set, every 5 ms."""

    def __init__(self) -> None:
        self.opens = True
        self.plugged = True
        self.damaged = False
        self.driver_ms: Callable[[], float] = lambda: 0.0
        self.granted: dict[int, float] = {}
        self.asked: list[tuple[int, float]] = []
        self.openings: list[tuple[str, int]] = []
        self.releases = 0

    def __call__(self, path: str, backend: int) -> "Device":
        self.openings.append((path, backend))
        return self

    def isOpened(self) -> bool:  # noqa: N802 # OpenCV's name
        return self.opens

    def set(self, key: int, value: float) -> bool:
        self.asked.append((key, value))
        return True

    def get(self, key: int) -> float:
        if key == cv2.CAP_PROP_POS_MSEC:
            return self.driver_ms()
        return self.granted.get(key, dict(self.asked)[key])

    def grab(self) -> bool:
        time.sleep(0.005)
        return self.plugged

    def retrieve(self) -> tuple[bool, NDArray[np.uint8]]:
        blue = np.zeros((480, 640, 3), np.uint8)
        blue[..., 0] = 255
        return not self.damaged, blue

    def release(self) -> None:
        self.releases += 1


@pytest.fixture
def device() -> Device:
    return Device()


@pytest.fixture
def camera(device: Device, tmp_path: Path) -> Iterator[OpencvCamera]:
    node = tmp_path / "video0"
    node.touch()
    threads = set(threading.enumerate())
    camera = OpencvCamera(Config(device=str(node)), video_capture=device)
    yield camera
    camera.close()
    assert set(threading.enumerate()) <= threads


def test_mjpg_is_asked_for_before_the_size(camera: OpencvCamera, device: Device) -> None:
    camera.open()
    keys = [key for key, _ in device.asked]
    assert device.openings[0][1] == cv2.CAP_V4L2
    assert device.asked[0] == (cv2.CAP_PROP_FOURCC, MJPG)
    assert keys.index(cv2.CAP_PROP_FRAME_WIDTH) < keys.index(cv2.CAP_PROP_FPS)
    assert (cv2.CAP_PROP_BUFFERSIZE, 1) in device.asked


def test_images_are_rgb(camera: OpencvCamera) -> None:
    camera.open()
    capture = camera.capture(1.0)
    assert capture is not None
    assert capture.image.shape == (480, 640, 3)
    assert capture.image[0, 0].tolist() == [0, 0, 255]


def test_a_driver_stamp_of_the_monotonic_clock_is_used(
    camera: OpencvCamera, device: Device
) -> None:
    stamp_ms = time.monotonic_ns() * 1e-6 - 20.0
    device.driver_ms = lambda: stamp_ms
    camera.open()
    capture = camera.capture(1.0)
    assert capture is not None
    assert capture.t_capture_ns == pytest.approx(stamp_ms * 1e6, abs=1e3)


@pytest.mark.parametrize("offset_s", [-3600.0, -1.5, 5.0])
def test_a_driver_stamp_of_another_clock_is_not_used(
    camera: OpencvCamera, device: Device, offset_s: float
) -> None:
    device.driver_ms = lambda: time.monotonic_ns() * 1e-6 + offset_s * 1e3
    before_ns = time.monotonic_ns()
    camera.open()
    capture = camera.capture(1.0)
    assert capture is not None
    assert before_ns <= capture.t_capture_ns <= time.monotonic_ns()


def test_a_damaged_image_is_left_out(camera: OpencvCamera, device: Device) -> None:
    device.damaged = True
    camera.open()
    assert camera.capture(0.05) is None
    device.damaged = False
    assert camera.capture(1.0) is not None
    assert len(device.openings) == 1


def test_an_image_is_returned_once(camera: OpencvCamera) -> None:
    camera.open()
    stamps = [capture.t_capture_ns for _ in range(5) if (capture := camera.capture(1.0))]
    assert len(stamps) == 5
    assert len(set(stamps)) == 5


def test_after_an_unplug_the_device_is_opened_anew(
    camera: OpencvCamera, device: Device, caplog: pytest.LogCaptureFixture
) -> None:
    camera.open()
    device.plugged = False
    while not device.releases:
        time.sleep(0.001)
    camera.capture(0.0)
    assert camera.capture(0.02) is None
    device.plugged = True
    with caplog.at_level(logging.INFO):
        assert camera.capture(2.0) is not None
    assert len(device.openings) == 2
    assert "opening it anew" in caplog.text


def test_a_missing_device_is_named() -> None:
    camera = OpencvCamera(Config(device=97), video_capture=Device())
    with pytest.raises(CameraError, match="no camera at /dev/video97; there are: "):
        camera.open()


def test_a_forbidden_device_says_which_group_to_join(
    camera: OpencvCamera, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(CameraError, match="usermod -aG video"):
        camera.open()


def test_a_busy_device_says_how_to_find_who_has_it(camera: OpencvCamera, device: Device) -> None:
    device.opens = False
    with pytest.raises(CameraError, match="fuser -v"):
        camera.open()


def test_a_device_without_mjpg_goes_on_and_says_what_it_sends(
    camera: OpencvCamera, device: Device, caplog: pytest.LogCaptureFixture
) -> None:
    device.granted[cv2.CAP_PROP_FOURCC] = YUYV
    camera.open()
    assert camera.capture(1.0) is not None
    assert "'YUYV'" in caplog.text


def test_a_slower_device_is_reported(
    camera: OpencvCamera, device: Device, caplog: pytest.LogCaptureFixture
) -> None:
    device.granted[cv2.CAP_PROP_FPS] = 15.0
    camera.open()
    assert "gives 15 images/s, not 30" in caplog.text


def test_a_wrong_size_is_refused_and_the_device_let_go(
    camera: OpencvCamera, device: Device
) -> None:
    device.granted[cv2.CAP_PROP_FRAME_WIDTH] = 1280.0
    with pytest.raises(CameraError, match="asked for 640x480 and gives 1280x480"):
        camera.open()
    assert device.releases == 1
