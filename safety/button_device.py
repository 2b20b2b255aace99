"""Buttons whose device can be unplugged: they tell of it and look for it until it is back."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from typing import Protocol

from safety.button import ButtonError, Condition

_LOOK_AGAIN_NS = 500_000_000


class Device(Protocol):
    """An open device."""

    def pressed(self, timeout_s: float) -> bool:
        """Wait as `Button.wait` does; raises OSError or ButtonError when it is gone."""
        ...

    def release(self) -> None:
        """Close it, be it there or gone."""
        ...


class DeviceButton(ABC):
    """Everything of a button but its device, which a subclass opens in `_opened`."""

    def __init__(self, *, loss_stops: bool) -> None:
        self._loss_stops = loss_stops
        self._device: Device | None = None
        self._lost = "not open yet"
        self._look_ns = 0

    @abstractmethod
    def _opened(self) -> Device:
        """Return the open device; raises OSError or ButtonError if there is none."""

    def open(self) -> None:
        """Get hold of the device; raises ButtonError if that fails."""
        if self._reach() is None:
            raise ButtonError(self._lost)

    def wait(self, timeout_s: float) -> bool:
        """Wait for a change for up to `timeout_s`; True if it was pressed since the last call."""
        device = self._device or self._found()
        if device is None:
            time.sleep(timeout_s)
            return False
        try:
            return device.pressed(timeout_s)
        except (OSError, ButtonError) as error:
            self._lost = str(error)
            self.close()
            return False

    def condition(self) -> Condition:
        """Return whether the device is there."""
        return Condition(self._loss_stops, self._lost)

    def close(self) -> None:
        """Let go of the device."""
        if self._device is not None:
            self._device.release()
            self._device = None

    def _found(self) -> Device | None:
        now_ns = time.monotonic_ns()
        if now_ns < self._look_ns:
            return None
        self._look_ns = now_ns + _LOOK_AGAIN_NS
        return self._reach()

    def _reach(self) -> Device | None:
        try:
            self._device = self._opened()
        except (OSError, ButtonError) as error:
            self._lost = str(error)
            return None
        self._lost = ""
        return self._device
