"""A gamepad: its sticks move one arm at a time while a shoulder button is held.

Left shoulder: held, the person has the arms; let go, they are handed back. Left stick: forward and
sideways; right stick: up and down; with the right shoulder held the same sticks turn. The triggers
close and open the gripper. In joint space the sticks move the first three joints, with the right
shoulder the last three.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from messaging.transport import Bus
from teleop.device import Event, Reading, Robot, View
from teleop.evdev_input import EvdevInput
from teleop.jog import AXES, DeadZone, Jog, JogConfig, Push

_STICKS: Final = ("ABS_Y", "ABS_X", "ABS_RY")  # forward, left, up: all count the other way round
_TRIGGERS: Final = ("ABS_Z", "ABS_RZ")
_HOLD: Final = "BTN_TL"
_TURN: Final = "BTN_TR"
_NEXT_ARM: Final = "BTN_NORTH"
_SPACE: Final = "BTN_WEST"
_EVENTS: Final = {
    "BTN_EAST": Event("rewind"),
    "BTN_START": Event("success"),
    "BTN_SELECT": Event("fail"),
}


class Config(JogConfig):
    """Which gamepad, and how fast it moves the arms."""

    device: Path  # /dev/input/by-id/...-event-joystick
    dead_zone: DeadZone = 0.12  # of a stick's way from its middle


class Gamepad:
    """Sticks count only while the left shoulder is held."""

    def __init__(self, config: Config, robot: Robot) -> None:
        self._pad = EvdevInput(config.device, alone=False)
        self._jog = Jog(config, robot)
        self._dead_zone = config.dead_zone
        self._held = False

    def open(self) -> None:
        """Get hold of the gamepad, and load the arms' model; raises DeviceError."""
        self._jog.open()
        self._pad.open()
        self._pad.demand((_HOLD, _TURN), (*_STICKS, *_TRIGGERS))

    def read(self, now_ns: int, view: View) -> Reading | None:
        """Return where the sticks have moved the arm, None while the gamepad is lost."""
        pressed = self._pad.look(now_ns)
        if pressed is None:
            # Coming back is no hand-back: only a person who lets go of the shoulder gives one.
            self._held = False
            return None
        if _NEXT_ARM in pressed:
            self._jog.next_arm()
        if _SPACE in pressed:
            self._jog.change_space()
        events = [_EVENTS[name] for name in pressed if name in _EVENTS]
        push = self._push() if _HOLD in self._pad.down else Push()
        return self._jog.reading(push, view, now_ns, (*self._grips(pressed), *events))

    def mirror(self, view: View) -> None:
        """Do nothing: sticks have no motors."""

    def note(self) -> str:
        """Return what is moved, or why the gamepad is lost."""
        return self._pad.lost or self._jog.note()

    def close(self) -> None:
        """Let go of the gamepad."""
        self._pad.close()

    def _grips(self, pressed: tuple[str, ...]) -> list[Event]:
        """Return whether the person took hold, or let go."""
        before, self._held = self._held, _HOLD in self._pad.down
        took = self._held and not before
        let_go = not self._held and (before or _HOLD in pressed)
        return [*([Event("takeover")] if took else []), *([Event("hand_back")] if let_go else [])]

    def _push(self) -> Push:
        axes = np.zeros(AXES)
        first = 3 if _TURN in self._pad.down else 0
        axes[first : first + 3] = [-self._pushed(2.0 * self._pad.stick(s) - 1.0) for s in _STICKS]
        close, open_ = (self._pushed(self._pad.stick(trigger)) for trigger in _TRIGGERS)
        return Push(axes, open_ - close)

    def _pushed(self, way: float) -> float:
        """Return how far a stick is pushed, from its dead zone on."""
        beyond = max(abs(way) - self._dead_zone, 0.0) / (1.0 - self._dead_zone)
        return float(np.sign(way)) * beyond


def make(config: Config, robot: Robot, bus: Bus) -> Gamepad:  # noqa: ARG001 # the seam's arguments
    """Return the gamepad, not yet open."""
    return Gamepad(config, robot)
