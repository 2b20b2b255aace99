"""The ports of emulated servos: each line behind a pseudo-terminal or a socket, and served."""

from __future__ import annotations

import errno
import os
import select
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self

from drivers.dynamixel.socket_port import is_socket, socket_path
from simulation.servos.listener import Listener
from simulation.servos.outlet import Outlet
from simulation.servos.terminal import Terminal

_ROUND_NS: Final = 20_000_000  # how long a thread may take to see that it shall stop
_NEVER_NS: Final = 1 << 62


class Wire(Protocol):
    """A serial line as seen from the host's end; `simulation.servos.line.Line` is one."""

    def receive(self, data: bytes, now_ns: int) -> None:
        """Take what the host wrote."""
        ...

    def due(self, now_ns: int) -> bytes:
        """Return what has reached the host by now and was not returned before."""
        ...

    @property
    def next_ns(self) -> int | None:
        """When `due` will have more, None if it is the host's turn."""
        ...


class Ports:
    """The ports of some lines, served by whoever calls `serve` or `run`, in one thread.

    `unplug` and `plug` may be called from any thread.

    Attributes:
        addresses: of the ports, by the names of their lines.
        paused: while somebody holds this, no line is touched.
    """

    def __init__(self, lines: Mapping[str, Wire], addresses: Mapping[str, str]) -> None:
        """Open a port for each line, by names.

        Args:
            lines: to serve.
            addresses: where programs find each: the path of a pseudo-terminal, or `unix:` and
                that of a socket.

        Raises:
            FileExistsError: something other than a former port is in the way.
        """
        self.addresses = dict(addresses)
        self._lines = dict(lines)
        self._ports: dict[str, Outlet] = {}
        self._names: dict[int, str] = {}  # of the lines, by the descriptors of their ports
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK)
        self.paused = threading.Lock()
        try:
            for name, line in self._lines.items():
                line.due(time.monotonic_ns())  # from now on its servos have power
                self.plug(name)
        except OSError:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def plug(self, name: str) -> None:
        """Let the port of a line be there, if it is not."""
        with self.paused:
            if name not in self._ports:
                self._ports[name] = _opened(self.addresses[name])
                self._name_ports()
        self._wake()

    def unplug(self, name: str) -> None:
        """Let the port vanish as when its adapter is pulled out: who has it open is hung up on."""
        with self.paused:
            port = self._ports.pop(name, None)
            if port is not None:
                port.close()
                self._name_ports()
        self._wake()

    def _name_ports(self) -> None:
        self._names = {fd: name for name, port in self._ports.items() for fd in port.fds}

    def close(self) -> None:
        """Unplug all ports for good, when nobody serves them any more."""
        for name in self._lines:
            self.unplug(name)
        os.close(self._wake_fd)

    def serve(self, until_ns: int, slack_ns: int = 0) -> None:
        """Carry bytes between hosts and lines until the monotonic clock shows `until_ns`.

        What is there already is carried even if it is that late. If an answer is due at most
        `slack_ns` after that, this waits for it, which saves its caller from waking up twice.
        """
        next_ns = self._next_ns()
        while True:
            ready = self._readable(next_ns if next_ns <= until_ns + slack_ns else until_ns)
            with self.paused:
                for fd in ready:
                    self._collect(fd)
                now_ns = time.monotonic_ns()
                self._deliver(now_ns)
            if now_ns >= until_ns:
                return
            next_ns = self._next_ns()

    def run(self, stop: threading.Event) -> None:
        """Serve until told to stop, in a thread of its own."""
        while not stop.is_set():
            self.serve(time.monotonic_ns() + _ROUND_NS)

    def _next_ns(self) -> int:
        """Return when something will be due."""
        earliest_ns = _NEVER_NS
        for line in self._lines.values():
            next_ns = line.next_ns
            if next_ns is not None and next_ns < earliest_ns:
                earliest_ns = next_ns
        return earliest_ns

    def _readable(self, until_ns: int) -> list[int]:
        """Wait for something to read until then; an answer must leave within 0.2 ms of its time."""
        wait_s = max(until_ns - time.monotonic_ns(), 0) * 1e-9
        try:
            # poll() would count in milliseconds
            return select.select((self._wake_fd, *self._names), (), (), wait_s)[0]
        except OSError as error:
            if error.errno == errno.EBADF:  # a port was unplugged just now
                return []
            raise

    def _collect(self, fd: int) -> None:
        """Hand what a host wrote to its line."""
        if fd == self._wake_fd:
            os.eventfd_read(fd)
        elif name := self._names.get(fd):
            if data := self._ports[name].read(fd):
                self._lines[name].receive(data, time.monotonic_ns())
            else:
                self._name_ports()

    def _deliver(self, now_ns: int) -> None:
        """Hand out what is due."""
        for name, line in self._lines.items():
            next_ns = line.next_ns
            if next_ns is not None and next_ns <= now_ns:
                data, port = line.due(now_ns), self._ports.get(name)
                if data and port is not None:
                    port.write(data)

    def _wake(self) -> None:
        os.eventfd_write(self._wake_fd, 1)


def _opened(address: str) -> Outlet:
    return Listener(socket_path(address)) if is_socket(address) else Terminal(Path(address))
