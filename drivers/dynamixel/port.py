"""The seam between a bus of servos and what carries its bytes: a serial port, or a socket."""

from __future__ import annotations

import os
import select
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Final, NoReturn, Self

MOST_BYTES: Final = 4096  # of one read
_STUCK_S: Final = 0.5  # bytes leave within milliseconds, unless the other end is dead


class PortError(Exception):
    """A port that cannot be used; says why and what to do."""


class PortLostError(PortError):
    """A port that went away while it was in use."""


class Port(ABC):
    """An open port, which nobody else has.

    Attributes:
        path: as it was given, for people.
        baud: bits per second.
    """

    def __init__(self, path: str, baud: int, descriptor: int, loss: str) -> None:
        """Take over `descriptor`, which never blocks; `loss` says why it may go away."""
        self.path = path
        self.baud = baud
        self._descriptor = descriptor
        self._loss = loss

    def fileno(self) -> int:
        """Return the descriptor, for a selector."""
        return self._descriptor

    def write(self, data: bytes) -> None:
        """Hand all of `data` to the system; raises PortLostError."""
        while data:
            try:
                data = data[os.write(self._descriptor, data) :]
            except BlockingIOError:
                _, ready, _ = select.select((), (self._descriptor,), (), _STUCK_S)
                if not ready:
                    raise PortLostError(f"{self.path} takes no more bytes: replug it") from None
            except OSError as error:
                self._lost(error)

    @abstractmethod
    def receive(self, timeout_s: float) -> bytes:
        """Return what has come, after waiting for it; nothing if nothing came in time.

        Raises:
            PortLostError: the port is gone.
        """

    @abstractmethod
    def receive_in_time(self, timeout_s: float) -> bytes:
        """As `receive`, but never longer than that, however busy the machine is."""

    @abstractmethod
    def discard(self) -> None:
        """Throw away what has come and was not read; raises PortLostError."""

    @abstractmethod
    def close(self) -> None:
        """Give the port back; doing it twice is harmless."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _lost(self, error: Exception | None) -> NoReturn:
        reason = f" ({error})" if error else ""
        raise PortLostError(f"{self.path} is gone{reason}: {self._loss}") from error
