"""What the check says of cameras: figures, findings with their remedy, one picture of all."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from rich.console import Console
from video_device import jpeg, noise

from messaging.messages import Frame, Heartbeat
from station.camera_tools.views import TILE, CameraView, contact_sheet, table, write_picture

PERIOD_NS = 33_333_333
AGE_NS = 20_000_000
OK = "OK: stamped by the driver"


def heartbeat(note: str = OK, **counters: int) -> Heartbeat:
    return Heartbeat("camera.cam", 1, 0, True, 1, 30.0, 0.0, 0.0, counters, note)


def view(
    *, plugin: str = "opencv", period_ns: int = PERIOD_NS, age_ns: int = AGE_NS, note: str = OK
) -> CameraView:
    """Return a camera of 30 images a second after two seconds."""
    made = CameraView("cam_high", plugin, 30.0)
    made.heartbeat = heartbeat(note)
    file = jpeg(noise(0, 64, 48))
    for seq in range(60):
        t_ns = seq * period_ns
        made.add(Frame("cam_high", seq, t_ns, t_ns, file), t_ns + age_ns)
    return made


def test_a_good_camera_has_its_figures_and_no_trouble() -> None:
    good = view()
    assert good.measured_hz == pytest.approx(30.0, rel=1e-3)
    assert good.age_ms == pytest.approx(20.0)
    assert good.trouble() == ""


def test_frames_that_the_check_itself_missed_do_not_lower_the_rate() -> None:
    gappy = CameraView("cam_high", "opencv", 30.0)
    for seq in (0, 7, 50):
        gappy.add(Frame("cam_high", seq, seq * PERIOD_NS, 0, noise(0)), 0)
    assert gappy.measured_hz == pytest.approx(30.0, rel=1e-3)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (view(period_ns=2 * PERIOD_NS), "15.0 images/s, not 30: in a dark room set exposure_ms"),
        (view(period_ns=2 * PERIOD_NS, plugin="mujoco"), "not 30: let it draw less"),
        (view(age_ns=200_000_000), "200 ms old when they arrive: close other programs"),
        (view(note="STALE: no new image for 0.4 s"), "STALE: no new image for 0.4 s; check its"),
        (view(note="FROZEN: the same image for 3.0 s"), "FROZEN: the same image"),
        (view(note="LOST: no camera at /dev/CAM_LOW"), "LOST: no camera at /dev/CAM_LOW; check"),
    ],
)
def test_what_is_wrong_is_said_with_the_remedy(bad: CameraView, said: str) -> None:
    assert said in bad.trouble()


def test_a_camera_that_cannot_start_says_why() -> None:
    dead = CameraView("cam_low", "opencv", 30.0)
    dead.death = "exit 1: no camera at /dev/CAM_LOW; there are: none"
    assert dead.trouble() == dead.death
    assert dead.state == "NOT THERE"


def test_a_camera_that_died_while_it_was_measured_is_not_good_enough() -> None:
    died = view()
    died.death = "killed by signal 11"
    assert died.trouble() == "killed by signal 11"
    died.forget()
    assert died.death == ""


def test_a_skewed_camera_is_told_how_to_measure_its_latency() -> None:
    skewed = view()
    skewed.compare(skewed.t_capture_ns + 70_000_000)
    assert skewed.skew_ms == pytest.approx(70.0)
    assert "70 ms off those of the first camera: measure latency_ms" in skewed.trouble()


def test_a_slow_cameras_image_may_be_as_old_as_its_period() -> None:
    slow = CameraView("cam_low", "mujoco", 10.0)
    slow.heartbeat = heartbeat()
    for seq in range(20):
        slow.add(Frame("cam_low", seq, seq * 100_000_000, 0, noise(0)), seq * 100_000_000)
    slow.compare(slow.t_capture_ns + 70_000_000)
    assert slow.trouble() == ""


def test_counters_count_from_the_last_forget_on() -> None:
    counting = CameraView("cam_high", "opencv", 30.0)
    counting.heartbeat = heartbeat(dropped=5)
    counting.forget()
    counting.heartbeat = heartbeat(dropped=7, corrupt=1)
    assert (counting.counted("dropped"), counting.counted("corrupt")) == (2, 1)


def test_the_table_fits_a_terminal_and_shows_every_camera() -> None:
    console = Console(width=80)
    with console.capture() as capture:
        console.print(table([view(), CameraView("cam_right_wrist", "opencv", 30.0)], "cameras"))
    text = capture.get()
    assert "30.0/30" in text
    assert "64x48 jpeg" in text
    assert "cam_right_wrist OPENING" in text


def test_the_picture_holds_every_view_side_by_side(tmp_path: Path) -> None:
    path = tmp_path / "cameras.png"
    write_picture(path, [view(), view(), CameraView("cam_low", "opencv", 30.0)])
    sheet = np.asarray(cv2.imread(str(path)))
    assert sheet.shape == (2 * TILE[1], 2 * TILE[0], 3)
    middle = contact_sheet([view()])[TILE[1] // 2, TILE[0] // 2]
    assert middle[0] > middle[2], "the picture is reddish, as what the camera sees"
    assert np.ptp(sheet[TILE[1] + 40 :, TILE[0] + 40 :]) == 0


@pytest.mark.parametrize(("name", "said"), [("sheet", "is no name"), ("no/sheet.png", "cannot")])
def test_a_picture_that_cannot_be_written_is_refused(tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises((ValueError, OSError), match=said):
        write_picture(tmp_path / name, [view()])
