"""What the newest permit says to an arm: whether to follow a command, whether to let go."""

from __future__ import annotations

from messaging.messages import CUT, OFF, Permit
from motion.leave import MOST_AGE_NS, NONE, allowed

NO_PERMIT = "no permit"
NO_LEAVE = "no leave to move"
OTHER_LEAVE = "command without the present leave"


def denial(permit: Permit | None, now_ns: int) -> str:
    """Return why nothing may move now, empty if something may.

    Args:
        permit: the newest that was heard, None before the first.
        now_ns: the present time.
    """
    if allowed(permit, now_ns) != NONE:
        return ""
    return NO_LEAVE if permit is not None and _counts(permit, now_ns) else NO_PERMIT


def refusal(permit: Permit | None, now_ns: int, epoch: int) -> str:
    """Return why a command must not be followed now, empty if it may be.

    Args:
        permit: the newest that was heard, None before the first.
        now_ns: the present time.
        epoch: of the permit under which the command was given.
    """
    denied = denial(permit, now_ns)
    if denied:
        return denied
    return "" if permit is not None and permit.epoch == epoch else OTHER_LEAVE


def withdraws(permit: Permit, before: Permit | None, now_ns: int) -> bool:
    """Return whether a permit ends the leave that stood before it, or gives an order.

    A leave of another epoch is another one: between the two there was none.
    """
    if ordered(permit, now_ns) != ordered(before, now_ns):
        return True
    if before is None or denial(before, now_ns):
        return False
    return permit.epoch != before.epoch or denial(permit, now_ns) != ""


def ordered(permit: Permit | None, now_ns: int) -> str:
    """Return what is to be done about the torque: OFF, CUT, or nothing.

    An arm is not told to let go and to move at once: OFF beside any leave to move is no order.
    """
    if permit is None or not _counts(permit, now_ns):
        return ""
    if permit.order == OFF and permit.motion != NONE:
        return ""
    return permit.order if permit.order in (OFF, CUT) else ""


def _counts(permit: Permit, now_ns: int) -> bool:
    return 0 <= now_ns - permit.t_ns <= MOST_AGE_NS
