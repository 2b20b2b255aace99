"""What servos reply, and what it means if they refuse or say nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from drivers.dynamixel.packets import Packet
from drivers.dynamixel.registers import ALERT, REFUSALS


class NoAnswerError(Exception):
    """A servo that did not answer in time."""


class RefusedError(Exception):
    """A servo that answered that it would not do it, and why."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a servo answers to a ping."""

    model: int  # the number of one of MODELS
    firmware: int


class Answer(NamedTuple):
    """What one servo answered."""

    data: bytes
    error: int  # with ALERT, if a hardware error is latched
    t_ns: int  # when it had arrived


def identity(data: bytes) -> Identity:
    """Return what the data of an answer to a ping says."""
    return Identity(model=int.from_bytes(data[:2], "little"), firmware=data[2])


def agreed(answer: Packet | None, servo: int, task: str) -> bytes:
    """Return the data of a servo that did its `task`; raises NoAnswerError or RefusedError."""
    if answer is None:
        raise NoAnswerError(
            f"servo {servo} did not answer when asked to {task}: check its power, its cable, and "
            "that no other servo has its id"
        )
    if code := answer.error & ~ALERT:
        reason = REFUSALS.get(code, f"error {code}, which is not documented")
        raise RefusedError(f"servo {servo} refused to {task}: {reason}")
    return answer.data
