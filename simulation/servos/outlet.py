"""The seam between a line of emulated servos and how programs reach it."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Final, Protocol

READ_BYTES: Final = 4096


class Outlet(Protocol):
    """A port as its servos see it: a pseudo-terminal, or a socket."""

    @property
    def fds(self) -> tuple[int, ...]:
        """What to wait for; it changes only where `read` returns nothing."""
        ...

    def read(self, fd: int) -> bytes:
        """Return what the host wrote, nothing if it wrote nothing, came or went."""
        ...

    def write(self, data: bytes) -> None:
        """Hand `data` to the host; what a host that never reads has no room for is lost."""
        ...

    def close(self) -> None:
        """Hang up: the host sees its adapter unplugged."""
        ...


def occupied(path: Path) -> FileExistsError:
    """Return the error that there is something else where a port should appear."""
    return FileExistsError(
        errno.EEXIST,
        "a port of emulated servos cannot appear where there is something already, perhaps a "
        "real adapter or another emulator; choose another path for it, or unplug, end or remove "
        "what is there",
        str(path),
    )
