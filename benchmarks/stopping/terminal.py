"""A program in a terminal of its own, as a person starts it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

_SCREEN = struct.pack("HHHH", 45, 150, 0, 0)  # rows and columns
_SAID_BYTES = 20_000
_SAID_LINES = 25
_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")


class Terminal:
    """Runs a program in its foreground, reads what it shows, types what it is to hear.

    Attributes:
        program: that runs.
    """

    def __init__(
        self, command: Sequence[str], directory: Path, environment: Mapping[str, str]
    ) -> None:
        self._screen, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, _SCREEN)
        self._said = bytearray()
        self.program = subprocess.Popen(
            command,
            cwd=directory,
            env=environment,
            pass_fds=[theirs],
            preexec_fn=lambda: os.login_tty(theirs),  # keys are for who is in the foreground
        )
        os.close(theirs)
        threading.Thread(target=self._read, daemon=True).start()

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self._screen, keys)

    @property
    def said(self) -> str:
        """The last lines on the screen, as they are without colours."""
        text = _ESCAPES.sub("", self._said.decode(errors="replace"))
        return "\n".join(text.splitlines()[-_SAID_LINES:])

    def close(self) -> None:
        """Close the terminal, whose program has ended."""
        os.close(self._screen)

    def _read(self) -> None:
        while True:
            try:
                said = os.read(self._screen, 4096)
            except OSError:  # nobody writes there any more
                return
            self._said = (self._said + said)[-_SAID_BYTES:]
