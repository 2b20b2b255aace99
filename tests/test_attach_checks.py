"""The checks of an arm at its start: each names what is wrong and what to do."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import serial  # type: ignore[import-untyped]
from attaching import START, attach_and_let_go, attached
from emulated_arm import EmulatedArm, emulated_arm

from drivers.arm import ArmError
from drivers.arms import aloha
from drivers.dynamixel import registers as reg
from drivers.dynamixel.port import PortError
from drivers.dynamixel.serial_port import demand_short_latency

pytestmark = pytest.mark.alone


@pytest.fixture
def arm(tmp_path: Path) -> Iterator[EmulatedArm]:
    with emulated_arm(tmp_path, START, scheme="") as waiting:
        yield waiting


def settings(servo: int, register: reg.Register, value: int) -> Callable[[EmulatedArm], None]:
    def apply(arm: EmulatedArm) -> None:
        arm.servos[servo].table[register] = value

    return apply


def power_off(arm: EmulatedArm) -> None:
    arm.faults.powered = False


def overload(arm: EmulatedArm) -> None:
    arm.faults.happen("overload", 4)


def lose_two(arm: EmulatedArm) -> None:
    arm.faults.break_chain(6, 7)


def chatter(arm: EmulatedArm) -> None:
    arm.faults.chatter_hz = 100.0


def turn_away_a_shadow(arm: EmulatedArm) -> None:
    arm.servos[3].table[reg.HOMING_OFFSET] = 80


def stand_outside(arm: EmulatedArm) -> None:
    arm.plant.shafts[1].position_rad = -2.1


FAULTY = {
    "no motor answers": (power_off, ["no motor answers at 1000000 baud", "12 V", "scan"]),
    "two are missing": (lose_two, ["forearm_roll (id 6), wrist_angle (id 7)", "cable", "scan"]),
    "another model": (
        settings(8, reg.MODEL_NUMBER, 1060),
        ["wrist_rotate (id 8) is XL430-W250", "says XM430-W350", "correct the config"],
    ),
    "an unknown model": (settings(8, reg.MODEL_NUMBER, 350), ["is model 350", "correct"]),
    "a pair of two firmwares": (
        settings(5, reg.FIRMWARE_VERSION, 45),
        ["elbow (id 5) has firmware 45", "4 has 47", "update both"],
    ),
    "another master": (chatter, ["another program", "end it", "fuser"]),
    "a latched alert": (
        overload,
        ["latched elbow (id 4): overload", "support the arm", "reboot"],
    ),
    "another drive mode": (
        settings(7, reg.DRIVE_MODE, 0),
        ["wrist_angle (id 7): Drive_Mode is 0, should be 1", "calibrate registers"],
    ),
    "an offset": (
        settings(1, reg.HOMING_OFFSET, 700),
        ["waist (id 1): Homing_Offset is 700, should be 0", "calibrate registers"],
    ),
    "an offset that position mode ignores": (
        settings(3, reg.HOMING_OFFSET, 1500),
        ["shoulder (id 3): Homing_Offset is 1500, should be -1024 to 1024", "calibrate registers"],
    ),
    "a motor that may not use its strength": (
        settings(4, reg.PWM_LIMIT, 300),
        ["elbow (id 4): PWM_Limit is 300, should be 885", "calibrate registers"],
    ),
    "a current limit that nobody knows of": (
        settings(4, reg.CURRENT_LIMIT, 300),
        ["elbow (id 4): Current_Limit is 300, should be 2047", "Correct the config"],
    ),
    "torque that comes on by a goal": (
        settings(7, reg.DRIVE_MODE, 0b1001),
        ["wrist_angle (id 7): Drive_Mode is 9, should be 1", "calibrate registers"],
    ),
    "torque that comes on by itself": (
        settings(7, reg.STARTUP_CONFIGURATION, 1),
        ["wrist_angle (id 7): Startup_Configuration is 1, should be 0", "calibrate registers"],
    ),
    "other limits": (
        settings(2, reg.MAX_POSITION_LIMIT, 4095),
        ["shoulder (id 2): Max_Position_Limit is 4095, should be 2867", "Correct the config"],
    ),
    "a shadow of nobody": (
        settings(3, reg.SECONDARY_ID, 255),
        ["shoulder (id 3): Secondary_ID is 255, should be 2"],
    ),
    "a pair apart": (
        turn_away_a_shadow,
        ["shoulder: motors 2 and 3 read 80 ticks apart", "would fight", "calibrate shadows"],
    ),
    "a joint outside its limits": (stand_outside, ["shoulder stands at", "move it by hand"]),
}


@pytest.mark.parametrize("fault", FAULTY)
def test_what_is_wrong_is_named_with_its_remedy_and_nothing_moves(
    arm: EmulatedArm, fault: str
) -> None:
    happen, words = FAULTY[fault]
    happen(arm)
    with pytest.raises(ArmError) as refused:
        attached(arm)
    for word in words:
        assert word in str(refused.value)
    assert not arm.line.of(reg.TORQUE_ENABLE)
    arm.faults.clear()
    with serial.Serial(arm.profile.port, exclusive=True):
        pass  # the port is free again


def test_a_mode_that_differs_in_a_motor_that_holds_is_not_changed(arm: EmulatedArm) -> None:
    attach_and_let_go(arm)
    arm.servos[9].table[reg.OPERATING_MODE] = 3
    count = len(arm.line.writes)
    with pytest.raises(ArmError, match=r"Operating_Mode is 3, should be 5.*support it .* free"):
        attached(arm)
    assert len(arm.line.writes) == count
    assert arm.table(9, reg.TORQUE_ENABLE) == 1


@pytest.mark.parametrize(
    ("servo", "register", "value"),
    [
        (4, reg.BUS_WATCHDOG, -1),
        (4, reg.PROFILE_VELOCITY, 10),
        (4, reg.POSITION_P_GAIN, 100),
        (4, reg.GOAL_PWM, 100),
        (5, reg.GOAL_PWM, 100),
    ],
)
def test_a_motor_that_holds_but_would_not_follow_is_refused(
    arm: EmulatedArm, servo: int, register: reg.Register, value: int
) -> None:
    attach_and_let_go(arm)
    arm.servos[servo].table[register] = value
    count = len(arm.line.writes)
    with pytest.raises(ArmError, match=rf"elbow \(id {servo}\): {register.name} is {value},.*free"):
        attached(arm)
    assert len(arm.line.writes) == count


@pytest.mark.parametrize("servo", [4, 5])
def test_what_another_program_left_in_a_limp_motor_is_set_right(
    arm: EmulatedArm, servo: int
) -> None:
    left = {
        reg.GOAL_PWM: 100,
        reg.FEEDFORWARD_1ST_GAIN: 50,
        reg.PROFILE_VELOCITY: 30,
        reg.DRIVE_MODE: arm.table(servo, reg.DRIVE_MODE) | 0b100,
    }
    before = {register: arm.table(servo, register) for register in left}
    for register, value in left.items():
        arm.servos[servo].table[register] = value
    attach_and_let_go(arm)
    assert {register: arm.table(servo, register) for register in left} == before
    arm.assert_sound_goals()


@pytest.mark.parametrize("level", [0, 1])
@pytest.mark.parametrize("holds", [False, True])
def test_a_motor_that_was_told_to_say_nothing_is_told_to_answer(
    arm: EmulatedArm, level: int, holds: bool
) -> None:
    if holds:
        attach_and_let_go(arm)
    arm.servos[5].table[reg.STATUS_RETURN_LEVEL] = level
    attach_and_let_go(arm)
    assert arm.table(5, reg.STATUS_RETURN_LEVEL) == 2
    assert set(arm.torque().values()) == {1}
    arm.assert_sound_goals()


def test_a_port_that_is_not_there_is_named(arm: EmulatedArm) -> None:
    arm.ports.unplug("arm")
    with pytest.raises(ArmError, match=r"no port .*arm.*plug the arm's USB cable in"):
        attached(arm)


def test_a_port_that_another_program_has_open_is_refused(arm: EmulatedArm) -> None:
    with (
        serial.Serial(arm.profile.port, exclusive=True),
        pytest.raises(ArmError, match=r"in use by another program.*fuser -v"),
    ):
        attached(arm)
    attach_and_let_go(arm)


def test_a_port_that_may_not_be_opened_names_the_group(
    arm: EmulatedArm, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(serial, "Serial", refused)
    with pytest.raises(ArmError, match=r"no permission.*usermod -aG dialout"):
        attached(arm)


@pytest.fixture
def adapters() -> Iterator[Path]:
    """Return a stand-in for the system's list of USB serial adapters, with one that is slow."""
    directory = Path(tempfile.mkdtemp())
    (directory / "ttyUSB0").mkdir()
    (directory / "ttyUSB0" / "latency_timer").write_text("16\n", encoding="utf-8")
    yield directory
    shutil.rmtree(directory)


def test_a_slow_adapter_is_made_quick(adapters: Path) -> None:
    demand_short_latency("/dev/ttyUSB0", adapters)
    assert (adapters / "ttyUSB0" / "latency_timer").read_text(encoding="utf-8") == "1"


def test_an_adapter_that_stays_slow_is_refused_with_the_command_that_helps(
    adapters: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "write_text", _denied)
    with pytest.raises(PortError, match=r"16 ms, expected 1.*sudo tee.*udev rule"):
        demand_short_latency("/dev/ttyUSB0", adapters)


def test_the_adapter_is_judged_once_the_port_is_open(
    arm: EmulatedArm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To open it sets its latency timer where its file may not be written."""

    def judged(path: str) -> None:
        with pytest.raises(serial.SerialException):
            serial.Serial(path, exclusive=True)
        seen.append(path)

    seen: list[str] = []
    monkeypatch.setattr(aloha, "demand_short_latency", judged)
    attach_and_let_go(arm)
    assert seen == [arm.profile.port]


def _denied(*_: object, **__: object) -> None:
    raise PermissionError
