"""Playing a file as if it were a camera."""

import itertools
import time
from pathlib import Path
from statistics import median

import cv2
import numpy as np
import pytest

from perception.camera import Capture
from perception.cameras.video import Config, VideoCamera

RATE_HZ = 50.0
IMAGES = 5


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """Five images, each brighter than the one before."""
    path = tmp_path / "film.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), RATE_HZ, (64, 48))
    for i in range(IMAGES):
        writer.write(np.full((48, 64, 3), 40 * i, np.uint8))
    writer.release()
    return path


def played(camera: VideoCamera, seconds: float) -> list[Capture]:
    end = time.monotonic() + seconds
    captures = []
    while time.monotonic() < end:
        if capture := camera.capture(0.01):
            captures.append(capture)
    return captures


def test_a_film_plays_at_its_own_rate(film: Path) -> None:
    camera = VideoCamera(Config(path=film))
    camera.open()
    captures = played(camera, 1.0)
    camera.close()
    assert len(captures) <= RATE_HZ + 1  # a busy machine delays it
    gaps_ns = [b.t_capture_ns - a.t_capture_ns for a, b in itertools.pairwise(captures)]
    assert min(gaps_ns) > 0
    assert median(gaps_ns) == pytest.approx(1e9 / RATE_HZ, rel=0.2)


def test_a_film_begins_again_when_told_to(film: Path) -> None:
    camera = VideoCamera(Config(path=film))
    camera.open()
    brightness = [float(c.image.mean()) for c in played(camera, 2.5 * IMAGES / RATE_HZ)]
    camera.close()
    assert brightness[IMAGES] == pytest.approx(brightness[0], abs=3)
    assert brightness[1] == pytest.approx(40, abs=3)


def test_a_film_that_does_not_begin_again_ceases(film: Path) -> None:
    camera = VideoCamera(Config(path=film, loop=False))
    camera.open()
    captures = played(camera, 2.5 * IMAGES / RATE_HZ)
    camera.close()
    assert len(captures) == IMAGES


def test_images_are_stamped_when_they_are_played(film: Path) -> None:
    camera = VideoCamera(Config(path=film))
    before_ns = time.monotonic_ns()
    camera.open()
    capture = camera.capture(0.1)
    camera.close()
    assert capture is not None
    assert before_ns <= capture.t_capture_ns <= time.monotonic_ns()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no video file at .*absent\.mp4"):
        VideoCamera(Config(path=tmp_path / "absent.mp4")).open()


def test_a_file_that_is_no_video_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "text.mp4"
    path.write_text("not a film", encoding="utf-8")
    with pytest.raises(ValueError, match="no video that OpenCV can play"):
        VideoCamera(Config(path=path)).open()
