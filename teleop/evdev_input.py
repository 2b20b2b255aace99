"""A keyboard or gamepad under /dev/input: what is held and pressed, where its sticks are.

Needs `pip install 'evenhand[pedal]'`, and a user who may read the device.
"""

from __future__ import annotations

import contextlib
import importlib
from pathlib import Path
from typing import Any, Final

from teleop.device import DeviceError

_LIBRARY: Final = "evdev"
_LOOK_AGAIN_NS: Final = 500_000_000


class EvdevInput:
    """One device, which may be unplugged and come back.

    Attributes:
        down: names of the keys and buttons that are held down, KEY_W or BTN_TL for instance.
        lost: why it is out of reach, and the remedy; empty while it is there.
    """

    def __init__(self, path: Path, *, alone: bool) -> None:
        """The device at `path`, not yet open; `alone`: nobody else hears it."""
        self.down: frozenset[str] = frozenset()
        self.lost = ""
        self._path = path
        self._alone = alone
        self._device: Any = None
        self._sticks: dict[str, float] = {}
        self._spans: dict[str, tuple[int, int]] = {}
        self._again_ns = 0

    def open(self) -> None:
        """Get hold of the device; raises DeviceError with a remedy if that fails."""
        library = _imported()
        try:
            self._device = library.InputDevice(str(self._path))
        except OSError as error:
            raise DeviceError(
                f"cannot open {self._path} ({error.strerror or error}): is it plugged in, and are "
                "you in the group `input`?"
            ) from error
        try:
            if self._alone:
                self._device.grab()
            self._look_whole()
        except OSError as error:
            self.close()
            raise DeviceError(f"cannot use {self._path}: {error.strerror or error}") from error
        self.lost = ""

    def look(self, now_ns: int) -> tuple[str, ...] | None:
        """Take in what happened; returns the keys that were pressed, None while it is lost."""
        if self._device is None and not self._found_again(now_ns):
            return None
        pressed: list[str] = []
        try:
            with contextlib.suppress(BlockingIOError):
                for event in self._device.read():
                    self._take(event, pressed)
        except OSError as error:
            self.close()
            self.lost = f"{self._path} is gone ({error.strerror or error}): plug it in again"
            self._again_ns = now_ns + _LOOK_AGAIN_NS
            return None
        return tuple(pressed)

    def stick(self, name: str) -> float:
        """Return where an axis, ABS_X for instance, is between its ends: 0..1, 0.5 unknown."""
        return self._sticks.get(name, 0.5)

    def demand(self, keys: tuple[str, ...], sticks: tuple[str, ...] = ()) -> None:
        """Raise DeviceError unless the device has these keys and axes."""
        codes = _imported().ecodes
        has = self._device.capabilities(absinfo=False)
        missing = [
            name
            for kind, names in ((codes.EV_KEY, keys), (codes.EV_ABS, sticks))
            for name in names
            if codes.ecodes.get(name, -1) not in has.get(kind, ())
        ]
        if missing:
            raise DeviceError(
                f"{self._path} has no {', '.join(missing)}: is it the right device? `evtest` shows "
                "what each one has"
            )

    def close(self) -> None:
        """Let go of the device; nothing is held down any more."""
        if self._device is not None:
            self._device.close()
        self._device = None
        self.down, self._sticks = frozenset(), {}

    def _found_again(self, now_ns: int) -> bool:
        if now_ns < self._again_ns:
            return False
        self._again_ns = now_ns + _LOOK_AGAIN_NS
        try:
            self.open()
        except DeviceError as error:
            self.lost = str(error)
            return False
        return True

    def _take(self, event: Any, pressed: list[str]) -> None:
        codes = _imported().ecodes
        if event.type == codes.EV_SYN and event.code == codes.SYN_DROPPED:
            self._look_whole()
        elif event.type == codes.EV_KEY:
            names = _names(codes.bytype[codes.EV_KEY].get(event.code, ()))
            if event.value == 1:
                pressed.extend(names)
            self.down = self.down | set(names) if event.value else self.down - set(names)
        elif event.type == codes.EV_ABS:
            for name in _names(codes.bytype[codes.EV_ABS].get(event.code, ())):
                self._place(name, event.value)

    def _look_whole(self) -> None:
        """Take in how everything is, whatever was missed."""
        codes = _imported().ecodes
        held = (codes.bytype[codes.EV_KEY].get(code, ()) for code in self._device.active_keys())
        self.down = frozenset(name for names in held for name in _names(names))
        for code, info in self._device.capabilities().get(codes.EV_ABS, ()):
            for name in _names(codes.bytype[codes.EV_ABS].get(code, ())):
                self._spans[name] = (info.min, info.max)
                self._place(name, info.value)

    def _place(self, name: str, value: int) -> None:
        low, high = self._spans.get(name, (0, 0))
        if high > low:
            self._sticks[name] = min(max((value - low) / (high - low), 0.0), 1.0)


def _names(names: str | tuple[str, ...] | list[str]) -> tuple[str, ...]:
    """Return all names of a code, some of which have several."""
    return (names,) if isinstance(names, str) else tuple(names)


def _imported() -> Any:
    try:
        return importlib.import_module(_LIBRARY)
    except ImportError as error:
        raise DeviceError(
            f"this device needs the package {_LIBRARY} ({error}); "
            "run `pip install 'evenhand[pedal]'`"
        ) from error
