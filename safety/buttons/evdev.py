"""A USB foot pedal or button that shows up as a keyboard, under /dev/input.

Needs `pip install 'evenhand[pedal]'`, and a user who may read the device.
"""

from __future__ import annotations

import contextlib
import importlib
import select
from pathlib import Path
from typing import Any

from pydantic import model_validator

from runtime.config import StrictModel
from safety.button import ButtonError
from safety.button_device import DeviceButton

_LIBRARY = "evdev"


class Config(StrictModel):
    """Which device, and which of its keys."""

    device: Path  # /dev/input/by-id/usb-...-event-kbd, which stays the same in another socket
    keys: tuple[str, ...] = ()  # KEY_B for instance; any key of the device if none is named
    normally_closed: bool = False  # the keys are down while nobody presses
    loss_stops: bool = False  # unplugged, it stops the robot; so does what is normally closed

    @model_validator(mode="after")
    def _closed_keys_have_names(self) -> Config:
        if self.normally_closed and not self.keys:
            raise ValueError("normally_closed needs `keys`: which are down while nobody presses")
        return self


class Pedal:
    """The open device."""

    def __init__(self, config: Config) -> None:
        self._codes_of = _imported().ecodes
        self._config = config
        self._device = self._opened()
        try:
            self._wanted = self._codes()
            # Else a pedal types into whatever has the focus.
            self._device.grab()
            self._down = self._held()
        except BaseException:
            self._device.close()
            raise
        self._poll = select.poll()
        self._poll.register(self._device.fd, select.POLLIN)

    def pressed(self, timeout_s: float) -> bool:
        """Wait for a key, and return whether one is pressed or was."""
        pressed = self._is_pressed
        if self._poll.poll(timeout_s * 1e3):
            with contextlib.suppress(BlockingIOError):
                for event in self._device.read():
                    pressed = self._presses(event) or pressed
        return pressed

    def release(self) -> None:
        """Close the device."""
        self._device.close()

    @property
    def _is_pressed(self) -> bool:
        if self._config.normally_closed:
            return not self._wanted <= self._down
        return bool(self._down)

    def _presses(self, event: Any) -> bool:
        """Take an event, and return whether it means that somebody pressed."""
        codes = self._codes_of
        if event.type == codes.EV_SYN and event.code == codes.SYN_DROPPED:
            self._down = self._held()
            return True  # among the events that were lost there may have been a press
        if event.type == codes.EV_KEY and event.code in self._wanted:
            self._down = self._down | {event.code} if event.value else self._down - {event.code}
        return self._is_pressed

    def _held(self) -> frozenset[int]:
        return frozenset(self._device.active_keys()) & self._wanted

    def _codes(self) -> frozenset[int]:
        """Return the codes of the keys to listen to."""
        codes = self._codes_of
        has = frozenset(self._device.capabilities().get(codes.EV_KEY, ()))
        wanted = frozenset(codes.ecodes.get(name, -1) for name in self._config.keys) or has
        if not wanted or not wanted <= has:
            there = sorted(name for name, code in codes.ecodes.items() if _is_key(name, code, has))
            raise ButtonError(
                f"{self._config.device} has no keys {', '.join(self._config.keys)};"
                f" there are: {', '.join(there[:20]) or 'none'}"
            )
        return wanted

    def _opened(self) -> Any:
        path = self._config.device
        try:
            return _imported().InputDevice(str(path))
        except OSError as error:
            raise ButtonError(
                f"cannot open {path} ({error.strerror or error}): is it plugged in, and are you in"
                " the group `input`?"
            ) from error


def _is_key(name: str, code: Any, has: frozenset[int]) -> bool:
    return name.startswith(("KEY_", "BTN_")) and code in has


class EvdevButton(DeviceButton):
    """A pedal that may be unplugged."""

    def __init__(self, config: Config) -> None:
        super().__init__(loss_stops=config.loss_stops or config.normally_closed)
        self._config = config

    def _opened(self) -> Pedal:
        return Pedal(self._config)


def _imported() -> Any:
    try:
        return importlib.import_module(_LIBRARY)
    except ImportError as error:
        raise ButtonError(
            f"a pedal needs the package {_LIBRARY} ({error}); run `pip install 'evenhand[pedal]'`"
        ) from error


def make(config: Config, button: str) -> EvdevButton:  # noqa: ARG001 # the seam's arguments
    """Return the button, not yet open."""
    return EvdevButton(config)
