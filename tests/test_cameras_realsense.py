"""The RealSense camera against a library that is made of nothing but answers."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from enum import Enum
from types import SimpleNamespace
from typing import Any

import pytest
from video_device import noise

from perception.camera import CameraError, Capture
from perception.cameras.realsense import Config, RealsenseCamera

SERIAL = "218622270001"
Option = Enum("Option", ["auto_exposure_priority", "global_time_enabled"])
Domain = Enum("Domain", ["hardware_clock", "system_time", "global_time"])


class Sensor:
    """Of a D405 there is one; it takes what it is told, unless it is stubborn."""

    def __init__(self) -> None:
        self.supported = set(Option)
        self.stubborn = False
        self.values: dict[Any, float] = dict.fromkeys(Option, 0.5)

    def supports(self, option: Option) -> bool:
        return option in self.supported

    def set_option(self, option: Option, value: float) -> None:
        if not self.stubborn:
            self.values[option] = value

    def get_option(self, option: Option) -> float:
        return self.values[option]


class Frame:
    def __init__(self, library: Library) -> None:
        self._library = library
        self._image = noise(library.sent)

    def is_frameset(self) -> bool:
        return True

    def as_frameset(self) -> Frame:
        return self

    def get_color_frame(self) -> Frame:
        return self

    def get_data(self) -> Any:
        return self._image

    def get_timestamp(self) -> float:
        return time.clock_gettime_ns(time.CLOCK_REALTIME) * 1e-6 - self._library.age_ms

    def get_frame_timestamp_domain(self) -> Domain:
        return self._library.domain


class Library:
    """Stands in for pyrealsense2."""

    option, timestamp_domain = Option, Domain
    camera_info = SimpleNamespace(serial_number="serial_number")
    stream = SimpleNamespace(color="color")
    format = SimpleNamespace(rgb8="rgb8")

    def __init__(self) -> None:
        self.serials = [SERIAL]
        self.sensor = Sensor()
        self.domain = Domain.global_time
        self.age_ms = 20.0
        self.sent = 0
        self.starts = 0
        self.stops = 0
        self.refusal = ""
        self.asked: list[tuple[Any, ...]] = []
        self.queues: list[int] = []

    def context(self) -> Any:
        devices = [
            SimpleNamespace(get_info=lambda _, s=s: s, query_sensors=lambda: [self.sensor])
            for s in self.serials
        ]
        return SimpleNamespace(query_devices=lambda: devices)

    def config(self) -> Any:
        return SimpleNamespace(
            enable_device=lambda serial: self.asked.append((serial,)),
            enable_stream=lambda *asked: self.asked.append(asked),
        )

    def frame_queue(self, capacity: int) -> Any:
        self.queues.append(capacity)
        return SimpleNamespace(try_wait_for_frame=self._frame)

    def pipeline(self) -> Any:
        return SimpleNamespace(start=self._start, stop=self._stop)

    def _start(self, *_: object) -> None:
        if self.refusal:
            raise RuntimeError(self.refusal)
        self.starts += 1

    def _stop(self) -> None:
        self.stops += 1

    def _frame(self, timeout_ms: int) -> tuple[bool, Frame | None]:
        time.sleep(0.005)
        if not self.serials:
            time.sleep(timeout_ms * 1e-3)
            return False, None
        self.sent += 1
        return True, Frame(self)


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Library:
    library = Library()
    monkeypatch.setitem(sys.modules, "pyrealsense2", library)
    return library


@pytest.fixture
def camera(library: Library) -> Iterator[RealsenseCamera]:
    assert not library.starts
    camera = RealsenseCamera(Config(serial=SERIAL))
    yield camera
    camera.close()


def captured(camera: RealsenseCamera) -> Capture:
    capture = camera.capture(2.0)
    assert capture is not None
    return capture


def until(happened: Callable[[], object], within_s: float = 5.0) -> None:
    end = time.monotonic() + within_s
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_colour_alone_is_asked_of_the_one_camera_with_room_for_one_image(
    camera: RealsenseCamera, library: Library
) -> None:
    camera.open()
    assert captured(camera).image.shape == (48, 64, 3)
    assert library.asked == [(SERIAL,), ("color", 640, 480, "rgb8", 30)]
    assert library.queues == [1]


def test_the_rate_goes_before_the_exposure_and_stamps_are_of_the_global_clock(
    camera: RealsenseCamera, library: Library
) -> None:
    camera.open()
    assert library.sensor.values == {
        Option.auto_exposure_priority: 0.0,
        Option.global_time_enabled: 1.0,
    }


def test_an_option_that_a_sensor_does_not_have_is_not_asked_for(
    camera: RealsenseCamera, library: Library
) -> None:
    library.sensor.supported = {Option.global_time_enabled}
    camera.open()
    assert library.sensor.values[Option.auto_exposure_priority] == 0.5


def test_an_option_that_is_not_as_asked_is_refused(
    camera: RealsenseCamera, library: Library
) -> None:
    library.sensor.stubborn = True
    with pytest.raises(CameraError, match=r"was asked for .*auto_exposure_priority = 0 and has"):
        camera.open()


@pytest.mark.parametrize("domain", [Domain.global_time, Domain.system_time])
def test_a_stamp_of_the_wall_clock_becomes_one_of_the_monotonic_clock(
    camera: RealsenseCamera, library: Library, domain: Domain
) -> None:
    library.domain = domain
    before_ns = time.monotonic_ns()
    camera.open()
    stamp_ns = captured(camera).t_capture_ns
    assert before_ns - 20_000_000 <= stamp_ns <= time.monotonic_ns() - 20_000_000
    assert camera.condition().stamped_by == f"the {domain.name} clock".replace("_", " ")


@pytest.mark.parametrize(
    ("domain", "age_ms"), [(Domain.hardware_clock, 20.0), (Domain.system_time, 3.6e6)]
)
def test_a_stamp_of_another_clock_is_not_used(
    camera: RealsenseCamera, library: Library, domain: Domain, age_ms: float
) -> None:
    library.domain, library.age_ms = domain, age_ms
    before_ns = time.monotonic_ns()
    camera.open()
    assert before_ns <= captured(camera).t_capture_ns <= time.monotonic_ns()
    assert camera.condition().stamped_by == "its arrival"


def test_an_unknown_serial_names_those_that_are_there(library: Library) -> None:
    library.serials = ["2", "1"]
    camera = RealsenseCamera(Config(serial="3"))
    with pytest.raises(CameraError, match="no RealSense camera with serial '3'; there are: 1, 2;"):
        camera.open()


def test_a_camera_that_does_not_start_says_why(camera: RealsenseCamera, library: Library) -> None:
    library.refusal = "Device or resource busy"
    with pytest.raises(CameraError, match="does not start: Device or resource busy; close other"):
        camera.open()


def test_an_unplugged_camera_is_lost_and_comes_back(
    camera: RealsenseCamera, library: Library
) -> None:
    camera.open()
    captured(camera)
    library.serials = []
    until(lambda: "there are: none" in camera.condition().lost)
    assert library.stops == 1
    library.serials = [SERIAL]
    until(lambda: not camera.condition().lost)
    captured(camera)
    assert library.starts == 2


def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyrealsense2", None)
    with pytest.raises(CameraError, match=r"pip install 'evenhand\[realsense\]'"):
        RealsenseCamera(Config(serial=SERIAL)).open()


def test_the_real_library_knows_all_that_is_asked_of_it() -> None:
    library = pytest.importorskip("pyrealsense2")
    assert hasattr(library.option, "auto_exposure_priority")
    assert hasattr(library.option, "global_time_enabled")
    assert hasattr(library.timestamp_domain, "hardware_clock")
    assert callable(library.frame_queue(1).try_wait_for_frame)
    with pytest.raises(CameraError, match="no RealSense camera with serial 'none of these'"):
        RealsenseCamera(Config(serial="none of these")).open()
