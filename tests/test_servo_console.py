"""Requests to emulated servos, and the program that takes them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import create_autospec

import pytest
from rich.console import Console as Screen
from rich.table import Table
from test_twin_plant import VIPERX

from drivers.dynamixel import packets
from drivers.dynamixel import registers as reg
from drivers.dynamixel.address import is_there, open_port
from drivers.dynamixel.socket_port import SCHEME
from simulation.servos.console import Console, RequestError
from simulation.servos.first_order import FirstOrder
from simulation.servos.hand import Hand
from simulation.servos.line import Line
from simulation.servos.ports import Ports
from simulation.servos.servo import servos_of
from simulation.twin_plant import TwinPlant

pytestmark = pytest.mark.realtime

ROOT = Path(__file__).parent.parent


@pytest.fixture
def plant() -> FirstOrder:
    return FirstOrder.of(VIPERX)


@pytest.fixture
def line(plant: FirstOrder) -> Line:
    return Line(servos_of(VIPERX), plant)


@pytest.fixture
def ports(line: Line, tmp_path: Path) -> Iterator[Ports]:
    with Ports({"ttyDXL_left": line}, {"ttyDXL_left": str(tmp_path / "left")}) as ports:
        yield ports


@pytest.fixture
def console(line: Line, plant: FirstOrder, ports: Ports) -> Console:
    hands = {"ttyDXL_left": Hand(VIPERX, plant, line)}
    return Console({"ttyDXL_left": line}, ports, hands)


def written(table: Table | str) -> str:
    assert isinstance(table, Table)
    screen = Screen(width=200)
    with screen.capture() as capture:
        screen.print(table)
    return capture.get()


def test_faults_are_set_on_the_line_that_is_named(console: Console, line: Line) -> None:
    console.obey("left silent 4 5")
    console.obey("left broken 7")
    console.obey("left power 0")
    console.obey("left chatter 50")
    assert line.faults.silent == {4, 5}
    assert line.faults.broken == {7}
    assert not line.faults.powered
    assert line.faults.chatter_hz == 50
    console.obey("left clear")
    assert not line.faults.silent
    assert line.faults.powered


@pytest.mark.parametrize(
    ("request_", "answer", "late_ns"),
    [
        ("left late 40", b"answer", 40_000_000),
        ("left late 40 4 2", b"answer", 40_000_000),
        ("left lost", b"", 0),
        ("left lost 4", b"", 0),
        ("left lost 5", b"answer", 0),
        ("left truncated 4", b"ans", 0),
    ],
)
def test_answers_are_spoiled(
    console: Console, line: Line, request_: str, answer: bytes, late_ns: int
) -> None:
    console.obey(request_)
    assert line.faults.spoiled(4, b"answer") == (answer, late_ns)


def test_a_share_of_bytes_is_damaged(console: Console, line: Line) -> None:
    console.obey("left corrupt 1.0")
    assert line.faults.spoiled(4, b"answer")[0] != b"answer"


@pytest.mark.parametrize("mishap", ["overload", "overheating", "brown_out", "torque_off"])
def test_mishaps_happen_to_one_servo(console: Console, line: Line, mishap: str) -> None:
    console.obey(f"left {mishap} 4")
    assert line.faults.happened() == [(mishap, 4)]


def test_show_tells_what_motors_complain_of(console: Console) -> None:
    console.obey("left overload 4")
    shown = written(console.obey("left show"))
    assert shown.count("overload") == 1
    assert shown.count("fine") == 8
    assert shown == written(console.obey("show"))


def test_a_port_can_be_unplugged_and_plugged_in(console: Console, ports: Ports) -> None:
    path = Path(ports.addresses["ttyDXL_left"])
    console.obey("left unplug")
    assert not path.is_symlink()
    console.obey("left plug")
    assert path.is_symlink()


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        ("left silent 4 5", "left: motors 4, 5 say nothing; done"),
        ("left overload 4", "left: motor 4 gives up: torque off, alert; done"),
        ("left late 40 4", "left: answers come 40 ms later; done"),
        ("left power 0", "left: the 12 V supply is at 0 (0 is off, 1 is on); done"),
        ("left lost", "left: the next answers are lost; done"),
    ],
)
def test_what_was_done_is_told(console: Console, request_: str, told: str) -> None:
    assert console.obey(request_) == told


@pytest.mark.parametrize(
    ("motor", "seen"), [("shoulder", (2, 3)), ("2", (2, 3)), ("3", (2, 3)), ("gripper", (9,))]
)
def test_a_limp_joint_is_moved_by_hand_and_its_motors_agree(
    console: Console, line: Line, motor: str, seen: tuple[int, ...]
) -> None:
    told = console.obey(f"left move {motor} -0.5")
    assert "stands at -0.5000 rad; done" in str(told)
    console.obey("left show")
    for servo in seen:
        assert line.servos[servo].table[reg.PRESENT_POSITION] == 2048 - round(
            0.5 / reg.RAD_PER_TICK
        )


def test_an_offset_sets_one_motor_off(console: Console, line: Line) -> None:
    assert console.obey("left offset 3 40") == "left: motor 3 has a Homing_Offset of 40 ticks; done"
    console.obey("left show")
    tables = {servo: line.servos[servo].table for servo in (2, 3)}
    assert tables[3][reg.PRESENT_POSITION] - tables[2][reg.PRESENT_POSITION] == 40


def test_any_register_can_be_written(console: Console, line: Line) -> None:
    said = console.obey("left write shoulder Goal_PWM -100")
    assert said == "left: motor 2 has a Goal_PWM of -100; done"
    assert line.servos[2].table[reg.GOAL_PWM] == -100


@pytest.mark.parametrize(
    "request_", ["left move shoulder 0.1", "left offset 3 40", "left write 3 Drive_Mode 4"]
)
def test_a_joint_that_holds_gives_way_to_no_hand(
    console: Console, line: Line, request_: str
) -> None:
    console.obey("left show")
    line.servos[3].write(reg.TORQUE_ENABLE.address, b"\1")
    with pytest.raises(RequestError, match="motor 3 holds: let the arm go"):
        console.obey(request_)


def test_in_physics_no_hand_moves_an_arm(line: Line, ports: Ports) -> None:
    hands = {"ttyDXL_left": Hand(VIPERX, create_autospec(TwinPlant, instance=True), line)}
    with pytest.raises(RequestError, match="--plant first_order"):
        Console({"ttyDXL_left": line}, ports, hands).obey("left move 1 0.1")


def test_help_lists_every_request(console: Console) -> None:
    shown = written(console.obey("help"))
    for request in ("late MS [ID [COUNT]]", "silent ID ...", "unplug", "show", "ports: left"):
        assert request in shown


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ("left", "help"),
        ("left silnt 4", "Did you mean 'silent'"),
        ("right silent 4", "no port 'right'; there are: left"),
        ("left overload", "which servo"),
        ("left overload 44", "no servo 44"),
        ("left silent four", "PORT silent ID"),
        ("left power", "PORT power 0 or 1"),
        ("left late", "PORT late MS"),
        ("left move knee 1", "no motor knee; there are waist \\(1\\)"),
        ("left move 44 1", "no motor 44"),
        ("left move 1 far", "want: PORT move MOTOR RAD"),
        ("left move 1", "want: PORT move MOTOR RAD"),
        ("left move 1 nan", "finite"),
        ("left offset 3 2000000", "refuses a Homing_Offset"),
        ("left write 3 Goal_PMW 1", "Did you mean 'Goal_PWM'"),
        ("left write 3 Goal_PWM 70000", "does not fit"),
        ("left write 3 Goal_PWM", "want: PORT write MOTOR REGISTER VALUE"),
        ("left write 3 Present_Position 1", "refuses a Present_Position of 1: .* read-only"),
    ],
)
def test_requests_that_make_no_sense_say_what_would(
    console: Console, request_: str, message: str
) -> None:
    with pytest.raises(RequestError, match=message):
        console.obey(request_)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "scheme"), [([], ""), (["--plant", "twin", "--sockets"], SCHEME)]
)
def test_the_program_opens_the_robots_ports_until_interrupted(
    tmp_path: Path, options: list[str], scheme: str
) -> None:
    command = [sys.executable, "-m", "simulation.servos", "--directory", str(tmp_path)]
    with subprocess.Popen(
        [*command, *options],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        env={**os.environ, "COLUMNS": "120"},
    ) as program:
        try:
            use(program, tmp_path, scheme)
            program.send_signal(signal.SIGINT)
            program.communicate(timeout=20)
        finally:
            program.kill()
    assert program.returncode == 0
    assert not list(tmp_path.iterdir())


def use(program: subprocess.Popen[str], directory: Path, scheme: str) -> None:
    read_until(program, "Ctrl-C")
    ports = sorted(directory.iterdir())
    names = [f"{kind}_{side}" for kind in ("follower", "leader") for side in ("left", "right")]
    assert [port.name for port in ports] == [f"ttyDXL_{name}" for name in names]
    for path in ports:
        with open_port(f"{scheme}{path}", 1_000_000) as port:
            port.write(packets.ping(1))
            assert port.receive(10.0).startswith(b"\xff\xff\xfd\x00\x01")
    assert program.stdin is not None
    program.stdin.write("leader_left unplug\nleader_right show\n")
    program.stdin.flush()
    read_until(program, "leader_right")
    assert not is_there(f"{scheme}{directory / 'ttyDXL_leader_left'}")


def read_until(program: subprocess.Popen[str], words: str) -> None:
    assert program.stdout is not None
    line = ""
    while words not in line:
        line = program.stdout.readline()
        assert line, f"the program ended without {words!r}"


def test_a_robot_that_nobody_knows_is_refused_by_name() -> None:
    command = [sys.executable, "-m", "simulation.servos", "--robot", "alhoa"]
    refused = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", check=False)
    assert refused.returncode == 1
    assert "aloha" in refused.stdout
