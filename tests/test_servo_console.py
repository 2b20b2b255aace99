"""Requests to emulated servos, and the program that takes them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial  # type: ignore[import-untyped]
from rich.console import Console as Screen
from rich.table import Table
from test_twin_plant import VIPERX

from drivers.dynamixel import packets
from simulation.servos.console import Console, RequestError
from simulation.servos.first_order import FirstOrder
from simulation.servos.line import Line
from simulation.servos.servo import servos_of
from simulation.servos.terminal import Terminals

ROOT = Path(__file__).parent.parent


@pytest.fixture
def line() -> Line:
    return Line(servos_of(VIPERX), FirstOrder.of(VIPERX))


@pytest.fixture
def terminals(line: Line, tmp_path: Path) -> Iterator[Terminals]:
    with Terminals({"ttyDXL_left": line}, tmp_path) as terminals:
        yield terminals


@pytest.fixture
def console(line: Line, terminals: Terminals) -> Console:
    return Console({"ttyDXL_left": line}, terminals)


def written(table: Table | None) -> str:
    assert table is not None
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


def test_a_port_can_be_unplugged_and_plugged_in(console: Console, terminals: Terminals) -> None:
    path = terminals.path("ttyDXL_left")
    console.obey("left unplug")
    assert not path.is_symlink()
    console.obey("left plug")
    assert path.is_symlink()


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
    ],
)
def test_requests_that_make_no_sense_say_what_would(
    console: Console, request_: str, message: str
) -> None:
    with pytest.raises(RequestError, match=message):
        console.obey(request_)


@pytest.mark.slow
@pytest.mark.parametrize("plant", ["first_order", "twin"])
def test_the_program_opens_the_robots_ports_until_interrupted(tmp_path: Path, plant: str) -> None:
    command = [sys.executable, "-m", "simulation.servos", "--directory", str(tmp_path)]
    with subprocess.Popen(
        [*command, "--plant", plant],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "COLUMNS": "120"},
    ) as program:
        try:
            use(program, tmp_path)
            program.send_signal(signal.SIGINT)
            program.communicate(timeout=20)
        finally:
            program.kill()
    assert program.returncode == 0
    assert not list(tmp_path.iterdir())


def use(program: subprocess.Popen[str], directory: Path) -> None:
    read_until(program, "Ctrl-C")
    ports = sorted(directory.iterdir())
    names = [f"{kind}_{side}" for kind in ("follower", "leader") for side in ("left", "right")]
    assert [port.name for port in ports] == [f"ttyDXL_{name}" for name in names]
    for path in ports:
        with serial.Serial(str(path), 1_000_000, timeout=10) as port:
            port.write(packets.ping(1))
            assert port.read(14).startswith(b"\xff\xff\xfd\x00\x01")
    assert program.stdin is not None
    program.stdin.write("leader_left unplug\nleader_right show\n")
    program.stdin.flush()
    read_until(program, "leader_right")
    assert not (directory / "ttyDXL_leader_left").is_symlink()


def read_until(program: subprocess.Popen[str], words: str) -> None:
    assert program.stdout is not None
    line = ""
    while words not in line:
        line = program.stdout.readline()
        assert line, f"the program ended without {words!r}"


def test_a_robot_that_nobody_knows_is_refused_by_name() -> None:
    command = [sys.executable, "-m", "simulation.servos", "--robot", "alhoa"]
    refused = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert "aloha" in refused.stdout
