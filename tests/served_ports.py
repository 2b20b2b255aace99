"""Ports of each kind, served by a thread, and a line that a test speaks for."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from drivers.dynamixel.socket_port import SCHEME
from simulation.servos.ports import Ports, Wire

BAUD = 1_000_000
KINDS = {"terminal": "", "socket": SCHEME}  # how the address of a port of each kind begins


@contextmanager
def served(lines: Mapping[str, Wire], directory: Path, scheme: str) -> Iterator[Ports]:
    """Serve `lines` at `directory`/name."""
    ports = Ports(lines, {name: f"{scheme}{directory / name}" for name in lines})
    stop = threading.Event()
    thread = threading.Thread(target=ports.run, args=(stop,))
    thread.start()
    try:
        yield ports
    finally:
        stop.set()
        thread.join(timeout=5)
        assert not thread.is_alive()
        ports.close()


class Spoken:
    """A line that says what a test tells it to."""

    def __init__(self) -> None:
        self.heard = b""
        self._sayings: list[tuple[int, bytes]] = []

    def say(self, data: bytes, after_s: float = 0.0) -> None:
        self._sayings.append((time.monotonic_ns() + int(after_s * 1e9), data))

    def receive(self, data: bytes, now_ns: int) -> None:
        del now_ns
        self.heard += data

    def due(self, now_ns: int) -> bytes:
        said = [data for due_ns, data in self._sayings if due_ns <= now_ns]
        self._sayings = [saying for saying in self._sayings if saying[0] > now_ns]
        return b"".join(said)

    @property
    def next_ns(self) -> int | None:
        return min((due_ns for due_ns, _ in self._sayings), default=None)
