"""The button seam: something that a person presses to stop the robot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class ButtonError(RuntimeError):
    """A button that cannot be used; says why and what to do."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What a button knows of itself beside being pressed."""

    loss_stops: bool  # a button out of reach stops the robot too
    lost: str = ""  # why it is out of reach, and the remedy; empty while it is there


class Button(Protocol):
    """A plugin in `safety/buttons/<name>.py` with `Config` and `make(config, button)`."""

    def open(self) -> None:
        """Get hold of the device; raises ButtonError with a remedy if that fails."""
        ...

    def wait(self, timeout_s: float) -> bool:
        """Wait for a change for up to `timeout_s`; True if it was pressed since the last call.

        A button that is held down counts as pressed at every call, and is no change. A device
        that is gone is not pressed: `condition` tells of it.
        """
        ...

    def condition(self) -> Condition:
        """Return how the button is, at once."""
        ...

    def close(self) -> None:
        """Let go of the device."""
        ...
