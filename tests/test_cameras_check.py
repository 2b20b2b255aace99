"""`python -m perception`: the program, on cameras that play films."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import pytest
import yaml
from rich.console import Console
from video_device import noise

from messaging.messages import Frame
from perception.camera import CameraError
from perception.pattern import burnt
from runtime.plugins import UnknownNameError
from station.camera_tools import check as camera_check
from station.camera_tools import latency as camera_latency
from station.camera_tools.check import main
from station.camera_tools.latency import Monitor, measure_latency
from station.camera_tools.running import camera_rows
from station.config import load, robot_file
from station.hardware import decided
from station.robot import StationConfig

pytestmark = pytest.mark.realtime

LATENCY_MS = 48.0
HERE = Path()


@pytest.fixture
def config() -> StationConfig:
    return decided(load(robot_file("aloha"), ["hardware=emulated"]))


def film(path: Path, rate_hz: float) -> str:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), rate_hz, (64, 48))
    for seed in range(30):
        writer.write(noise(seed))
    writer.release()
    return str(path)


@pytest.fixture
def robot(tmp_path: Path) -> Path:
    """A robot with one good camera and one that is too slow."""
    raw = yaml.safe_load(robot_file("aloha").read_text(encoding="utf-8"))
    raw["cameras"] = {
        name: {"plugin": "video", "config": {"path": film(tmp_path / f"{name}.avi", rate_hz)}}
        for name, rate_hz in {"cam_high": 30.0, "cam_low": 15.0}.items()
    }
    path = tmp_path / "robot.yaml"
    path.write_text(yaml.safe_dump(raw, sort_keys=False), encoding="utf-8")
    return path


@pytest.mark.slow
def test_the_check_names_the_camera_that_is_too_slow(
    robot: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "all.png"
    arguments = ["check", "--config", str(robot), "--real", "--seconds", "2"]
    assert main([*arguments, "--picture", str(picture)]) == 1
    said = capsys.readouterr().out
    assert "cam_low: 15.0 images/s, not 30: " in said
    assert "cam_high: " not in said
    assert picture.exists()


@pytest.mark.slow
def test_the_check_is_content_with_good_cameras(
    robot: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    film(robot.parent / "cam_low.avi", 30.0)
    assert main(["check", "--config", str(robot), "--real", "--seconds", "2"]) == 0
    assert "30.0/30" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["check", "--robot", "aloah"], "Did you mean 'aloha'"),
        (["check", "--set", "cameras.cam_high.config.widht=3"], "widht"),
        (["pattern", "--camera", "cam_hihg"], "Did you mean 'cam_high'"),
    ],
)
def test_what_does_not_exist_is_refused_with_the_near_miss(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert said in capsys.readouterr().err


def test_what_is_to_be_installed_is_said_with_its_brackets(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def without_library(*_: object) -> int:
        raise CameraError("run `pip install 'evenhand[realsense]'`")

    monkeypatch.setattr(camera_check, "check", without_library)
    assert main(["check", "--real"]) == 2
    assert "evenhand[realsense]" in capsys.readouterr().err


def test_the_twin_runs_only_for_cameras_that_look_at_it(config: StationConfig) -> None:
    rows = camera_rows(config, ["cam_low", "cam_high"], HERE)
    assert [row.name for row in rows] == ["twin", "camera.cam_low", "camera.cam_high"]
    real = config.model_copy(update={"cameras": load(robot_file("aloha"), []).cameras})
    assert [row.name for row in camera_rows(real, ["cam_high"], HERE)] == ["camera.cam_high"]


def test_an_unknown_camera_names_those_that_are_there(config: StationConfig) -> None:
    with pytest.raises(UnknownNameError, match="no camera of aloha 'cam'"):
        camera_rows(config, ["cam"], HERE)


class Before:
    """A camera before a monitor: each image shows what it saw a while before its stamp."""

    def __init__(self, *, legible: bool) -> None:
        self.views = [SimpleNamespace(death="")]
        self._legible = legible

    def look(self) -> list[tuple[Any, Frame]]:
        t_ns = time.monotonic_ns()
        shown_ns = t_ns - round(LATENCY_MS * 1e6)
        image = burnt(shown_ns, 160, 120) if self._legible else noise(0)
        return [(self.views[0], Frame("cam_high", 0, t_ns, t_ns, image))]


@contextmanager
def screen_and_camera(
    monkeypatch: pytest.MonkeyPatch, *, legible: bool
) -> Iterator[SimpleNamespace]:
    @contextmanager
    def running(*_: object) -> Iterator[Before]:
        yield Before(legible=legible)

    monkeypatch.setattr(camera_latency, "running_cameras", running)
    yield SimpleNamespace(show=lambda: True, close=lambda: None)


def measured(
    config: StationConfig, monkeypatch: pytest.MonkeyPatch, *, legible: bool
) -> tuple[int, str]:
    console = Console(width=200)
    with screen_and_camera(monkeypatch, legible=legible) as screen, console.capture() as capture:
        code = measure_latency(config, "cam_high", 0.3, 10.0, console, lambda: screen)
    return code, capture.get()


def test_the_latency_is_what_the_pattern_shows_less_the_monitors(
    config: StationConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, said = measured(config, monkeypatch, legible=True)
    assert code == 0
    assert "write into its config: latency_ms: 38" in said.replace("\n", " ")


def test_a_pattern_that_cannot_be_read_is_told_with_the_remedy(
    config: StationConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, said = measured(config, monkeypatch, legible=False)
    assert code == 1
    assert "fill its view with the monitor" in said


def test_without_a_screen_there_is_no_pattern(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(ValueError, match="no screen to show the pattern on"):
        Monitor()
