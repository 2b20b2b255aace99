"""The keys of a terminal of its own, which tells presses and never releases."""

from __future__ import annotations

import os
import termios
import tty
from pathlib import Path
from typing import Any, Final

from teleop.device import DeviceError

_HELD_NS: Final = 150_000_000  # that a press counts as held: a held key repeats sooner than that
_NAMES: Final = {"\r": "KEY_ENTER", "\n": "KEY_ENTER", "\t": "KEY_TAB"}
_MOST: Final = 256  # bytes at a time


class TerminalKeys:
    """Another terminal than that of the launch, such as /dev/pts/4; `tty` there says which it is.

    Attributes:
        lost: why it is out of reach, and the remedy; empty while it is there.
    """

    def __init__(self, path: Path) -> None:
        """The terminal at `path`, not yet open."""
        self.lost = ""
        self._path = path
        self._file = -1
        self._before: list[Any] = []
        self._pressed_ns: dict[str, int] = {}
        self._now_ns = 0

    @property
    def down(self) -> frozenset[str]:
        """Names of the keys that count as held down, KEY_W for instance."""
        fresh = self._pressed_ns.items()
        return frozenset(key for key, t_ns in fresh if self._now_ns - t_ns < _HELD_NS)

    def open(self) -> None:
        """Listen to the terminal; raises DeviceError with a remedy if that fails."""
        try:
            self._file = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
            self._before = termios.tcgetattr(self._file)
            tty.setcbreak(self._file)
        except (OSError, termios.error) as error:
            self.close()
            raise DeviceError(
                f"cannot listen to {self._path} ({error}): open another terminal, run `tty; sleep "
                "1d` in it, and give the path that it says"
            ) from error
        self.lost = ""

    def look(self, now_ns: int) -> tuple[str, ...] | None:
        """Take in what was typed; returns the keys that were pressed, None once it is lost."""
        self._now_ns = now_ns
        if self._file < 0:
            return None
        try:
            typed = os.read(self._file, _MOST)
        except BlockingIOError:
            return ()
        except OSError:
            typed = b""
        if not typed:
            self.close()
            self.lost = f"the terminal {self._path} was closed: launch again with another one"
            return None
        names = [_named(character) for character in typed.decode(errors="replace")]
        pressed = tuple(name for name in names if name not in self.down)
        self._pressed_ns.update(dict.fromkeys(names, now_ns))
        return pressed

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self._file >= 0:
            if self._before:
                try:
                    termios.tcsetattr(self._file, termios.TCSANOW, self._before)
                except termios.error:
                    self._before = []  # it is gone, and its settings with it
            os.close(self._file)
        self._file, self._pressed_ns = -1, {}


def _named(character: str) -> str:
    return _NAMES.get(character, f"KEY_{character.upper()}")
