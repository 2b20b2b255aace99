"""The V4L2 camera against a device that is made of nothing but answers."""

import logging
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from video_device import MJPG, YUYV, Device, jpeg, noise

from messaging.images import pixels
from perception.camera import CameraError, Capture
from perception.cameras.opencv import Config, OpencvCamera

pytestmark = pytest.mark.realtime


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


def captured(camera: OpencvCamera) -> Capture:
    capture = camera.capture(2.0)
    assert capture is not None
    return capture


def test_the_jpeg_files_of_the_camera_pass_through_untouched(
    camera: OpencvCamera, device: Device
) -> None:
    device.held = True
    camera.open()
    np.testing.assert_array_equal(captured(camera).image, jpeg(noise(0)))
    assert (cv2.CAP_PROP_CONVERT_RGB, 0) in device.asked


def test_images_of_another_format_are_rgb(camera: OpencvCamera, device: Device) -> None:
    device.granted[cv2.CAP_PROP_FOURCC] = YUYV
    device.held = True
    camera.open()
    np.testing.assert_array_equal(captured(camera).image, noise(0))


def test_an_opencv_that_decodes_all_the_same_is_understood(
    camera: OpencvCamera, device: Device
) -> None:
    device.granted[cv2.CAP_PROP_CONVERT_RGB] = 1.0
    device.held = True
    camera.open()
    np.testing.assert_array_equal(captured(camera).image, noise(0))


def test_what_a_camera_sends_after_the_end_of_a_file_is_left_out(
    camera: OpencvCamera, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = jpeg(noise(0))
    padded = np.concatenate([file, np.full(50, 7, np.uint8)])
    monkeypatch.setattr(device, "retrieve", lambda: (True, padded[None]))
    camera.open()
    np.testing.assert_array_equal(captured(camera).image, file)


def test_stamps_are_brought_forward_by_the_latency(device: Device, tmp_path: Path) -> None:
    stamp_ms = time.monotonic_ns() * 1e-6 - 20.0
    device.driver_ms = lambda: stamp_ms
    camera = OpencvCamera(Config(device=str(tmp_path), latency_ms=35.5), video_capture=device)
    camera.open()
    assert captured(camera).t_capture_ns == pytest.approx((stamp_ms - 35.5) * 1e6, abs=1e3)
    camera.close()


def test_focus_exposure_and_gain_are_set_by_hand_when_given(device: Device, tmp_path: Path) -> None:
    config = Config(device=str(tmp_path), focus=40, exposure_ms=12.5, gain=3)
    camera = OpencvCamera(config, video_capture=device)
    camera.open()
    camera.close()
    keys = [key for key, _ in device.asked]
    assert keys.index(cv2.CAP_PROP_AUTOFOCUS) < keys.index(cv2.CAP_PROP_FOCUS)
    assert keys.index(cv2.CAP_PROP_AUTO_EXPOSURE) < keys.index(cv2.CAP_PROP_EXPOSURE)
    asked = dict(device.asked)
    assert (asked[cv2.CAP_PROP_AUTOFOCUS], asked[cv2.CAP_PROP_FOCUS]) == (0, 40)
    assert (asked[cv2.CAP_PROP_AUTO_EXPOSURE], asked[cv2.CAP_PROP_EXPOSURE]) == (1, 125)
    assert asked[cv2.CAP_PROP_GAIN] == 3


@pytest.mark.parametrize(
    ("got", "said"), [(35.0, "asked for focus = 40 and has 35"), (-1.0, "has no such control")]
)
def test_a_control_that_is_not_as_asked_is_refused_with_the_remedy(
    device: Device, tmp_path: Path, got: float, said: str
) -> None:
    device.granted[cv2.CAP_PROP_FOCUS] = got
    camera = OpencvCamera(Config(device=str(tmp_path), focus=40), video_capture=device)
    with pytest.raises(CameraError, match=f"{said}.*--list-ctrls"):
        camera.open()
    assert device.releases == 1


def buffers(device: Device) -> list[float]:
    return [value for key, value in device.asked if key == cv2.CAP_PROP_BUFFERSIZE]


def images_until(device: Device, camera: OpencvCamera, count: int) -> None:
    while device.sent < count:
        captured(camera)


def test_one_buffer_that_halves_the_rate_becomes_two(tmp_path: Path) -> None:
    device = Device(period_s=0.01)
    device.driver_ms = lambda: time.monotonic_ns() * 1e-6 - 1.0
    camera = OpencvCamera(Config(device=str(tmp_path), rate_hz=200.0), video_capture=device)
    camera.open()
    images_until(device, camera, 40)
    camera.close()
    assert buffers(device) == [1, 2]


def test_one_buffer_that_keeps_the_rate_stays_alone(tmp_path: Path) -> None:
    device = Device(period_s=0.01)
    camera = OpencvCamera(Config(device=str(tmp_path), rate_hz=30.0), video_capture=device)
    camera.open()
    images_until(device, camera, 40)
    camera.close()
    assert buffers(device) == [1]


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
    assert pixels(captured(camera).image).shape == (48, 64, 3)
    assert camera.condition().corrupt > 0
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
    assert "is it plugged in?" in camera.condition().lost
    device.plugged = True
    with caplog.at_level(logging.INFO):
        assert camera.capture(2.0) is not None
    assert camera.condition().lost == ""
    assert len(device.openings) == 2
    assert "opening it anew" in caplog.text


def test_while_the_device_is_away_its_absence_is_the_trouble(
    camera: OpencvCamera, device: Device, tmp_path: Path
) -> None:
    camera.open()
    captured(camera)
    (tmp_path / "video0").unlink()
    device.plugged = False
    end = time.monotonic() + 5.0
    while "no camera at" not in camera.condition().lost:
        camera.capture(0.05)
        assert time.monotonic() < end
    (tmp_path / "video0").touch()
    device.plugged = True
    captured(camera)


def test_whose_clock_stamps_is_told(camera: OpencvCamera, device: Device) -> None:
    camera.open()
    captured(camera)
    assert camera.condition().stamped_by == "its arrival"
    device.driver_ms = lambda: time.monotonic_ns() * 1e-6 - 1.0
    captured(camera)
    captured(camera)
    assert camera.condition().stamped_by == "the driver"


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
