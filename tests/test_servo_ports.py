"""Ports in front of emulated lines, of each kind, as programs see them."""

from __future__ import annotations

import os
import select
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import serial  # type: ignore[import-untyped]
from served_ports import BAUD, KINDS, served

from drivers.dynamixel.address import open_port
from drivers.dynamixel.port import Port
from drivers.dynamixel.socket_port import SCHEME
from simulation.servos.ports import Ports

pytestmark = pytest.mark.realtime


class Echo:
    """A line that sends back what it was sent, in capitals, after a while."""

    def __init__(self, delay_ns: int = 0) -> None:
        self.delay_ns = delay_ns
        self.waiting: list[tuple[int, bytes]] = []
        self.handed_out: list[int] = []  # how late each answer was fetched

    def receive(self, data: bytes, now_ns: int) -> None:
        self.waiting.append((now_ns + self.delay_ns, data.upper()))

    def due(self, now_ns: int) -> bytes:
        data = b""
        while self.waiting and self.waiting[0][0] <= now_ns:
            due_ns, answer = self.waiting.pop(0)
            self.handed_out.append(now_ns - due_ns)
            data += answer
        return data

    @property
    def next_ns(self) -> int | None:
        return self.waiting[0][0] if self.waiting else None


@pytest.fixture(params=KINDS)
def scheme(request: pytest.FixtureRequest) -> str:
    """Return how the address of a port begins."""
    return KINDS[request.param]


@contextmanager
def opened(ports: Ports, name: str = "left") -> Iterator[Port]:
    with open_port(ports.addresses[name], BAUD) as port:
        yield port


def echoed(port: Port, data: bytes) -> bytes:
    """Return what comes back, as much as was sent."""
    port.write(data)
    back = b""
    while len(back) < len(data) and (more := port.receive(5.0)):
        back += more
    return back


def test_each_line_has_a_port_under_its_name(tmp_path: Path, scheme: str) -> None:
    lines = {"left": Echo(), "right": Echo(1_000_000)}
    with served(lines, tmp_path / "dev", scheme) as ports:
        assert sorted(path.name for path in (tmp_path / "dev").iterdir()) == ["left", "right"]
        for name in lines:
            with opened(ports, name) as port:
                assert echoed(port, name.encode()) == name.upper().encode()
    assert not list((tmp_path / "dev").iterdir())


def test_a_terminal_is_a_serial_port_to_any_program(tmp_path: Path) -> None:
    with (
        served({"left": Echo()}, tmp_path, "") as ports,
        serial.Serial(ports.addresses["left"], BAUD, timeout=5, exclusive=True) as port,
    ):
        port.write(b"a")
        assert port.read(1) == b"A"


def test_every_byte_passes_unchanged_both_ways(tmp_path: Path, scheme: str) -> None:
    class Bytes(Echo):
        def receive(self, data: bytes, now_ns: int) -> None:
            self.waiting.append((now_ns, data))

    with served({"left": Bytes()}, tmp_path, scheme) as ports, opened(ports) as port:
        assert echoed(port, bytes(range(256))) == bytes(range(256))


def test_who_has_an_unplugged_terminal_open_is_hung_up_on(tmp_path: Path) -> None:
    with served({"left": Echo()}, tmp_path, "") as ports:
        fd = os.open(ports.addresses["left"], os.O_RDWR | os.O_NOCTTY)
        ports.unplug("left")
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        events = poll.poll(5000)
        assert events
        assert events[0][1] & select.POLLHUP
        with pytest.raises(OSError, match="Input/output"):
            os.write(fd, b"a")
        os.close(fd)


def test_a_port_plugged_in_again_works_again(tmp_path: Path, scheme: str) -> None:
    with served({"left": Echo(), "right": Echo()}, tmp_path, scheme) as ports:
        ports.unplug("left")
        ports.plug("left")
        for name in ("left", "right"):
            with opened(ports, name) as port:
                assert echoed(port, b"a") == b"A"


def test_what_a_line_answers_while_unplugged_is_lost(tmp_path: Path, scheme: str) -> None:
    line = Echo(50_000_000)
    with served({"left": line}, tmp_path, scheme) as ports:
        with opened(ports) as port:
            port.write(b"a")
            deadline = time.monotonic() + 5
            while not line.waiting and time.monotonic() < deadline:
                time.sleep(0.001)
            ports.unplug("left")
        while line.waiting and time.monotonic() < deadline:
            time.sleep(0.001)
        ports.plug("left")
        with opened(ports) as port:
            assert echoed(port, b"b") == b"B"


def test_a_host_that_never_reads_holds_nobody_up(tmp_path: Path, scheme: str) -> None:
    class Flood(Echo):
        def due(self, now_ns: int) -> bytes:
            return b"x" * 1_000_000 if super().due(now_ns) else b""

    lines = {"left": Flood(), "right": Echo()}
    with (
        served(lines, tmp_path, scheme) as ports,
        opened(ports, "left") as deaf,
        opened(ports, "right") as port,
    ):
        for _ in range(5):
            deaf.write(b"a")
            assert echoed(port, b"a") == b"A"


def test_what_a_host_leaves_behind_is_not_said_to_the_next(tmp_path: Path) -> None:
    with served({"left": Echo()}, tmp_path, SCHEME) as ports:
        with opened(ports) as port:
            port.write(b"unread")
        with opened(ports) as port:
            assert echoed(port, b"b") == b"B"


def test_serving_ends_when_it_shall(tmp_path: Path, scheme: str) -> None:
    with Ports({"left": Echo()}, {"left": f"{scheme}{tmp_path / 'left'}"}) as ports:
        until_ns = time.monotonic_ns() + 20_000_000
        ports.serve(until_ns)
        assert 0 <= time.monotonic_ns() - until_ns < 1_000_000_000


def test_without_lines_serving_is_waiting() -> None:
    with Ports({}, {}) as ports:
        begin_ns = time.thread_time_ns()
        ports.serve(time.monotonic_ns() + 50_000_000)
        assert time.thread_time_ns() - begin_ns < 10_000_000


def test_answers_leave_when_they_are_due(tmp_path: Path, scheme: str) -> None:
    line = Echo(2_300_000)
    with served({"left": line}, tmp_path, scheme) as ports, opened(ports) as port:
        for _ in range(50):
            assert echoed(port, b"a") == b"A"
    assert min(line.handed_out) >= 0
    # Others run on this machine too: the quickest tenth shows what waiting itself costs.
    assert sorted(line.handed_out)[5] < 400_000


def left_terminal(path: Path) -> None:
    path.symlink_to("/dev/pts/999999")


def left_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


@pytest.mark.parametrize(("scheme", "left"), [("", left_terminal), (SCHEME, left_socket)])
def test_what_a_killed_emulator_left_is_replaced(
    tmp_path: Path, scheme: str, left: Callable[[Path], None]
) -> None:
    left(tmp_path / "left")
    with served({"left": Echo()}, tmp_path, scheme) as ports, opened(ports) as port:
        assert echoed(port, b"a") == b"A"


def test_a_real_adapter_is_never_replaced(tmp_path: Path, scheme: str) -> None:
    (tmp_path / "left").symlink_to("/dev/ttyUSB0")
    with pytest.raises(FileExistsError, match="real adapter"):
        Ports({"left": Echo()}, {"left": f"{scheme}{tmp_path / 'left'}"})
    assert (tmp_path / "left").readlink() == Path("/dev/ttyUSB0")


def test_a_path_that_is_too_long_for_a_socket_is_named_with_its_remedy(tmp_path: Path) -> None:
    path = tmp_path / ("long" * 30)
    with pytest.raises(OSError, match=f"choose a shorter directory.*{path}"):
        Ports({"left": Echo()}, {"left": f"{SCHEME}{path}"})


def test_another_emulator_that_runs_is_never_replaced(tmp_path: Path) -> None:
    with served({"left": Echo()}, tmp_path, SCHEME) as ports:
        with pytest.raises(FileExistsError, match="another emulator"):
            Ports({"left": Echo()}, ports.addresses)
        with opened(ports) as port:
            assert echoed(port, b"a") == b"A"


def test_an_emulator_that_ends_late_leaves_what_the_next_one_made(tmp_path: Path) -> None:
    before = Ports({"left": Echo()}, {"left": f"{SCHEME}{tmp_path / 'left'}"})
    (tmp_path / "left").unlink()
    with served({"left": Echo()}, tmp_path, SCHEME) as ports:
        before.close()
        with opened(ports) as port:
            assert echoed(port, b"a") == b"A"
