"""What a bus is promised of its port, by each kind: bytes both ways, waiting, being alone, loss."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from emulated_arm import until
from served_ports import BAUD, KINDS, Spoken, served

from drivers.dynamixel import socket_port
from drivers.dynamixel.address import is_there, open_port
from drivers.dynamixel.port import Port, PortError, PortLostError
from drivers.dynamixel.socket_port import SCHEME, SocketPort
from simulation.servos.ports import Ports


@dataclass
class FarEnd:
    """What is behind the port `arm`."""

    line: Spoken
    ports: Ports

    @property
    def address(self) -> str:
        return self.ports.addresses["arm"]

    def opened(self) -> Port:
        return open_port(self.address, BAUD)

    def until_heard(self, data: bytes) -> None:
        until(lambda: self.line.heard == data, f"{data!r} to arrive")


@pytest.fixture(params=KINDS)
def far(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FarEnd]:
    line = Spoken()
    with served({"arm": line}, tmp_path, KINDS[request.param]) as ports:
        yield FarEnd(line, ports)


@pytest.fixture
def port(far: FarEnd) -> Iterator[Port]:
    with far.opened() as port:
        yield port


def test_bytes_travel_both_ways(far: FarEnd, port: Port) -> None:
    far.line.say(b"\xff\x00\x11\x13\n\r")
    assert port.receive(5.0) == b"\xff\x00\x11\x13\n\r"
    port.write(b"\x03\x04\x00")
    far.until_heard(b"\x03\x04\x00")


def test_what_was_not_read_can_be_thrown_away(far: FarEnd, port: Port) -> None:
    port.discard()
    far.line.say(b"old")
    wait_for_input(port)
    port.discard()
    far.line.say(b"new")
    assert port.receive(5.0) == b"new"


@pytest.mark.parametrize("way", ["receive", "receive_in_time"])
def test_what_comes_in_time_is_received_whenever_that_is(far: FarEnd, port: Port, way: str) -> None:
    for after_s in (0.0, 0.05):
        far.line.say(b"soon", after_s)
        assert getattr(port, way)(5.0) == b"soon"


@pytest.mark.parametrize("way", ["receive", "receive_in_time"])
def test_waiting_costs_no_processor_time(port: Port, way: str) -> None:
    began_ns, worked_ns = time.monotonic_ns(), time.thread_time_ns()
    assert getattr(port, way)(0.1) == b""
    assert time.monotonic_ns() - began_ns >= 95_000_000
    assert time.thread_time_ns() - worked_ns < 10_000_000


def test_a_port_has_one_user_at_a_time_and_the_others_do_not_disturb_it(far: FarEnd) -> None:
    sent = b""
    for _ in range(2):
        with far.opened() as port:
            with pytest.raises(PortError, match=f"{far.address} is in use by another program"):
                far.opened()
            sent += b"still alone"
            port.write(b"still alone")
            far.until_heard(sent)


def test_what_was_written_before_a_close_arrives_before_what_the_next_one_writes(
    far: FarEnd,
) -> None:
    for data in (b"first", b" second"):
        with far.opened() as port:
            port.write(data)
    far.until_heard(b"first second")


def test_a_far_end_that_takes_nothing_is_told(far: FarEnd, port: Port) -> None:
    with far.ports.paused, pytest.raises(PortLostError, match="takes no more bytes"):
        port.write(bytes(10_000_000))


@pytest.mark.parametrize("use", ["write", "receive", "receive_in_time", "discard"])
def test_an_unplugged_port_is_lost_until_it_is_plugged_in_again(
    far: FarEnd, port: Port, use: str
) -> None:
    assert is_there(far.address)
    far.ports.unplug("arm")
    uses: dict[str, Callable[[], object]] = {
        "write": lambda: port.write(b"\0"),
        "receive": lambda: port.receive(1.0),
        "receive_in_time": lambda: port.receive_in_time(1.0),
        "discard": port.discard,
    }
    with pytest.raises(PortLostError, match=f"{far.address} is gone.*unplugged"):
        again_and_again(uses[use])
    assert not is_there(far.address)
    with pytest.raises(PortError, match=f"no port {far.address}"):
        far.opened()
    far.ports.plug("arm")
    with far.opened() as anew:
        far.line.say(b"back")
        assert anew.receive(5.0) == b"back"


def test_a_port_can_be_closed_twice(port: Port) -> None:
    port.close()
    port.close()


# -- what only sockets can be ------------------------------------------------------------------


def test_a_missing_socket_says_who_makes_it(tmp_path: Path) -> None:
    with pytest.raises(PortError, match=r"no port unix:.*python -m simulation\.servos --sockets"):
        SocketPort.open(f"{SCHEME}{tmp_path / 'arm'}", BAUD)


def test_a_path_that_is_too_long_for_a_socket_is_told(tmp_path: Path) -> None:
    with pytest.raises(PortError, match="want unix: and the path of a socket"):
        SocketPort.open(f"{SCHEME}{tmp_path / (200 * 'a')}", BAUD)


def test_a_socket_of_another_user_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "connect", forbidden)
    with pytest.raises(PortError, match="no permission to open"):
        SocketPort.open(f"{SCHEME}{tmp_path / 'arm'}", BAUD)


def test_a_socket_at_which_nobody_answers_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket_port, "_PATIENCE_S", 0.1)
    with listening(tmp_path / "arm"), pytest.raises(PortError, match="does not answer"):
        SocketPort.open(f"{SCHEME}{tmp_path / 'arm'}", BAUD)


@pytest.mark.parametrize("greeting", [b"H", b""])
def test_a_socket_of_something_else_is_refused(tmp_path: Path, greeting: bytes) -> None:
    def greet() -> None:
        host, _ = listener.accept()
        with host:
            host.sendall(greeting)

    with listening(tmp_path / "arm") as listener, ThreadPoolExecutor() as pool:
        greeted = pool.submit(greet)
        with pytest.raises(PortError, match="is no port of emulated servos"):
            SocketPort.open(f"{SCHEME}{tmp_path / 'arm'}", BAUD)
        greeted.result(5.0)


@contextmanager
def listening(path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        yield listener


def again_and_again(use: Callable[[], object]) -> None:
    """Use a port for five seconds: whoever serves it lets go of it as soon as it wakes up."""
    end = time.monotonic() + 5.0
    while time.monotonic() < end:
        use()


def wait_for_input(port: Port) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(port, selectors.EVENT_READ)
        assert selector.select(5.0)
