"""A library and devices that stand in for evdev: what is written into a pipe is what is read."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import NamedTuple

_KEYS = {
    "KEY_TAB": 15,
    "KEY_W": 17,
    "KEY_R": 19,
    "KEY_Y": 21,
    "KEY_ENTER": 28,
    "KEY_S": 31,
    "KEY_G": 34,
    "KEY_H": 35,
    "KEY_B": 48,
    "KEY_M": 50,
    "BTN_SOUTH": 304,
    "BTN_A": 304,
    "BTN_EAST": 305,
    "BTN_NORTH": 307,
    "BTN_WEST": 308,
    "BTN_TL": 310,
    "BTN_TR": 311,
    "BTN_SELECT": 314,
    "BTN_START": 315,
}
_STICKS = {"ABS_X": 0, "ABS_Y": 1, "ABS_Z": 2, "ABS_RX": 3, "ABS_RY": 4, "ABS_RZ": 5}
_EVENT = struct.Struct("=HHi")


def _by_code(names: dict[str, int]) -> dict[int, str | tuple[str, ...]]:
    """Return the names by code, as evdev does: several in a tuple."""
    codes: dict[int, str | tuple[str, ...]] = {}
    for code in names.values():
        same = tuple(sorted(name for name, other in names.items() if other == code))
        codes[code] = same if len(same) > 1 else same[0]
    return codes


CODES = SimpleNamespace(
    EV_SYN=0,
    EV_KEY=1,
    EV_ABS=3,
    SYN_DROPPED=3,
    ecodes={**_KEYS, **_STICKS},
    bytype={1: _by_code(_KEYS), 3: _by_code(_STICKS)},
)


@dataclass(frozen=True)
class FakeEvent:
    type: int
    code: int
    value: int


class Span(NamedTuple):
    value: int
    min: int
    max: int


@dataclass
class FakeInput:
    """A keyboard and gamepad in one, plugged in at any path.

    Attributes:
        absent: nothing is plugged in.
        grabs: how often somebody wanted to be alone with it.
        held: names of what is down when somebody opens it.
        keys: names of what it has.
        sticks: where its axes are when somebody opens it; ends at 0 and 255.
    """

    absent: bool = False
    grabs: int = 0
    opened: int = 0
    held: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=lambda: list(_KEYS))
    sticks: dict[str, int] = field(
        default_factory=lambda: {
            name: 0 if name in ("ABS_Z", "ABS_RZ") else 128 for name in _STICKS
        }
    )
    fd: int = -1
    _feed: int = -1

    def library(self) -> SimpleNamespace:
        """Return what is imported in place of evdev."""
        return SimpleNamespace(ecodes=CODES, InputDevice=self._open)

    def _open(self, path: str) -> FakeInput:
        if self.absent:
            raise FileNotFoundError(2, "No such file or directory", path)
        self.opened += 1
        self.fd, self._feed = os.pipe()
        os.set_blocking(self.fd, False)
        return self

    def capabilities(self, absinfo: bool = True) -> dict[int, list[object]]:
        spans = [(_STICKS[name], Span(value, 0, 255)) for name, value in self.sticks.items()]
        sticks: list[object] = list(spans) if absinfo else [code for code, _ in spans]
        return {0: [0, 1], 1: [_KEYS[name] for name in self.keys], 3: sticks}

    def grab(self) -> None:
        self.grabs += 1

    def active_keys(self) -> list[int]:
        return [_KEYS[name] for name in self.held]

    def read(self) -> Iterator[FakeEvent]:
        data = os.read(self.fd, 4096)
        if not data:
            raise OSError(19, "No such device")
        return (FakeEvent(*fields) for fields in _EVENT.iter_unpack(data))

    def close(self) -> None:
        os.close(self.fd)
        self.unplug()

    # -- what a person does --------------------------------------------------------------------

    def press(self, *names: str) -> None:
        for name in names:
            self._write(CODES.EV_KEY, _KEYS[name], 1)

    def repeat(self, name: str) -> None:
        self._write(CODES.EV_KEY, _KEYS[name], 2)

    def release(self, *names: str) -> None:
        for name in names:
            self._write(CODES.EV_KEY, _KEYS[name], 0)

    def push(self, stick: str, value: int) -> None:
        self._write(CODES.EV_ABS, _STICKS[stick], value)

    def drop(self) -> None:
        """Lose events, as the system does when nobody reads them."""
        self._write(CODES.EV_SYN, CODES.SYN_DROPPED, 0)

    def unplug(self) -> None:
        if self._feed >= 0:
            os.close(self._feed)
            self._feed = -1

    def _write(self, kind: int, code: int, value: int) -> None:
        os.write(self._feed, _EVENT.pack(kind, code, value) + _EVENT.pack(CODES.EV_SYN, 0, 0))
