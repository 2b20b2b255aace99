"""Who commands: what is directed, permitted and wished by a person, put together. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from controller.mode import HUMAN
from motion.leave import permits

# Nobody is there; somebody is and lets the policy command; somebody commands; somebody who
# commanded has fallen silent.
Wish = Literal["none", "watches", "commands", "silent"]


@dataclass(frozen=True, slots=True)
class Decision:
    """Who commands, and whether a person was lost."""

    mode: str
    lost: bool


def decided(directed: str, motion: str, wish: Wish, lost: bool) -> Decision:
    """Return the mode that is in force.

    A person commands during a run, never the station. One who falls silent while commanding is
    lost, and control goes to nobody: the arms hold, whoever speaks again, until a person lets go.

    Args:
        directed: mode that the station directs.
        motion: what is permitted, one of messages.MOTIONS.
        wish: what the person wants now.
        lost: whether a person had been lost by the last decision.
    """
    lost = wish == "silent" or (lost and wish != "watches")
    mode = permitted("hold" if directed == HUMAN else directed, motion)
    if mode == "run" and lost:
        mode = "hold"
    elif mode == "run" and wish == "commands":
        mode = HUMAN
    return Decision(mode, lost)


def permitted(mode: str, motion: str) -> str:
    """Return the mode that comes of `mode` where no more than `motion` is permitted."""
    if motion == "rest":
        return "rest"
    return mode if mode != "run" or permits(motion, "all") else "hold"
