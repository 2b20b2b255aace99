"""Leave to move: what the newest permit allows now. Pure; silence is a no."""

from __future__ import annotations

from typing import Final

from messaging.messages import MOTIONS, Permit

MOST_AGE_NS: Final = 200_000_000  # ten permits in a row that did not come
NONE: Final = MOTIONS[0]


def allowed(permit: Permit | None, now_ns: int) -> str:
    """Return which of MOTIONS `permit`, the newest one, allows at `now_ns`; old, it allows none."""
    if permit is None or permit.motion not in MOTIONS:
        return NONE
    # One from the future was stamped by a clock that cannot be compared with this one.
    return permit.motion if 0 <= now_ns - permit.t_ns <= MOST_AGE_NS else NONE


def permits(motion: str, wanted: str) -> bool:
    """Return whether leave for `motion` covers what is `wanted`; both are among MOTIONS."""
    return MOTIONS.index(motion) >= MOTIONS.index(wanted)
