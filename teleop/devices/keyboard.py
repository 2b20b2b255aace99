"""A keyboard: one arm at a time, by its hand or by its joints.

Either one of its own under /dev/input, or that of a terminal of its own. It moves what it is asked
to only after a takeover, which is its key Enter.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Protocol

import numpy as np
from pydantic import model_validator

from messaging.transport import Bus
from teleop.device import Event, Reading, Robot, View
from teleop.evdev_input import EvdevInput
from teleop.jog import Jog, JogConfig, Push
from teleop.terminal_keys import TerminalKeys

# Of each axis of a push the key back and the key forth.
_AXES: Final = (
    ("KEY_S", "KEY_W"),
    ("KEY_D", "KEY_A"),
    ("KEY_F", "KEY_R"),
    ("KEY_U", "KEY_O"),
    ("KEY_I", "KEY_K"),
    ("KEY_L", "KEY_J"),
)
_GRIPPER: Final = ("KEY_G", "KEY_H")
_NEXT_ARM: Final = "KEY_TAB"
_SPACE: Final = "KEY_M"
_EVENTS: Final = {
    "KEY_ENTER": Event("toggle"),
    "KEY_B": Event("rewind"),
    "KEY_Y": Event("success"),
    "KEY_N": Event("fail"),
}


class Config(JogConfig):
    """Which keyboard, and how fast it moves the arms."""

    device: Path | None = None  # /dev/input/by-id/...-event-kbd, which nobody else hears then
    tty: Path | None = None  # of another terminal, /dev/pts/4 for instance

    @model_validator(mode="after")
    def _one_keyboard(self) -> Config:
        if (self.device is None) == (self.tty is None):
            raise ValueError(
                "a keyboard is either a `device` under /dev/input or the `tty` of another terminal"
            )
        return self


class Keys(Protocol):
    """Keys that can be held down."""

    lost: str

    @property
    def down(self) -> frozenset[str]:
        """Names of the keys that are held down."""
        ...

    def open(self) -> None:
        """Get hold of them; raises DeviceError."""
        ...

    def look(self, now_ns: int) -> tuple[str, ...] | None:
        """Return the keys that were pressed since, None while they are out of reach."""
        ...

    def close(self) -> None:
        """Let go of them."""
        ...


class Keyboard:
    """Held keys move, pressed keys choose."""

    def __init__(self, keys: Keys, jog: Jog) -> None:
        self._keys = keys
        self._jog = jog

    def open(self) -> None:
        """Get hold of the keyboard, and load the arms' model; raises DeviceError."""
        self._jog.open()
        self._keys.open()

    def read(self, now_ns: int, view: View) -> Reading | None:
        """Return where the held keys have moved the arm, None while the keyboard is lost."""
        pressed = self._keys.look(now_ns)
        if pressed is None:
            return None
        for key in pressed:
            if key == _NEXT_ARM:
                self._jog.next_arm()
            elif key == _SPACE:
                self._jog.change_space()
        events = tuple(_EVENTS[key] for key in pressed if key in _EVENTS)
        return self._jog.reading(self._push(), view, now_ns, events)

    def mirror(self, view: View) -> None:
        """Do nothing: keys have no motors."""

    def note(self) -> str:
        """Return what is moved, or why the keyboard is lost."""
        return self._keys.lost or self._jog.note()

    def close(self) -> None:
        """Let go of the keyboard."""
        self._keys.close()

    def _push(self) -> Push:
        axes = np.array([self._between(*pair) for pair in _AXES])
        return Push(axes, self._between(*_GRIPPER))

    def _between(self, back: str, forth: str) -> float:
        down = self._keys.down
        return float(forth in down) - float(back in down)


def make(config: Config, robot: Robot, bus: Bus) -> Keyboard:  # noqa: ARG001 # the seam's arguments
    """Return the keyboard, not yet open."""
    jog = Jog(config, robot)
    if config.tty is not None:
        return Keyboard(TerminalKeys(config.tty), jog)
    return Keyboard(EvdevInput(config.device or Path(), alone=True), jog)
