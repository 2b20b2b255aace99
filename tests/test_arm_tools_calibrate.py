from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from arm_tools_bench import Robot, robot

from drivers.dynamixel.registers import (
    DRIVE_MODE,
    GOAL_PWM,
    HOMING_OFFSET,
    MIN_POSITION_LIMIT,
    OPERATING_MODE,
    PRESENT_POSITION,
    SECONDARY_ID,
    TORQUE_ENABLE,
    Register,
)
from simulation.servos.first_order import FirstOrder, Shaft
from station.config import load

pytestmark = pytest.mark.alone


@pytest.fixture(autouse=True)
def _wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")


def test_registers_are_written_as_the_config_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with robot(tmp_path, "left") as arms:
        arms.put("left", 3, SECONDARY_ID, 255)
        arms.put("left", 2, DRIVE_MODE, 4)
        arms.put("left", 4, MIN_POSITION_LIMIT, 0)
        assert arms.run("calibrate", "registers", "--arm", "left", answers=["y"]) == 0
        assert arms.get("left", 3, SECONDARY_ID) == 2
        assert arms.get("left", 2, DRIVE_MODE) == 1
        assert arms.get("left", 4, MIN_POSITION_LIMIT) == 898
        assert arms.get("left", 9, OPERATING_MODE) == 5
        assert arms.run("calibrate", "registers", "--arm", "left") == 0
    text = capsys.readouterr().out
    assert "shoulder (id 2): Drive_Mode 4 -> 1" in text
    assert "all registers are as the config says" in text


def test_registers_stay_if_nobody_agrees(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with robot(tmp_path, "left") as arms:
        assert arms.run("calibrate", "registers", "--arm", "left", answers=[""]) == 1
        assert arms.get("left", 9, OPERATING_MODE) == 3
    assert "nothing was done" in capsys.readouterr().err


def test_registers_of_an_arm_that_holds_are_not_touched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with robot(tmp_path, "left") as arms:
        arms.put("left", 1, TORQUE_ENABLE, 1)
        assert arms.run("calibrate", "registers", "--arm", "left", "--yes") == 1
        assert arms.get("left", 9, OPERATING_MODE) == 3
    error = capsys.readouterr().err
    assert "waist (id 1) hold" in error
    assert "`python -m drivers rest --arm left`" in error


def test_registers_of_a_wrong_model_are_not_touched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = "arms.left.config.motors.waist={id: 1, model: XM430-W350}"
    with robot(tmp_path, "left") as arms:
        assert arms.run("calibrate", "registers", "--arm", "left", "--yes", "--set", other) == 1
        assert arms.get("left", 9, OPERATING_MODE) == 3
    assert "the config says XM430-W350" in capsys.readouterr().err


def test_shadows_are_made_to_agree(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    poses = {"left": {"shoulder": -0.7, "elbow": 0.4}}
    with robot(tmp_path, "left", poses=poses) as arms:
        arms.put("left", 3, HOMING_OFFSET, 300)
        arms.put("left", 5, HOMING_OFFSET, -120)
        assert arms.run("calibrate", "shadows", "--arm", "left", answers=[""]) == 0
        for motor, shadow in ((2, 3), (4, 5)):
            apart = arms.get("left", shadow, PRESENT_POSITION)
            apart -= arms.get("left", motor, PRESENT_POSITION)
            assert abs(apart) <= 1
        assert arms.run("check", "--arm", "left") == 0
    assert "it was 300 ticks off motor 2, now" in capsys.readouterr().out


def test_an_offset_that_is_not_applied_is_not_taken_for_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with robot(tmp_path, "left", poses={"left": {"shoulder": -0.7}}) as arms:
        arms.put("left", 3, HOMING_OFFSET, 1500)
        arms.put("left", 5, HOMING_OFFSET, 1500)
        arms.put("left", 5, OPERATING_MODE, 4)  # in which it is
        assert arms.run("calibrate", "shadows", "--arm", "left", answers=[""]) == 0
        assert [arms.get("left", servo, HOMING_OFFSET) for servo in (3, 5)] == [0, 0]
    text = capsys.readouterr().out
    assert "motor 3 1500 -> 0; it was 0 ticks off motor 2, now 0" in text
    assert "motor 5 1500 -> 0; it was 1500 ticks off motor 4, now 0" in text


def test_a_shadow_too_far_off_is_a_matter_of_its_horn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with robot(tmp_path, "left") as arms:
        elbow = arms.shaft("left", "elbow")
        askew = Shaft({5: elbow.motors[5]}, elbow.position_rad + 2.0)
        arms.lines["left"].servos[5].mount(FirstOrder([askew]))
        assert arms.run("calibrate", "shadows", "--arm", "left", answers=[""]) == 1
        assert arms.get("left", 5, HOMING_OFFSET) == 0
    assert "motor 5 stands 1304 ticks off" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("what", "servo", "register", "value", "said"),
    [
        ("shadows", 2, HOMING_OFFSET, 900, "shoulder (id 2): Homing_Offset is 900, should be 0"),
        ("shadows", 3, DRIVE_MODE, 1, "shoulder (id 3): Drive_Mode is 1, should be 0"),
        ("gripper", 9, HOMING_OFFSET, 400, "gripper (id 9): Homing_Offset is 400, should be 0"),
    ],
)
def test_nothing_is_measured_by_positions_that_mean_something_else(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    what: str,
    servo: int,
    register: Register,
    value: int,
    said: str,
) -> None:
    with robot(tmp_path, "left") as arms:
        arms.put("left", servo, register, value)
        assert arms.run("calibrate", what, "--arm", "left") == 1
    error = capsys.readouterr().err
    assert said in error
    assert "`python -m drivers calibrate registers --arm left`" in error


def test_offsets_that_were_left_are_found_written_and_the_pair_is_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with robot(tmp_path, "left") as arms:
        for servo, offset in ((1, 700), (9, 400), (2, 300), (3, 300)):
            arms.put("left", servo, HOMING_OFFSET, offset)
        arms.put("left", 6, GOAL_PWM, 100)
        assert arms.run("check", "--arm", "left") == 1
        found = capsys.readouterr().out
        assert arms.run("calibrate", "registers", "--arm", "left", answers=["y"]) == 0
        written = capsys.readouterr().out
        assert [arms.get("left", servo, HOMING_OFFSET) for servo in (1, 2, 9)] == [0, 0, 0]
        assert arms.get("left", 6, GOAL_PWM) == 885
        assert arms.run("calibrate", "shadows", "--arm", "left", answers=[""]) == 0
        assert arms.run("check", "--arm", "left") == 0
    for motor in ("waist (id 1): Homing_Offset is 700", "gripper (id 9): Homing_Offset is 400"):
        assert f"{motor}, should be 0" in found
    assert "waist (id 1): Homing_Offset 700 -> 0" in written
    assert "forearm_roll (id 6): Goal_PWM 100 -> 885" in written
    assert "next: " in written
    assert "`python -m drivers calibrate shadows`" in written


def test_shadows_of_an_arm_that_holds_are_not_touched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with robot(tmp_path, "left") as arms:
        arms.hold("left")
        assert arms.run("calibrate", "shadows", "--arm", "left") == 1
    assert "is not limp" in capsys.readouterr().err


def test_shadows_need_all_motors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with robot(tmp_path, "left") as arms:
        arms.lines["left"].faults.break_chain(3)
        assert arms.run("calibrate", "shadows", "--arm", "left") == 1
    assert "no answer from shoulder (id 3)" in capsys.readouterr().err


def test_a_gripper_is_measured_and_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with robot(tmp_path, "right") as arms:
        answers = [_gripper_at(arms, -0.55), _gripper_at(arms, 1.4)]
        assert arms.run("calibrate", "gripper", "--arm", "right", answers=answers) == 0
        kept = load(arms.file, []).arms["right"].config["gripper"]
        assert kept["closed_rad"] == pytest.approx(-0.55, abs=0.001)
        assert kept["open_rad"] == pytest.approx(1.4, abs=0.001)
        assert kept["horn_m"] == 0.022
        assert load(arms.file, []).arms["left"].config["gripper"]["closed_rad"] == -0.6213
        note, *_ = arms.calibration.read_text(encoding="utf-8").splitlines()
    assert note.startswith("# arms.right.config.gripper: 20")
    assert note.endswith("by `python -m drivers calibrate gripper`")
    assert "was -0.6213" in capsys.readouterr().out


def test_what_was_kept_before_stays(tmp_path: Path) -> None:
    with robot(tmp_path, "right") as arms:
        arms.calibration.write_text(
            "# arms.left.latency_s: before\n# arms.right.config.gripper: before\n"
            "arms: {left: {latency_s: {waist: 0.03}}}\n",
            encoding="utf-8",
        )
        answers = [_gripper_at(arms, -0.55), _gripper_at(arms, 1.4)]
        assert arms.run("calibrate", "gripper", "--arm", "right", answers=answers) == 0
        text = arms.calibration.read_text(encoding="utf-8")
    assert yaml.safe_load(text)["arms"]["left"] == {"latency_s": {"waist": 0.03}}
    assert "# arms.left.latency_s: before" in text
    assert text.count("# arms.right.config.gripper: ") == 1


def test_a_gripper_that_was_not_moved_is_not_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with robot(tmp_path, "right") as arms:
        assert arms.run("calibrate", "gripper", "--arm", "right", answers=["", ""]) == 1
        assert not arms.calibration.exists()
    assert "move it all the way by hand" in capsys.readouterr().err


def test_a_gripper_that_holds_is_not_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with robot(tmp_path, "right") as arms:
        arms.put("right", 9, TORQUE_ENABLE, 1)
        assert arms.run("calibrate", "gripper", "--arm", "right") == 1
    assert "gripper (id 9) holds" in capsys.readouterr().err


def test_a_measurement_that_the_config_refuses_leaves_the_file_as_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with robot(tmp_path, "right") as arms:
        narrow = "arms: {right: {config: {motors: {gripper: {ticks: [1000, 3100]}}}}}\n"
        arms.calibration.write_text(narrow, encoding="utf-8")
        answers = [_gripper_at(arms, -0.55), _gripper_at(arms, 2.0)]
        assert arms.run("calibrate", "gripper", "--arm", "right", answers=answers) == 1
        assert arms.calibration.read_text(encoding="utf-8") == narrow
    assert "it was not kept" in capsys.readouterr().err


def test_a_leader_is_measured_against_its_follower(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    poses = {"left": {"waist": 0.1, "elbow": 0.5}, "leader_left": {"elbow": 0.55}}
    with robot(tmp_path, "left", "leader_left", poses=poses) as arms:
        arms.hold("left")
        answers = ["", "y"]
        assert arms.run("calibrate", "leaders", "--arm", "leader_left", answers=answers) == 0
        zeros = load(arms.file, []).leaders["left"].config["zero_rad"]
    assert zeros["waist"] == pytest.approx(0.1, abs=0.002)
    assert zeros["elbow"] == pytest.approx(-0.05, abs=0.002)
    assert zeros["shoulder"] == 0.0
    assert "gripper" not in zeros
    assert "elbow         -0.0" in capsys.readouterr().out


def test_leaders_in_another_pose_are_not_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with robot(tmp_path, "left", "leader_left", poses={"left": {"waist": 0.5}}) as arms:
        assert arms.run("calibrate", "leaders", "--arm", "leader_left", answers=[""]) == 1
        assert not arms.calibration.exists()
    assert "waist differ by more than 0.2 rad" in capsys.readouterr().err


def test_a_leader_that_holds_is_not_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with robot(tmp_path, "left", "leader_left") as arms:
        arms.put("leader_left", 1, TORQUE_ENABLE, 1)
        assert arms.run("calibrate", "leaders", "--arm", "leader_left") == 1
    assert "it must be moved by hand" in capsys.readouterr().err


def test_leaders_cannot_be_measured_without_leaders(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with robot(tmp_path) as arms:
        assert arms.run("calibrate", "leaders", "--arm", "left") == 1
    assert "no leader" in capsys.readouterr().err


def _gripper_at(arms: Robot, angle_rad: float) -> Callable[[], str]:
    def move() -> str:
        arms.shaft("right", "gripper").position_rad = angle_rad
        return ""

    return move
