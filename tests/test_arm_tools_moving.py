from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from arm_tools_bench import Robot, robot
from emulated_arm import until

from drivers.dynamixel.registers import (
    GOAL_POSITION,
    HARDWARE_ERROR_STATUS,
    MIDDLE_TICK,
    RAD_PER_TICK,
    TORQUE_ENABLE,
)
from station.config import load

pytestmark = pytest.mark.alone

NEAR_REST = {"shoulder": -1.7, "elbow": 1.5, "wrist_angle": 0.75}
AT_REST = {"shoulder": -1.8, "elbow": 1.55, "wrist_angle": 0.8}
ALL = {1, 2, 3, 4, 5, 6, 7, 8, 9}


@pytest.fixture(autouse=True)
def _wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")


def test_an_arm_is_brought_to_rest_and_let_go(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with robot(tmp_path, "left", "right", poses={"left": NEAR_REST}) as arms:
        arms.hold("left")
        assert arms.run("rest", answers=["yes"]) == 0
        assert arms.holding("left", TORQUE_ENABLE) == set()
        for joint, angle in AT_REST.items():
            assert arms.shaft("left", joint).position_rad == pytest.approx(angle, abs=0.02)
    text = capsys.readouterr().out
    assert "arm right is limp already" in text
    assert "arm left: to rest in" in text
    assert "arm left lies at rest, torque off" in text


def test_without_consent_no_arm_moves(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with robot(tmp_path, "left", poses={"left": NEAR_REST}) as arms:
        arms.put("left", 1, TORQUE_ENABLE, 1)
        assert arms.run("rest", "--arm", "left", answers=["n"]) == 1
        assert arms.holding("left", TORQUE_ENABLE) == {1}
    assert "nothing was done" in capsys.readouterr().err


def test_the_way_to_rest_keeps_a_third_of_the_limits(tmp_path: Path) -> None:
    with robot(tmp_path, "left", poses={"left": {"shoulder": -1.0, "elbow": 1.0}}) as arms:
        arms.hold("left")
        speeds: list[float] = []
        shaft = arms.shaft("left", "shoulder")
        with _watching(lambda: speeds.append(abs(shaft.velocity_rad_s))):
            assert arms.run("rest", "--arm", "left", "--yes") == 0
    assert 0.5 < max(speeds) < 1.2  # the servo's own way of following adds a little


@pytest.fixture
def _not_under_nohup() -> Iterator[None]:
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("_not_under_nohup")
@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGTSTP"])
def test_a_signal_on_the_way_leaves_the_arm_holding(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], number: str
) -> None:
    with robot(tmp_path, "left") as arms:
        arms.hold("left")
        shoulder = arms.shaft("left", "shoulder")
        with _once(lambda: shoulder.position_rad < -0.5, lambda: _send(number)):
            assert arms.run("rest", "--arm", "left", "--yes") == 1
        assert arms.holding("left", TORQUE_ENABLE) == ALL
        assert -1.5 < shoulder.position_rad < -0.5
        until(lambda: abs(shoulder.velocity_rad_s) < 0.01, "the arm to stand")
    assert "arm left holds where it is, torque on" in capsys.readouterr().err


def test_an_arm_that_something_holds_up_keeps_its_torque(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with robot(tmp_path, "left", poses={"left": {"shoulder": -0.8}}) as arms:
        arms.hold("left")
        arms.shaft("left", "shoulder").range_rad = (-1.0, 1.0)
        assert arms.run("rest", "--arm", "left", "--yes") == 1
        assert arms.holding("left", TORQUE_ENABLE) == ALL
        assert _told_rad(arms, 2) == pytest.approx(-1.0, abs=0.02)  # it does not push any more
    assert "something is in its way" in capsys.readouterr().err


def test_an_arm_that_does_not_quite_reach_its_rest_keeps_its_torque(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with robot(tmp_path, "left", poses={"left": {"shoulder": -1.5}}) as arms:
        arms.hold("left")
        arms.shaft("left", "shoulder").range_rad = (-1.66, 1.0)
        assert arms.run("rest", "--arm", "left", "--yes") == 1
        assert arms.holding("left", TORQUE_ENABLE) == ALL
        assert _told_rad(arms, 2) == pytest.approx(-1.66, abs=0.02)
    assert "shoulder (id 2) has drawn 4.4 A for too long" in capsys.readouterr().err


def test_a_motor_that_gives_up_on_the_way_leaves_the_others_holding(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with robot(tmp_path, "left") as arms:
        arms.hold("left")
        shoulder = arms.shaft("left", "shoulder")
        faults = arms.lines["left"].faults
        with _once(lambda: shoulder.position_rad < -0.3, lambda: faults.happen("overload", 8)):
            assert arms.run("rest", "--arm", "left", "--yes") == 1
        assert arms.holding("left", TORQUE_ENABLE) == ALL - {8}
    assert "wrist_rotate (id 8) has latched: overload" in capsys.readouterr().err


def test_a_port_that_is_unplugged_on_the_way_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with robot(tmp_path, "left") as arms:
        arms.hold("left")
        shoulder = arms.shaft("left", "shoulder")
        with _once(lambda: shoulder.position_rad < -0.3, lambda: arms.ports.unplug("left")):
            assert arms.run("rest", "--arm", "left", "--yes") == 1
        arms.ports.plug("left")
        assert arms.holding("left", TORQUE_ENABLE) == ALL
    assert "was unplugged" in capsys.readouterr().err


def test_an_arm_with_a_latched_error_is_not_moved(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with robot(tmp_path, "left") as arms:
        arms.hold("left")
        _overload(arms, 8)
        assert arms.run("rest", "--arm", "left", "--yes") == 1
        assert arms.holding("left", TORQUE_ENABLE) == ALL - {8}
    assert "`python -m drivers reboot`" in capsys.readouterr().err


def test_rest_names_what_a_limp_arm_has_latched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with robot(tmp_path, "left", "right") as arms:
        _overload(arms, 8)
        assert arms.run("rest") == 1
    said = capsys.readouterr()
    assert "arm left is limp, and has latched wrist_rotate (id 8): overload" in said.err
    assert "`python -m drivers reboot --arm left`" in said.err
    assert "arm right is limp already: nothing to do" in said.out


def test_arms_are_freed_after_the_phrase(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with robot(tmp_path, "left", "right") as arms:
        for name in ("left", "right"):
            arms.hold(name)
        chosen = ["--arm", "right", "--arm", "left"]
        assert arms.run("free", *chosen, answers=["the arms will fall"]) == 0
        for name in ("left", "right"):
            assert arms.holding(name, TORQUE_ENABLE) == set()
    assert "torque off now: right, left" in capsys.readouterr().out


@pytest.mark.parametrize("typed", ["", "y", "yes", "The arms will fall", "the arms will fall!"])
def test_arms_are_not_freed_by_anything_else(
    typed: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with robot(tmp_path, "left") as arms:
        arms.put("left", 1, TORQUE_ENABLE, 1)
        assert arms.run("free", "--arm", "left", answers=[typed]) == 1
        assert arms.holding("left", TORQUE_ENABLE) == {1}
    assert "nothing was done" in capsys.readouterr().err


def test_an_arm_that_is_not_there_does_not_keep_the_others_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with robot(tmp_path, "right") as arms:
        arms.put("right", 1, TORQUE_ENABLE, 1)
        assert arms.run("free", answers=["the arms will fall"]) == 1
        assert arms.holding("right", TORQUE_ENABLE) == set()
    text = capsys.readouterr().out
    assert "arm left: no port" in text
    assert "arm right: torque off" in text


def test_a_motor_that_does_not_confirm_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with robot(tmp_path, "left") as arms:
        arms.put("left", 7, TORQUE_ENABLE, 1)
        arms.lines["left"].faults.break_chain(7)
        assert arms.run("free", "--arm", "left", answers=["the arms will fall"]) == 1
    assert "wrist_angle (id 7) do not say that they let go" in capsys.readouterr().out


def test_latched_motors_are_restarted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with robot(tmp_path, "left") as arms:
        arms.hold("left")
        _overload(arms, 7)
        assert arms.run("reboot", "--arm", "left", answers=["it goes limp"]) == 0
        assert arms.holding("left", HARDWARE_ERROR_STATUS) == set()
        assert arms.holding("left", TORQUE_ENABLE) == ALL - {7}
    text = capsys.readouterr().out
    assert "restarts wrist_angle (id 7): overload, torque off" in text
    assert "wrist_angle (id 7): no error, torque off" in text


def test_a_named_motor_is_restarted_even_if_it_is_well(tmp_path: Path) -> None:
    with robot(tmp_path, "left") as arms:
        arms.hold("left")
        answers = ["it goes limp"]
        assert arms.run("reboot", "--arm", "left", "--motor", "9", answers=answers) == 0
        assert arms.holding("left", TORQUE_ENABLE) == ALL - {9}


def test_no_motor_is_restarted_without_the_phrase(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with robot(tmp_path, "left") as arms:
        arms.hold("left")
        _overload(arms, 7)
        assert arms.run("reboot", "--arm", "left", answers=["y"]) == 1
        assert arms.holding("left", HARDWARE_ERROR_STATUS) == {7}
    assert "nothing was done" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--arm", "left", "--motor", "77"], "has no motor 77"),
        (["--motor", "7"], "give one --arm with --motor"),
    ],
)
def test_a_motor_that_is_not_there_is_refused(
    options: list[str], text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with robot(tmp_path) as arms:
        assert arms.run("reboot", *options) == 1
    assert text in capsys.readouterr().err


def test_healthy_motors_are_not_restarted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with robot(tmp_path, "left") as arms:
        assert arms.run("reboot", "--arm", "left") == 0
    assert "no motor has latched an error" in capsys.readouterr().out


def test_latency_is_measured_and_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with robot(tmp_path, "left") as arms:
        arms.hold("left")
        shaft = arms.shaft("left", "waist")
        places: list[float] = []
        with _watching(lambda: places.append(shaft.position_rad)):
            code = arms.run("latency", "--arm", "left", "--joint", "waist", answers=["y"])
        assert code == 0
        assert max(map(abs, places)) <= 0.06
        assert arms.holding("left", TORQUE_ENABLE) == ALL
        latencies = load(arms.file, []).arms["left"].latency_s
        # 30 ms of the shaft, 5 ms in the middle of a command's 10, and the bus
        assert latencies == {"waist": pytest.approx(0.038, abs=0.006)}
        assert (tmp_path / "runs" / "latency_left.png").exists()
    assert "waist" in capsys.readouterr().out


def test_latency_moves_nothing_without_consent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with robot(tmp_path, "left") as arms:
        assert arms.run("latency", "--arm", "left", answers=[""]) == 1
        assert arms.holding("left", TORQUE_ENABLE) == set()
    assert "nothing was done" in capsys.readouterr().err


def test_latency_needs_room_to_move(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with robot(tmp_path, "left", poses={"left": {"shoulder": -1.845}}) as arms:
        code = arms.run("latency", "--arm", "left", "--joint", "shoulder", "--yes")
        assert code == 1
        assert not arms.calibration.exists()
    said = capsys.readouterr()
    assert "shoulder is left out" in said.out
    assert "no joint has room to move" in said.err


def test_latency_of_an_unknown_joint_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with robot(tmp_path) as arms:
        assert arms.run("latency", "--joint", "knee") == 1
    assert "no joint 'knee'; it has waist" in capsys.readouterr().err


def test_latency_of_a_joint_that_does_not_follow_is_not_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with robot(tmp_path, "left") as arms:
        arms.shaft("left", "waist").range_rad = (0.0, 0.0)
        assert arms.run("latency", "--arm", "left", "--joint", "waist", "--yes") == 1
        assert not arms.calibration.exists()
    assert "waist did not follow the commands well" in capsys.readouterr().err


def test_ctrl_c_ends_a_measurement_holding(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with robot(tmp_path, "left") as arms:
        arms.hold("left")
        shaft = arms.shaft("left", "waist")
        with _once(lambda: abs(shaft.position_rad) > 0.02, lambda: _send("SIGINT")):
            code = arms.run("latency", "--arm", "left", "--joint", "waist", "--yes")
        assert code == 1
        assert arms.holding("left", TORQUE_ENABLE) == ALL
        assert not arms.calibration.exists()
    assert "torque on" in capsys.readouterr().err


def _overload(arms: Robot, servo: int) -> None:
    arms.lines["left"].faults.happen("overload", servo)
    until(lambda: arms.get("left", servo, HARDWARE_ERROR_STATUS), "the error to latch")


def _told_rad(arms: Robot, servo: int) -> float:
    return (arms.get("left", servo, GOAL_POSITION) - MIDDLE_TICK) * RAD_PER_TICK


def _send(number: str) -> None:
    os.kill(os.getpid(), signal.Signals[number])


@contextmanager
def _watching(look: Callable[[], object]) -> Iterator[None]:
    """Look every two milliseconds, for as long as the block lasts."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.002):
            look()

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


@contextmanager
def _once(happened: Callable[[], bool], then: Callable[[], None]) -> Iterator[None]:
    """Do something when something has happened during the block."""
    left = [then]

    def look() -> None:
        if left and happened():
            left.pop()()

    with _watching(look):
        yield
    assert not left, "it did not happen"
