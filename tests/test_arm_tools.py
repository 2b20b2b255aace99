from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from arm_tools_bench import PORTS, Robot, robot

from drivers.dynamixel.registers import (
    DRIVE_MODE,
    GOAL_PWM,
    HARDWARE_ERROR_STATUS,
    HOMING_OFFSET,
    STATUS_RETURN_LEVEL,
    TORQUE_ENABLE,
)
from station.arm_tools.main import TOOLS, main
from station.arm_tools.request import connected
from station.arm_tools.scan import Adapter, Place, guesses, places, udev_rule
from station.arm_tools.watch import bar

pytestmark = pytest.mark.alone

PLAIN_COMMANDS = {
    "scan": ["scan"],
    "check": ["check"],
    "watch": ["watch", "--once"],
    "registers": ["calibrate", "registers"],
    "shadows": ["calibrate", "shadows"],
    "gripper": ["calibrate", "gripper"],
    "leaders": ["calibrate", "leaders"],
    "rest": ["rest"],
    "free": ["free"],
    "reboot": ["reboot"],
    "latency": ["latency", "--yes"],
}


@pytest.fixture(autouse=True)
def interrupts() -> Iterator[None]:
    """Let SIGINT interrupt, also where the tests run in the background of a shell."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True)
def _wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")


def test_without_a_command_all_tools_are_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    text = capsys.readouterr().out
    assert all(name in text and tool.effect in text for name, tool in TOOLS.items())


@pytest.mark.parametrize("name", PLAIN_COMMANDS)
def test_a_missing_port_is_named_with_its_remedy(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with robot(tmp_path) as absent:
        answers = ["the arms will fall"] if name == "free" else []
        assert absent.run(*PLAIN_COMMANDS[name], answers=answers) == 1
    said = capsys.readouterr()
    text = said.out + said.err
    assert str(tmp_path / "ttyDXL_") in text
    assert "plug the arm's USB cable in" in text


def test_an_arm_that_the_config_does_not_have_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with robot(tmp_path) as absent:
        assert absent.run("check", "--arm", "middle") == 1
    assert "no arm 'middle'; there are: leader_left" in capsys.readouterr().err


def test_a_wrong_setting_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with robot(tmp_path) as absent:
        assert absent.run("check", "--set", "nonsense=1") == 1
    assert "nonsense: no such key" in capsys.readouterr().err


def test_ctrl_c_at_a_question_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt() -> str:
        os.kill(os.getpid(), signal.SIGINT)
        return "the arms will fall"

    with robot(tmp_path, "left") as arms:
        arms.hold("left")
        assert arms.run("free", answers=[interrupt]) == 130
        assert arms.holding("left", TORQUE_ENABLE) == set(arms.arms["left"].profile.ids)
    assert "torque is as it was" in capsys.readouterr().out


def test_nobody_at_the_terminal_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("builtins.input", lambda _: (_ for _ in ()).throw(EOFError))
    with robot(tmp_path, "left") as arms:
        assert main(["free", "--arm", "left", "--config", str(arms.file)]) == 1
    assert "run it in a terminal" in capsys.readouterr().err


def test_scan_shows_what_answers_and_whose_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with robot(tmp_path, "leader_left") as arms:
        assert arms.run("scan", "--arm", "leader_left") == 0
    text = capsys.readouterr().out
    assert "ttyDXL_leader_left: arm leader_left" in text
    rows = [line.split() for line in text.splitlines() if line.strip().startswith("1000000")]
    assert ["1000000", "8", "XL430-W250", "47", "wrist_rotate"] in rows
    assert ["1000000", "3", "XM430-W350", "47", "shoulder", "(shadow)"] in rows
    assert len(rows) == 9


def test_scan_names_missing_motors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with robot(tmp_path, "left") as arms:
        arms.lines["left"].faults.break_chain(5, 9)
        assert arms.run("scan", "--arm", "left") == 1
    assert "missing: 5, 9" in capsys.readouterr().out


def test_scan_names_motors_of_another_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with robot(tmp_path, "left") as arms:
        other = [
            "--set",
            "arms.left.config.motors.wrist_rotate={id: 8, model: XM540-W270}",
        ]
        assert arms.run("scan", "--arm", "left", *other) == 1
    assert "of another model than the config says: 8" in capsys.readouterr().out


@pytest.mark.slow
def test_scan_asks_at_every_rate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with robot(tmp_path, "left") as arms:
        assert arms.run("scan", "--arm", "left", "--bauds") == 0
    rates = {line.split()[0] for line in capsys.readouterr().out.splitlines() if "waist" in line}
    # An emulated line answers at any rate.
    assert rates >= {"57600", "115200", "1000000", "2000000", "3000000", "4000000"}


def test_an_adapter_is_found_behind_an_arms_link(tmp_path: Path) -> None:
    with robot(tmp_path, "left") as arms:
        left = arms.arms["left"]
        device = str(Path(left.profile.port).resolve())
        adapter = Adapter(device, "FT1", 0x0403, 0x6014)
        spare = Adapter("/dev/ttyUSB7", "FT2", 0x0403, 0x6014)
        assert places([left], [adapter, spare], alone=False) == [
            Place(left.profile.port, left, adapter),
            Place("/dev/ttyUSB7", None, spare),
        ]
        assert len(places([left], [adapter, spare], alone=True)) == 1


def test_the_rule_names_an_adapter_by_its_serial_number(tmp_path: Path) -> None:
    with robot(tmp_path, "left") as arms:
        adapter = Adapter("/dev/ttyUSB0", "FT5WJ6Z1", 0x0403, 0x6014)
        here = udev_rule(Place("/dev/ttyUSB0", arms.arms["left"], adapter), [])
        assert here is not None
        assert 'ATTRS{serial}=="FT5WJ6Z1"' in here
        assert 'ATTR{device/latency_timer}="1"' in here
        assert 'SYMLINK+="ttyDXL_follower_left"' in here
        unknown = udev_rule(Place("/dev/ttyUSB0", None, adapter), arms.arms.values())
        assert unknown is not None
        assert "<ttyDXL_follower_right or ttyDXL_leader_left or ttyDXL_leader_right>" in unknown
        nameless = Adapter("/dev/ttyUSB0", None, 0x0403, 0x6014)
        assert udev_rule(Place("/dev/ttyUSB0", None, nameless), []) is None


def test_scan_shows_adapters_that_are_no_arms_yet_and_how_to_name_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with robot(tmp_path, "left", "leader_right") as arms:
        ports = [
            SimpleNamespace(
                device=str(Path(arms.arms[name].profile.port).resolve()),
                serial_number=f"FT_{name}",
                vid=vendor,
                pid=0x6014,
            )
            for name, vendor in (("left", 0x0403), ("leader_right", 0x0403), ("right", 0x2341))
        ]
        monkeypatch.setattr("station.arm_tools.scan.list_ports.comports", lambda: ports)
        moved = [f"leaders.{side}.config.port=/nowhere/{side}" for side in ("left", "right")]
        settings = [word for text in moved for word in ("--set", text)]
        assert arms.run("scan", *settings) == 1
    text = capsys.readouterr().out
    assert "arm left, adapter /dev/pts/" in text
    assert "no arm of the config is here; could be: leader_left (/nowhere/left), leader" in text
    assert 'ATTRS{serial}=="FT_left"' in text
    assert 'ATTRS{serial}=="FT_leader_right"' in text
    assert "FT_right" not in text  # not a servo adapter: it is not even asked


def test_unknown_arms_are_guessed_by_their_motors(tmp_path: Path) -> None:
    with robot(tmp_path, "leader_right") as arms, connected(arms.arms["leader_right"]) as bus:
        likely = guesses(bus.scan(), arms.arms.values())
    assert [arm.name for arm in likely] == ["leader_left", "leader_right"]


def test_check_finds_nothing_wrong_with_sound_arms(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with robot(tmp_path, *PORTS) as arms:
        before = _tables(arms)
        assert arms.run("check") == 0
        assert _tables(arms) == before
    text = capsys.readouterr().out
    assert text.count("arm ") == 4
    assert " wrong " not in text
    assert text.count("limp") == 4


def test_check_goes_on_past_a_missing_motor(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with robot(tmp_path, "left") as arms:
        arms.put("left", 2, DRIVE_MODE, 0)
        arms.lines["left"].faults.break_chain(5)
        assert arms.run("check", "--arm", "left") == 1
    text = capsys.readouterr().out
    assert "no answer from elbow (id 5)" in text
    assert "shoulder (id 2): Drive_Mode is 0, should be 1" in text
    assert "failed checks: 2" in text


def test_check_says_when_no_motor_answers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with robot(tmp_path, "left") as arms:
        arms.lines["left"].faults.powered = False
        assert arms.run("check", "--arm", "left") == 1
    assert "switch the 12 V on" in capsys.readouterr().out


def test_check_names_a_wrong_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with robot(tmp_path, "left") as arms:
        other = "arms.left.config.motors.waist={id: 1, model: XM430-W350}"
        assert arms.run("check", "--arm", "left", "--set", other) == 1
    assert "waist (id 1) is XM540-W270, the config says XM430-W350" in capsys.readouterr().out


def test_check_names_latched_errors_fighting_shadows_and_torque(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with robot(tmp_path, "left") as arms:
        arms.put("left", 3, HOMING_OFFSET, 60)
        for servo in (1, 6):
            arms.put("left", servo, TORQUE_ENABLE, 1)
        _overload(arms, 8)
        assert arms.run("check", "--arm", "left") == 1
    text = capsys.readouterr().out
    assert "latched wrist_rotate (id 8): overload" in text
    assert "motors 2 and 3 read 60 ticks apart" in text
    assert "only waist (id 1), forearm_roll (id 6) hold" in text


def test_check_says_what_a_launch_sets_by_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    with robot(tmp_path, "left") as arms:
        arms.put("left", 1, GOAL_PWM, 100)
        before = _tables(arms)
        assert arms.run("check", "--arm", "left") == 0
        assert _tables(arms) == before
    said = "a launch sets waist (id 1): Goal_PWM 100 -> 885, gripper (id 9): Operating_Mode 3 -> 5"
    assert said in capsys.readouterr().out


def test_check_names_a_motor_that_answers_nothing_but_pings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with robot(tmp_path, "left") as arms:
        arms.lines["left"].servos[7].table[STATUS_RETURN_LEVEL] = 0
        assert arms.run("check", "--arm", "left") == 1
        assert arms.run("calibrate", "registers", "--arm", "left", answers=["y"]) == 0
        assert arms.run("check", "--arm", "left") == 0
    assert "wrist_angle (id 7): Status_Return_Level is 0" in capsys.readouterr().out


def test_check_names_a_joint_beyond_its_motors_limits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with robot(tmp_path, "left", poses={"left": {"shoulder": 1.6}}) as arms:
        assert arms.run("check", "--arm", "left") == 1
    assert "beyond its motor's limits 841..2867" in capsys.readouterr().out


def test_watch_shows_every_motor_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with robot(tmp_path, "left", poses={"left": {"elbow": 1.0}}) as arms:
        arms.put("left", 1, TORQUE_ENABLE, 1)
        arms.put("left", 5, HOMING_OFFSET, 60)
        arms.lines["left"].faults.break_chain(8)
        _overload(arms, 9)
        before = _tables(arms)
        assert arms.run("watch", "--once", "--arm", "left") == 0
        assert _tables(arms) == before
    rows = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert " on " in rows["waist"]
    assert "1.000" in rows["elbow"]
    assert "60 ticks off 4" in rows["its"]
    assert "no answer" in rows["wrist_rotate"]
    assert "overload" in rows["gripper"]


def test_watch_fails_and_says_why_if_no_motor_of_an_arm_answers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with robot(tmp_path, "left") as arms:
        arms.lines["left"].faults.powered = False
        assert arms.run("watch", "--once", "--arm", "left") == 1
    said = capsys.readouterr()
    assert said.out.count("no answer") == 9
    assert "no motor answers of arm left" in said.err
    assert "switch the 12 V on" in said.err
    assert f"add --config {arms.file}, as you did" in said.err


def test_check_says_which_options_its_commands_need(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with robot(tmp_path, "left") as arms:
        _overload(arms, 8)
        assert arms.run("check", "--arm", "left", "--set", "limits.velocity=0.5") == 1
    text = capsys.readouterr().out
    assert f"add --config {arms.file} --set limits.velocity=0.5, as you did" in text


def test_watch_goes_on_until_ctrl_c(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[object] = []

    class Live:
        def __init__(self, first: object, **_: object) -> None:
            shown.append(first)

        def __enter__(self) -> Live:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def update(self, view: object, **_: object) -> None:
            shown.append(view)
            if len(shown) == 3:
                os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr("station.arm_tools.watch.Live", Live)
    with robot(tmp_path, "left") as arms:
        assert arms.run("watch", "--arm", "left") == 0
    assert len(shown) == 3


@pytest.mark.parametrize(
    ("position", "drawn"),
    [(0, "█··········"), (50, "·····█·····"), (100, "··········█"), (101, "··········!")],
)
def test_the_bar_shows_the_way_between_the_limits(position: int, drawn: str) -> None:
    assert bar(position, (0, 100)) == drawn


def _overload(arms: Robot, servo: int) -> None:
    arms.lines["left"].faults.happen("overload", servo)
    while not arms.get("left", servo, HARDWARE_ERROR_STATUS):
        pass


def _tables(arms: Robot) -> dict[str, dict[int, bytes]]:
    """Return what stands in each motor, without what it senses."""
    return {
        name: {servo: bytes(motor.table.bytes[:120]) for servo, motor in line.servos.items()}
        for name, line in arms.lines.items()
    }
