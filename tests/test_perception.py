"""The camera process: live, as the launcher starts it, and its stream of frames."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from messaging.messages import Frame, Heartbeat
from messaging.topics import FRAME, HEARTBEAT
from messaging.transport import Bus, Subscriber, Waiter
from perception.camera import Capture, Condition
from perception.main import Config, main
from perception.stream import FrameStream, State
from runtime.plugins import UnknownNameError
from runtime.process import Context, ProcessSpec

pytestmark = pytest.mark.realtime

RATE_HZ = 30.0
NAME = "cam_high"
START_S = 20.0


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[Bus]:
    with Bus(tmp_path / "bus") as bus:
        yield bus


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "film.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), RATE_HZ, (64, 48))
    for i in range(10):
        writer.write(np.full((48, 64, 3), 20 * i, np.uint8))
    writer.release()
    return path


def started(tmp_path: Path, film: Path, loop: bool = True) -> subprocess.Popen[str]:
    spec = ProcessSpec(
        name=f"camera.{NAME}",
        module="perception.main",
        config={
            "camera": NAME,
            "plugin": "video",
            "plugin_config": {"path": str(film), "loop": loop},
        },
        directory=tmp_path / "bus",
    )
    path = tmp_path / "spec.json"
    path.write_text(spec.model_dump_json(), encoding="utf-8")
    return subprocess.Popen(
        [sys.executable, "-m", "runtime.process", str(path)],
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


@pytest.fixture
def process(tmp_path: Path, film: Path) -> Iterator[subprocess.Popen[str]]:
    process = started(tmp_path, film)
    yield process
    process.kill()
    process.communicate()


def received(frames: Subscriber[Frame], seconds: float) -> list[tuple[Frame, int]]:
    """Return the frames of the next seconds, each with the time of its arrival."""
    waiter = Waiter([frames])
    assert waiter.wait(START_S), "no frame came"
    end = time.monotonic() + seconds
    arrived = []
    while (remaining_s := end - time.monotonic()) > 0:
        if waiter.wait(remaining_s) and (frame := frames.receive()):
            arrived.append((frame, time.monotonic_ns()))
    return arrived


@pytest.mark.usefixtures("process")
def test_frames_arrive_at_the_rate_of_the_film_with_fresh_stamps(bus: Bus) -> None:
    arrived = received(bus.subscriber(FRAME, NAME), 1.5)
    frames = [frame for frame, _ in arrived]
    ages_ms = [(t_ns - frame.t_capture_ns) * 1e-6 for frame, t_ns in arrived]
    assert len(frames) == pytest.approx(1.5 * RATE_HZ, rel=0.15)
    assert {frame.camera for frame in frames} == {NAME}
    assert frames[0].image.shape == (48, 64, 3)
    assert np.diff([frame.seq for frame in frames]).min() >= 1
    assert np.diff([frame.t_capture_ns for frame in frames]).min() > 0
    assert 0 <= float(np.median(ages_ms)) < 10


def test_it_beats_while_no_image_comes_and_says_so(bus: Bus, tmp_path: Path, film: Path) -> None:
    beats = bus.subscriber(HEARTBEAT, f"camera.{NAME}")
    process = started(tmp_path, film, loop=False)
    heard: list[Heartbeat] = []
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and not (heard and "STALE" in heard[-1].note):
        if Waiter([beats]).wait(1.0) and (beat := beats.receive()):
            heard.append(beat)
    process.terminate()
    process.communicate()
    assert heard[-1].ready
    assert heard[-1].note.startswith("STALE: no new image for ")
    assert any(beat.note.startswith("OK: ") for beat in heard)
    assert heard[-1].counters["frames"] == 10
    gaps_s = np.diff([beat.t_ns for beat in heard if beat.ready]) * 1e-9
    assert float(np.median(gaps_s)) < 0.1


def test_it_ends_in_peace_when_asked(process: subprocess.Popen[str], bus: Bus) -> None:
    assert Waiter([bus.subscriber(FRAME, NAME)]).wait(START_S)
    process.send_signal(signal.SIGTERM)
    assert process.wait(3.0) == 0


@pytest.mark.usefixtures("process")
def test_a_second_camera_of_the_same_name_is_refused(bus: Bus, tmp_path: Path, film: Path) -> None:
    assert Waiter([bus.subscriber(FRAME, NAME)]).wait(START_S)
    second = started(tmp_path, film)
    _, log = second.communicate(timeout=START_S)
    assert second.returncode == 1
    assert f"camera.{NAME}' already has a writer" in log


def test_an_unknown_plugin_is_refused_with_the_near_miss(bus: Bus) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'mujoco'"):
        main(Config(camera=NAME, plugin="mujocco"), Context("camera.x", bus))


def test_an_image_whose_stamp_stands_still_is_counted_and_not_sent(bus: Bus) -> None:
    stream = FrameStream(NAME, RATE_HZ, bus.publisher(FRAME, NAME))
    image = np.zeros((4, 4, 3), np.uint8)
    for t_ns in (100, 100, 90, 200):
        stream.publish(Capture(t_ns, image))
    assert (stream.published, stream.repeated) == (2, 2)
    assert stream.t_capture_ns == 200


def test_a_gap_longer_than_the_period_counts_as_late(bus: Bus) -> None:
    stream = FrameStream(NAME, 100.0, bus.publisher(FRAME, NAME))
    image = np.zeros((4, 4, 3), np.uint8)
    lateness_ms = []
    for t_ms in (1000, 1010, 1035, 1040):
        stream.publish(Capture(t_ms * 1_000_000, image))
        lateness_ms.append(stream.late_ns * 1e-6)
    assert lateness_ms == [0, 0, 15, 0]


REAL = Condition(noisy=True)
PERIOD_NS = 10_000_000


def fed(stream: FrameStream, images: list[int]) -> list[bool]:
    """Publish an image a period, each made of a number; returns which of them were sent."""
    return [
        stream.publish(Capture(step * PERIOD_NS, np.full((4, 4, 3), value, np.uint8)))
        for step, value in enumerate(images, start=1)
    ]


def test_of_a_real_camera_an_image_equal_to_the_last_is_not_sent(bus: Bus) -> None:
    stream = FrameStream(NAME, 100.0, bus.publisher(FRAME, NAME), noisy=True)
    assert fed(stream, [1, 2, 2, 3]) == [True, True, False, True]
    assert (stream.repeated, stream.dropped) == (1, 1)


def test_a_simulated_camera_may_show_a_still_scene(bus: Bus) -> None:
    stream = FrameStream(NAME, 100.0, bus.publisher(FRAME, NAME))
    assert fed(stream, [1] * 150) == [True] * 150
    assert stream.state(Condition(noisy=False), 150 * PERIOD_NS) is State.OK


def test_after_a_second_of_the_same_image_a_camera_is_frozen(bus: Bus) -> None:
    stream = FrameStream(NAME, 100.0, bus.publisher(FRAME, NAME), noisy=True)
    fed(stream, [1] * 60)
    assert stream.state(REAL, 60 * PERIOD_NS) is State.STALE
    fed(stream, [1] * 102)
    assert stream.state(REAL, 102 * PERIOD_NS) is State.FROZEN
    assert stream.note(REAL, 102 * PERIOD_NS).startswith("FROZEN: the same image for 1.0 s")
    fed(stream, [1] * 102 + [2])
    assert stream.state(REAL, 103 * PERIOD_NS) is State.OK


def test_a_frozen_camera_that_falls_silent_is_stale(bus: Bus) -> None:
    stream = FrameStream(NAME, 100.0, bus.publisher(FRAME, NAME), noisy=True)
    fed(stream, [1] * 110)
    assert stream.state(REAL, 120 * PERIOD_NS) is State.STALE


def test_a_camera_is_opening_until_its_first_image(bus: Bus) -> None:
    stream = FrameStream(NAME, 100.0, bus.publisher(FRAME, NAME))
    assert stream.note(REAL, PERIOD_NS) == "OPENING: no image yet"
    fed(stream, [1])
    assert stream.state(REAL, 4 * PERIOD_NS) is State.OK
    assert stream.state(REAL, 4 * PERIOD_NS + 1) is State.STALE


def test_a_lost_device_says_what_is_lost(bus: Bus) -> None:
    stream = FrameStream(NAME, 100.0, bus.publisher(FRAME, NAME))
    fed(stream, [1])
    lost = Condition(noisy=True, lost="no camera at /dev/CAM_LOW; there are: none")
    assert stream.note(lost, PERIOD_NS) == "LOST: no camera at /dev/CAM_LOW; there are: none"


def test_images_missing_between_two_are_counted_as_dropped(bus: Bus) -> None:
    stream = FrameStream(NAME, 100.0, bus.publisher(FRAME, NAME))
    image = np.zeros((4, 4, 3), np.uint8)
    for t_ms in (1000, 1010, 1041, 1050):
        stream.publish(Capture(t_ms * 1_000_000, image))
    assert stream.dropped == 2
