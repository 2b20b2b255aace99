"""A contact at a GPIO pin, read from a file that says 0 or 1, as /sys/class/gpio/gpio17/value.

An example for whatever has a file: any file with such a digit will do. The system wakes the
process when the pin changes, if `edge` beside the file says `both`; otherwise it looks 25 times a
second.
"""

from __future__ import annotations

import os
import select
from pathlib import Path
from typing import Literal

from runtime.config import StrictModel
from safety.button import ButtonError
from safety.button_device import DeviceButton

_LONGEST = 16  # bytes, of a digit and the end of its line


class Config(StrictModel):
    """Which file, and what it says."""

    path: Path
    closed: Literal["0", "1"] = "0"  # what it says while the contact is closed
    # A contact that opens when pressed: then a broken wire is a press, and a lost file a stop.
    normally_closed: bool = True


class Contact:
    """The open file."""

    def __init__(self, config: Config) -> None:
        self._path = config.path
        # What it says while nobody presses.
        self._idle = config.closed if config.normally_closed else "10"[int(config.closed)]
        self._file = os.open(config.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._said()  # the system calls a pin changed that was never read
        except BaseException:
            self.release()
            raise
        self._poll = select.poll()
        self._poll.register(self._file, select.POLLPRI)

    def pressed(self, timeout_s: float) -> bool:
        """Wait for the pin to change, and return whether it is pressed."""
        changed = bool(self._poll.poll(timeout_s * 1e3))
        # A press so short that it is over by now was one all the same.
        return self._said() != self._idle or changed

    def release(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _said(self) -> str:
        said = os.pread(self._file, _LONGEST, 0).strip().decode(errors="replace")
        if said not in ("0", "1"):
            raise ButtonError(f"{self._path} says {said!r}, expected 0 or 1: is it a GPIO value?")
        return said


class GpioButton(DeviceButton):
    """A contact that may lose its file."""

    def __init__(self, config: Config) -> None:
        super().__init__(loss_stops=config.normally_closed)
        self._config = config

    def _opened(self) -> Contact:
        return Contact(self._config)


def make(config: Config, button: str) -> GpioButton:  # noqa: ARG001 # the seam's arguments
    """Return the button, not yet open."""
    return GpioButton(config)
