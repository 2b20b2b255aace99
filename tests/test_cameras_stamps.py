"""The time burnt into pictures proves the stamps: of a film, and of a camera that sends JPEG."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from video_device import Device

from messaging.images import encoding, pixels
from messaging.messages import Frame
from messaging.topics import FRAME
from messaging.transport import Bus, Subscriber, Waiter
from perception.camera import Camera
from perception.cameras import opencv, video
from perception.pattern import burnt, time_in
from perception.stream import FrameStream

pytestmark = pytest.mark.realtime

CAMERA = "cam_high"
PERIOD_NS = 20_000_000
RATE_HZ = 1e9 / PERIOD_NS
IMAGES = 60
LATENCY_MS = 35.0
MOST_ERROR_MS = 5.0
SIZE = (160, 120)


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[Bus]:
    with Bus(tmp_path / "bus") as bus:
        yield bus


@pytest.fixture
def film(tmp_path: Path) -> video.VideoCamera:
    """A film of which each picture shows when it is to be played, counted from the first."""
    path = tmp_path / "film.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), RATE_HZ, SIZE)
    for image in range(IMAGES):
        writer.write(burnt(image * PERIOD_NS, *SIZE))
    writer.release()
    return video.VideoCamera(video.Config(path=path, loop=False))


class Monitored(Device):
    """A camera before a monitor: sends what it saw LATENCY_MS before the driver stamps it."""

    def __init__(self) -> None:
        super().__init__()
        self._seen_ns = 0
        self.driver_ms = lambda: self._seen_ns * 1e-6 + LATENCY_MS
        self.picture = self._seen

    def grab(self) -> bool:
        time.sleep(PERIOD_NS * 1e-9)
        # Of whole microseconds, as they can be burnt in.
        self._seen_ns = (time.monotonic_ns() - round(LATENCY_MS * 1e6)) // 1000 * 1000
        return self.plugged

    def _seen(self, _: int) -> NDArray[np.uint8]:
        return burnt(self._seen_ns, *SIZE)


@pytest.fixture
def camera(tmp_path: Path) -> opencv.OpencvCamera:
    config = opencv.Config(device=str(tmp_path), rate_hz=RATE_HZ, latency_ms=LATENCY_MS)
    return opencv.OpencvCamera(config, video_capture=Monitored())


class Relay:
    """Publishes a camera's images as its process does, from a thread."""

    def __init__(self, camera: Camera, bus: Bus) -> None:
        self.stream = FrameStream(CAMERA, RATE_HZ, bus.publisher(FRAME, CAMERA))
        self.frames = bus.subscriber(FRAME, CAMERA)
        self._camera = camera
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Relay:
        self._camera.open()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        self._camera.close()

    def _run(self) -> None:
        while not self._done.is_set():
            if capture := self._camera.capture(0.04):
                self.stream.publish(capture)


def all_frames(frames: Subscriber[Frame], seconds: float) -> list[Frame]:
    waiter, end = Waiter([frames]), time.monotonic() + seconds
    came = []
    while (remaining_s := end - time.monotonic()) > 0:
        if waiter.wait(remaining_s) and (frame := frames.receive()):
            came.append(frame)
    return came


def shown(frame: Frame) -> int:
    t_ns = time_in(pixels(frame.image))
    assert t_ns is not None, f"image {frame.seq} cannot be read"
    return t_ns


def assert_each_later_than_the_last(frames: list[Frame]) -> None:
    for earlier, later in itertools.pairwise(frames):
        assert earlier.seq < later.seq
        assert earlier.t_capture_ns < later.t_capture_ns
        assert shown(earlier) < shown(later)


def test_stamps_of_a_camera_that_sends_jpeg_are_those_of_its_light(
    camera: opencv.OpencvCamera, bus: Bus
) -> None:
    with Relay(camera, bus) as relay:
        frames = all_frames(relay.frames, 1.0)
    errors_ms = [(frame.t_capture_ns - shown(frame)) * 1e-6 for frame in frames]
    assert len(frames) > 10
    assert {encoding(frame.image) for frame in frames} == {"jpeg"}
    assert float(np.abs(errors_ms).max()) < MOST_ERROR_MS
    assert_each_later_than_the_last(frames)
    assert camera.condition().stamped_by == "the driver"


def test_stamps_of_a_film_are_those_at_which_its_pictures_are_played(
    film: video.VideoCamera, bus: Bus
) -> None:
    with Relay(film, bus) as relay:
        frames = all_frames(relay.frames, IMAGES / RATE_HZ)
    started_ns = [frame.t_capture_ns - shown(frame) for frame in frames]
    errors_ms = (np.array(started_ns) - min(started_ns)) * 1e-6
    assert len(frames) > IMAGES // 2
    # On a machine with other work the player itself is late now and then, and stamps that.
    assert float(np.median(errors_ms)) < MOST_ERROR_MS
    assert_each_later_than_the_last(frames)


@pytest.mark.parametrize("source", ["film", "camera"])
def test_a_slow_consumer_gets_the_newest_image_and_never_an_old_one(
    source: str, bus: Bus, request: pytest.FixtureRequest
) -> None:
    frames: list[Frame] = []
    with Relay(request.getfixturevalue(source), bus) as relay:
        while len(frames) < 10:
            time.sleep(3 * PERIOD_NS * 1e-9)
            published = relay.stream.published
            if frame := relay.frames.receive():
                # The last one may still be on its way.
                assert frame.seq >= published - 2
                frames.append(frame)
    assert_each_later_than_the_last(frames)
    assert frames[-1].seq - frames[0].seq >= 2 * (len(frames) - 1)
