"""A socket in place of a serial port, as drivers.dynamixel.socket_port connects to it."""

from __future__ import annotations

import errno
import os
import select
import socket
from contextlib import suppress
from pathlib import Path
from typing import Final

from drivers.dynamixel.socket_port import ADMITTED, IN_USE
from simulation.servos.outlet import READ_BYTES, occupied

_LONGEST_PATH: Final = 107  # bytes in sockaddr_un.sun_path, less the closing zero


class Listener:
    """A socket that admits one host at a time, and tells the others that it is in use."""

    def __init__(self, path: Path) -> None:
        """Listen at `path`, in place of what an emulator that was killed left there.

        Raises:
            FileExistsError: something else is at `path`, or somebody who listens.
            OSError: there can be no socket at `path`.
        """
        self._path = path
        self._host: socket.socket | None = None
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.setblocking(False)
        try:
            _make_room(path)
            self._socket.bind(str(path))
            self._socket.listen()
            self._made = _identity(path)
        except OSError:
            self._socket.close()
            raise

    @property
    def fds(self) -> tuple[int, ...]:
        """What to wait for: who may come, and the host that is there."""
        ours = self._socket.fileno()
        return (ours,) if self._host is None else (ours, self._host.fileno())

    def read(self, fd: int) -> bytes:
        """Return what the host wrote, nothing if one came or went."""
        if self._host is None or fd != self._host.fileno():
            self._admit()
            return b""
        try:
            data = self._host.recv(READ_BYTES)
        except BlockingIOError:
            return b""
        except OSError:
            data = b""
        if not data:
            self._drop()
        return data

    def write(self, data: bytes) -> None:
        """Hand `data` to the host; what a host that never reads has no room for is lost."""
        if self._host is not None:
            with suppress(OSError):  # a host that is gone is found to be gone by `read`
                self._host.send(data)

    def close(self) -> None:
        """Hang up: the host sees its adapter unplugged."""
        with suppress(FileNotFoundError):
            if _identity(self._path) == self._made:
                self._path.unlink()
        self._drop()
        self._socket.close()

    def _admit(self) -> None:
        if self._host is not None and _has_hung_up(self._host):
            return  # what it wrote last comes before whoever comes next
        try:
            guest, _ = self._socket.accept()
        except OSError:  # it has left already
            return
        guest.setblocking(False)
        with suppress(OSError):
            guest.send(ADMITTED if self._host is None else IN_USE)
        if self._host is None:
            self._host = guest
        else:
            guest.close()

    def _drop(self) -> None:
        if self._host is not None:
            self._host.close()
            self._host = None


def _make_room(path: Path) -> None:
    """Remove a socket at which nobody listens any more."""
    if len(os.fsencode(path)) > _LONGEST_PATH:
        raise OSError(
            errno.ENAMETOOLONG,
            f"a socket's path has at most {_LONGEST_PATH} bytes; choose a shorter directory",
            str(path),
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    if not os.path.lexists(path):
        return
    if path.is_socket():
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as tried:
            try:
                tried.connect(str(path))
            except ConnectionRefusedError:
                path.unlink()
                return
    raise occupied(path)


def _has_hung_up(host: socket.socket) -> bool:
    poll = select.poll()
    poll.register(host, select.POLLRDHUP)
    return bool(poll.poll(0))


def _identity(path: Path) -> tuple[int, int]:
    status = path.lstat()
    return status.st_dev, status.st_ino
