"""A socket in place of a serial port: what emulated servos of this machine are reached by.

Bytes go straight from one process to the other. Those of a terminal pass through a worker of the
kernel that has ordinary priority, which waits for every busy program of the machine.
"""

from __future__ import annotations

import errno
import os
import select
import socket
from pathlib import Path
from typing import Final

from drivers.dynamixel.port import MOST_BYTES, Port, PortError

SCHEME: Final = "unix:"  # before the path of the socket
# What the server says first, before any byte of the line.
ADMITTED: Final = b"\x01"
IN_USE: Final = b"\x00"

_PATIENCE_S: Final = 2.0  # for a server that a busy machine holds up


class SocketPort(Port):
    """An open connection to emulated servos, of which there is one at a time."""

    def __init__(self, address: str, baud: int, line: socket.socket) -> None:
        super().__init__(
            address, baud, line.fileno(), "its emulated servos were unplugged or have ended"
        )
        self._line = line

    @classmethod
    def open(cls, address: str, baud: int) -> SocketPort:
        """Connect to `address`, "unix:" and a path; raises PortError, with a remedy."""
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            line.settimeout(_PATIENCE_S)
            line.connect(str(socket_path(address)))
            greeting = line.recv(len(ADMITTED))
            if greeting != ADMITTED:
                raise PortError(_refusal(address, greeting))
            line.setblocking(False)
        except OSError as error:
            line.close()
            raise PortError(_remedy(address, error)) from error
        except PortError:
            line.close()
            raise
        return cls(address, baud, line)

    def receive(self, timeout_s: float) -> bytes:
        """Return what has come, after waiting for it; nothing if nothing came in time.

        Raises:
            PortLostError: the other end hung up.
        """
        try:
            ready, _, _ = select.select((self._descriptor,), (), (), timeout_s)
            if not ready:
                return b""
            return os.read(self._descriptor, MOST_BYTES) or self._lost(None)
        except OSError as error:
            self._lost(error)

    receive_in_time = receive  # nothing stands between the two ends that could be behind

    def discard(self) -> None:
        """Throw away what has come and was not read; raises PortLostError."""
        try:
            while os.read(self._descriptor, MOST_BYTES):
                pass
        except BlockingIOError:
            return
        except OSError as error:
            self._lost(error)
        self._lost(None)

    def close(self) -> None:
        """Give the port back; doing it twice is harmless."""
        self._line.close()


def is_socket(address: str) -> bool:
    """Return whether `address` is one of a socket."""
    return address.startswith(SCHEME)


def socket_path(address: str) -> Path:
    """Return where the socket of `address` is."""
    return Path(address.removeprefix(SCHEME))


def _refusal(address: str, greeting: bytes) -> str:
    if greeting == IN_USE:
        return (
            f"{address} is in use by another program: end it, two programs on one bus spoil each "
            "other's answers"
        )
    return f"{address} is no port of emulated servos: give the address that their emulator names"


def _remedy(address: str, error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return f"{address} does not answer: end the program that emulates its servos, start it anew"
    if error.errno in (errno.ENOENT, errno.ECONNREFUSED):
        return (
            f"no port {address}: its servos are emulated by a launch without arms or by `python -m "
            "simulation.servos --sockets`, and it is there while that runs and it is plugged in"
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"no permission to open {address}: use it as the user who emulates its servos"
    return f"{address} cannot be opened ({error}): want {SCHEME} and the path of a socket"
