"""The command line: what it lists, and what it refuses in one clear sentence."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from launching import REPOSITORY

import launch
from safety import latch
from safety.cause import Cause
from safety.facts import Stop
from safety.latch import Latched
from station.display import ExpendableDisplay
from station.exit_code import ExitCode
from station.lines import Lines
from station.lock import StationLock
from station.robot import StationConfig
from station.station import Station

pytestmark = pytest.mark.realtime


@pytest.fixture(autouse=True)
def nothing_may_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the bus to this test, and let no run begin."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))

    def started(_self: Station, _display: object) -> int:
        raise AssertionError("a run was started")

    monkeypatch.setattr(Station, "run", started)


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return the error of a launch that must be refused."""
    assert launch.main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Traceback" not in captured.err
    assert captured.err.startswith("launch.py: ")
    return captured.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--robot", "alhoa"], ["no robot 'alhoa'", "aloha"]),
        (["--policy", "scriptde"], ["'scriptde'", "mean 'scripted'"]),
        (["--set", "controller.rate_hz=900"], ["controller.rate_hz", "900", "200"]),
        (["--set", "controler.rate_hz=100"], ["controler", "mean 'controller'"]),
        (["--set", "cameras.cam_high.plugin=mujco"], ["'mujco'", "mean 'mujoco'"]),
        (["--config", "/nonexistent.yaml"], ["/nonexistent.yaml", "cannot read"]),
        (["--teleop", "scriptde"], ["teleop/devices", "'scriptde'", "mean 'scripted'"]),
        (["--record", "data", "--set", "recorder.rate_hz=0"], ["recorder.rate_hz", "0"]),
        (["--operator", "ada"], ["recorder.directory", "missing"]),
        (["--join", "policy_wroker"], ["policy_wroker"]),
        (["keys"], ["network"]),
    ],
)
def test_a_wrong_argument_is_refused_with_what_would_be_right(
    capsys: pytest.CaptureFixture[str], arguments: list[str], words: list[str]
) -> None:
    message = refused(capsys, *arguments)
    for word in words:
        assert word in message


@pytest.mark.parametrize(
    "arguments",
    [
        ["--episodes", "0"],
        ["--episodes", "x"],
        ["--record", ""],
        ["--duration", "-1"],
        ["--duration", "inf"],
        ["--duration", "1e300"],
        ["--seed", "-1"],
        ["--seed", "9" * 30],
        ["--duration", "nan"],
        ["--stop-wait", "-1"],
        ["--stop-wait", "nan"],
        ["--stop-wait", "soon"],
        ["rnu"],
    ],
)
def test_a_number_or_command_that_makes_no_sense_is_refused_with_the_usage(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        launch.main(arguments)
    assert caught.value.code == 2
    assert "usage: launch.py" in capsys.readouterr().err


def test_help_names_every_option_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        launch.main(["--help"])
    assert caught.value.code == 0
    printed = capsys.readouterr().out
    for option in ("--robot", "--policy", "--set", "--episodes", "--duration", "--headless"):
        assert option in printed
    for option in ("--teleop", "--record", "--operator"):
        assert option in printed
    assert "python launch.py --robot aloha" in printed
    assert "--stop-wait" in printed
    for code in ExitCode:
        assert f"\n  {code.value} " in printed
        assert code.meaning in printed


def test_the_listing_names_processes_topics_and_plugins(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert launch.main(["--list"]) == 0
    printed = capsys.readouterr().out
    for name in ("twin", "arm.left", "camera.cam_high", "controller", "policy_worker", "journal"):
        assert name in printed
    for name in ("safety", "dashboard", "real-time 75"):
        assert name in printed
    for name in ("joint_command", "100 Hz", "action_chunk", "scripted", "mujoco", "teleop/devices"):
        assert name in printed


def test_a_second_launch_of_a_robot_is_refused_by_name(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with StationLock("aloha", "the first launch"):
        code = launch.main(["--policy", "scripted", "--headless"])
    assert code == 2
    message = capsys.readouterr().err
    assert "'aloha'" in message
    assert "the first launch" in message


def test_an_interrupt_before_anything_started_is_no_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_arguments: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(launch, "main", interrupted)
    assert launch._exit_code() == 130
    assert "stopped before anything started" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_an_interrupt_is_heeded_even_where_an_import_would_swallow_it(name: str) -> None:
    code = (
        "import launch, os, signal\n"
        "with launch._interrupt_ends_it():\n"
        "    try:\n"
        f"        os.kill(os.getpid(), signal.{name})\n"
        "    except BaseException:\n"
        "        pass\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, stderr=subprocess.PIPE, encoding="utf-8"
    )
    assert ended.returncode == 130
    assert ended.stderr == "launch.py: stopped before anything started\n"


def test_a_full_disk_behind_the_output_is_named_and_is_the_only_error() -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        ended = subprocess.run(
            [sys.executable, "launch.py", "--list"],
            cwd=REPOSITORY,
            stdout=full,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
    assert ended.returncode == 2
    assert ended.stderr.splitlines() == ["launch.py: [Errno 28] No space left on device"]


@pytest.mark.parametrize(
    ("arguments", "wait_s"),
    [
        (["--episodes", "3"], 60.0),
        (["--duration", "30", "--headless"], 60.0),
        (["--episodes", "3", "--stop-wait", "5"], 5.0),
        (["--episodes", "3", "--stop-wait", "inf"], None),
        (["--stop-wait", "0"], 0.0),
        ([], None),
    ],
)
def test_a_run_with_an_end_that_nobody_watches_does_not_wait_for_ever(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], wait_s: float | None
) -> None:
    waits: list[float | None] = []

    def run(self: Station, _display: object) -> ExitCode:
        waits.append(self._options.stop_wait_s)
        return ExitCode.DONE

    monkeypatch.setattr(Station, "run", run)
    assert launch.main(["--policy", "scripted", *arguments]) == 0
    assert waits == [wait_s]


def test_where_no_terminal_shows_them_there_are_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[object] = []

    def run(_self: Station, display: ExpendableDisplay) -> int:
        used.append(display._opened)
        return 0

    monkeypatch.setattr(Station, "run", run)
    assert launch.main(["--policy", "scripted"]) == 0
    assert isinstance(used[0], Lines)


def test_the_first_lines_tell_the_page_and_the_stop_that_is_in_force(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Station, "run", lambda _self, _display: 0)
    path = tmp_path / "state" / "evenhand" / "aloha" / latch.NAME
    path.parent.mkdir(parents=True)
    cause = Cause(3, "policy_worker", "policy_worker died (by signal SIGKILL)")
    stop = Stop("4821", "hold", "launch", "2026-01-02", 0, 0, (cause,))
    latch.write(path, Latched("stopped", stop, 1.0, 4821))
    monkeypatch.setattr(StationConfig, "has_real_arms", True)
    options = ["--policy", "scripted", "--set", "dashboard.port=18360"]
    assert launch.main(options) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("dashboard: http://127.0.0.1:18")
    assert lines[2].startswith("STOPPED: event 4821")
    assert "policy_worker died (by signal SIGKILL)" in lines[2]
    assert "python -m safety reset 4821" in lines[3]
    monkeypatch.setattr(StationConfig, "has_real_arms", False)
    assert launch.main(options) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].startswith("of the real arms, which this launch does not move: STOPPED")
    assert not any("safety reset" in line for line in lines)


def test_a_page_that_is_switched_off_is_not_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Station, "run", lambda _self, _display: 0)
    assert launch.main(["--policy", "scripted", "--set", "dashboard.enabled=false"]) == 0
    assert "http" not in capsys.readouterr().out


def test_who_can_take_over_and_where_it_is_recorded_is_told_first(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Station, "run", lambda _self, _display: 0)
    place = str(tmp_path / "cube")
    collecting = ["--policy", "scripted", "--teleop", "scripted", "--record", place]
    assert launch.main([*collecting, "--set", "dashboard.enabled=false"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:3] == ["people take over by scripted", f"recording to {place}"]


def test_a_place_that_takes_no_recording_is_named_before_anything_starts(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    message = refused(capsys, "--policy", "scripted", "--record", str(tmp_path / "file" / "cube"))
    assert f"cannot record to {tmp_path / 'file' / 'cube'}" in message
    assert "--record DIR" in message
