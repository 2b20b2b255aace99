"""A serial port that is not there: a pseudo-terminal, which any program can open."""

from __future__ import annotations

import fcntl
import os
import termios
import tty
from pathlib import Path
from typing import Final

from simulation.servos.outlet import READ_BYTES, occupied

_PTS: Final = Path("/dev/pts")


class Terminal:
    """A pseudo-terminal and the link by which programs find it."""

    def __init__(self, path: Path) -> None:
        """Open it, with `path` in place of what an emulator that was killed left there.

        Raises:
            FileExistsError: something else is at `path`.
        """
        self._path = path
        # Our end of the host's side stays open: without it, a host that closes the port would
        # leave a terminal that reports hang-up, without pause, until the next one comes.
        self._fd, self._host_fd = os.openpty()
        tty.setraw(self._host_fd)
        os.set_blocking(self._fd, False)
        try:
            _link(path, Path(os.ttyname(self._host_fd)))
        except OSError:
            self._close_fds()
            raise

    @property
    def fds(self) -> tuple[int, ...]:
        """What to wait for: our end of it."""
        return (self._fd,)

    def read(self, fd: int) -> bytes:
        """Return what the host wrote, nothing if it wrote nothing."""
        # A host's wish to be alone outlives it, as the terminal is never closed for good.
        fcntl.ioctl(self._host_fd, termios.TIOCNXCL)
        try:
            return os.read(fd, READ_BYTES)
        except BlockingIOError:
            return b""

    def write(self, data: bytes) -> None:
        """Hand `data` to the host; what a host that never reads has no room for is lost."""
        try:
            os.write(self._fd, data)
        except BlockingIOError:
            return

    def close(self) -> None:
        """Hang up: the host sees its adapter unplugged."""
        if self._path.is_symlink() and self._path.readlink() == Path(os.ttyname(self._host_fd)):
            self._path.unlink()
        self._close_fds()

    def _close_fds(self) -> None:
        os.close(self._host_fd)
        os.close(self._fd)


def _link(path: Path, terminal: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_symlink() and path.readlink().parent == _PTS:
        path.unlink()
    try:
        path.symlink_to(terminal)
    except FileExistsError:
        raise occupied(path) from None
