"""Pedals: what a foot asks for, whatever the hands hold."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import field_validator

from runtime.config import StrictModel
from teleop.device import LABELS, WISHES, Event
from teleop.evdev_input import EvdevInput

_WORDLESS = tuple(kind for kind in LABELS if kind not in ("note", "subtask"))


class PedalConfig(StrictModel):
    """One box of pedals, which shows up as a keyboard, and what each of its keys asks for."""

    device: Path  # /dev/input/by-id/...-event-kbd
    keys: dict[str, str]  # KEY_B: toggle; `evtest` shows the names

    @field_validator("keys")
    @classmethod
    def _ask_for_what_there_is(cls, keys: dict[str, str]) -> dict[str, str]:
        known = (*WISHES, *_WORDLESS)
        for key, kind in keys.items():
            if kind not in known:
                raise ValueError(f"{key}: no request {kind!r}; there are {', '.join(known)}")
        return keys


class Pedals:
    """All boxes of pedals of a launch; one that is unplugged is looked for again."""

    def __init__(self, configs: Mapping[str, PedalConfig]) -> None:
        self._boxes = [
            (name, EvdevInput(config.device, alone=True), config.keys)
            for name, config in configs.items()
        ]

    def open(self) -> None:
        """Get hold of them; raises DeviceError with a remedy if one is not there."""
        for _, box, keys in self._boxes:
            box.open()
            box.demand(tuple(keys))

    def events(self, now_ns: int) -> tuple[Event, ...]:
        """Return what was asked for since the last call."""
        return tuple(
            Event(keys[key])
            for _, box, keys in self._boxes
            for key in box.look(now_ns) or ()
            if key in keys
        )

    def note(self) -> str:
        """Return which are out of reach, and the remedy; empty while all are there."""
        return "; ".join(f"pedal {name}: {box.lost}" for name, box, _ in self._boxes if box.lost)

    def close(self) -> None:
        """Let go of them."""
        for _, box, _ in self._boxes:
            box.close()
