"""Pseudo-terminals in front of lines, as programs see them."""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import serial  # type: ignore[import-untyped]

from simulation.servos.terminal import Terminals

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


@contextmanager
def served(terminals: Terminals) -> Iterator[Terminals]:
    stop = threading.Event()
    thread = threading.Thread(target=terminals.run, args=(stop,))
    thread.start()
    try:
        yield terminals
    finally:
        stop.set()
        thread.join(timeout=5)
        assert not thread.is_alive()
        terminals.close()


def opened(terminals: Terminals, name: str = "left") -> serial.Serial:
    return serial.Serial(str(terminals.path(name)), 1_000_000, timeout=5, exclusive=True)


def test_each_line_has_a_port_under_its_name(tmp_path: Path) -> None:
    lines = {"left": Echo(), "right": Echo(1_000_000)}
    with served(Terminals(lines, tmp_path / "dev")) as terminals:
        assert sorted(path.name for path in (tmp_path / "dev").iterdir()) == ["left", "right"]
        for name in lines:
            with opened(terminals, name) as port:
                port.write(name.encode())
                assert port.read(len(name)) == name.upper().encode()


def test_every_byte_passes_unchanged_both_ways(tmp_path: Path) -> None:
    class Bytes(Echo):
        def receive(self, data: bytes, now_ns: int) -> None:
            self.waiting.append((now_ns, data))

    sent = bytes(range(256))
    with served(Terminals({"left": Bytes()}, tmp_path)) as terminals, opened(terminals) as port:
        port.write(sent)
        assert port.read(256) == sent


def test_a_port_can_be_opened_again_and_again(tmp_path: Path) -> None:
    with served(Terminals({"left": Echo()}, tmp_path)) as terminals:
        for _ in range(3):
            with opened(terminals) as port:
                port.write(b"a")
                assert port.read(1) == b"A"


def test_a_second_program_is_kept_out_by_the_lock_of_the_first(tmp_path: Path) -> None:
    with (
        served(Terminals({"left": Echo()}, tmp_path)) as terminals,
        opened(terminals),
        pytest.raises(serial.SerialException, match="lock"),
    ):
        opened(terminals)


def test_who_has_an_unplugged_port_open_is_hung_up_on(tmp_path: Path) -> None:
    with served(Terminals({"left": Echo()}, tmp_path)) as terminals:
        fd = os.open(terminals.path("left"), os.O_RDWR | os.O_NOCTTY)
        terminals.unplug("left")
        assert not terminals.path("left").is_symlink()
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        events = poll.poll(5000)
        assert events
        assert events[0][1] & select.POLLHUP
        with pytest.raises(OSError, match="Input/output"):
            os.write(fd, b"a")
        os.close(fd)


def test_a_port_plugged_in_again_works_again(tmp_path: Path) -> None:
    with served(Terminals({"left": Echo(), "right": Echo()}, tmp_path)) as terminals:
        terminals.unplug("left")
        terminals.plug("left")
        for name in ("left", "right"):
            with opened(terminals, name) as port:
                port.write(b"a")
                assert port.read(1) == b"A"


def test_what_a_line_answers_while_unplugged_is_lost(tmp_path: Path) -> None:
    line = Echo(50_000_000)
    with served(Terminals({"left": line}, tmp_path)) as terminals:
        with opened(terminals) as port:
            port.write(b"a")
            deadline = time.monotonic() + 5
            while not line.waiting and time.monotonic() < deadline:
                time.sleep(0.001)
            terminals.unplug("left")
        while line.waiting and time.monotonic() < deadline:
            time.sleep(0.001)
        terminals.plug("left")
        with opened(terminals) as port:
            port.write(b"b")
            assert port.read(1) == b"B"


def test_a_host_that_never_reads_holds_nobody_up(tmp_path: Path) -> None:
    class Flood(Echo):
        def due(self, now_ns: int) -> bytes:
            return b"x" * 100_000 if super().due(now_ns) else b""

    lines = {"left": Flood(), "right": Echo()}
    with (
        served(Terminals(lines, tmp_path)) as terminals,
        opened(terminals, "left") as deaf,
        opened(terminals, "right") as port,
    ):
        for _ in range(5):
            deaf.write(b"a")
            port.write(b"a")
            assert port.read(1) == b"A"


def test_serving_ends_when_it_shall(tmp_path: Path) -> None:
    with Terminals({"left": Echo()}, tmp_path) as terminals:
        until_ns = time.monotonic_ns() + 20_000_000
        terminals.serve(until_ns)
        assert 0 <= time.monotonic_ns() - until_ns < 1_000_000_000


def test_without_lines_serving_is_waiting(tmp_path: Path) -> None:
    with Terminals({}, tmp_path) as terminals:
        begin_ns = time.thread_time_ns()
        terminals.serve(time.monotonic_ns() + 50_000_000)
        assert time.thread_time_ns() - begin_ns < 10_000_000


def test_answers_leave_when_they_are_due(tmp_path: Path) -> None:
    line = Echo(2_300_000)
    with served(Terminals({"left": line}, tmp_path)) as terminals, opened(terminals) as port:
        for _ in range(50):
            port.write(b"a")
            assert port.read(1) == b"A"
    assert min(line.handed_out) >= 0
    # Others run on this machine too: the quickest tenth shows what waiting itself costs.
    assert sorted(line.handed_out)[5] < 400_000


def test_ports_vanish_at_the_end(tmp_path: Path) -> None:
    with Terminals({"left": Echo()}, tmp_path):
        assert (tmp_path / "left").is_symlink()
    assert not list(tmp_path.iterdir())


def test_what_a_killed_emulator_left_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "left").symlink_to("/dev/pts/999999")
    with served(Terminals({"left": Echo()}, tmp_path)) as terminals, opened(terminals) as port:
        port.write(b"a")
        assert port.read(1) == b"A"


def test_a_real_adapter_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "left").symlink_to("/dev/ttyUSB0")
    with pytest.raises(FileExistsError, match="real adapter"):
        Terminals({"left": Echo()}, tmp_path)
    assert (tmp_path / "left").readlink() == Path("/dev/ttyUSB0")
