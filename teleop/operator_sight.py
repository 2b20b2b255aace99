"""How the simulated operator sees that something goes wrong: memory and judgement. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from motion.sight import ON_TABLE_M, Sight

Array = NDArray[np.float64]

Trouble = Literal["dropped", "missed", "pushed", "stalled", "late"]

STALLED_S: Final = 3.0
LATE_S: Final = 13.0  # twice as long as the expert takes

_UP_M: Final = 0.03  # a cube above the table by more has been lifted; fallen by more, dropped
_LEFT_BEHIND_M: Final = 0.07  # a hand so far above a cube on the table has gone without it
_BESIDE_M: Final = 0.09  # a hand that closes so near to the cube means to grip it
_PUSHED_M: Final = 0.025
_STILL_M: Final = 0.01  # what moves less does not move


@dataclass(frozen=True, slots=True)
class Memory:
    """What a person keeps in mind of the last seconds; it begins anew with who commands."""

    since_ns: int
    now_ns: int
    first_cube: Array  # (3,) where it was in the beginning
    highest_m: float  # that a hand has held the cube; the table if none has
    reached: bool  # the right hand has been at the cube, on the table
    places: Array  # (3, 3) of cube and hands, when something last moved
    moved_ns: int  # and when that was


def first_look(sight: Sight, now_ns: int) -> Memory:
    """Return the memory of who has just begun to look."""
    return Memory(now_ns, now_ns, sight.cube, ON_TABLE_M, False, _places(sight), now_ns)


def looked(memory: Memory, sight: Sight, now_ns: int) -> Memory:
    """Return the memory after another look."""
    places = _places(sight)
    moved = bool(np.abs(places - memory.places).max() > _STILL_M)
    return Memory(
        since_ns=memory.since_ns,
        now_ns=now_ns,
        first_cube=memory.first_cube,
        highest_m=max(memory.highest_m, float(sight.cube[2])) if sight.held else memory.highest_m,
        reached=memory.reached or (sight.on_table and sight.at_cube("right")),
        places=places if moved else memory.places,
        moved_ns=now_ns if moved else memory.moved_ns,
    )


def trouble(memory: Memory, sight: Sight, *, waiting: bool) -> Trouble | None:
    """Return what is about to make the episode fail, None while all goes well.

    Args:
        memory: of the looks up to this one.
        sight: what is to be seen now.
        waiting: to hold the lifted cube still is what the instruction asks for.
    """
    if not sight.held and memory.highest_m - float(sight.cube[2]) > _UP_M:
        return "dropped"
    if sight.on_table and not sight.held:
        if _missed(memory, sight):
            return "missed"
        if np.linalg.norm((sight.cube - memory.first_cube)[:2]) > _PUSHED_M:
            return "pushed"
    holding = waiting and sight.lifted and sight.holds("right")
    if memory.now_ns - memory.moved_ns > STALLED_S * 1e9 and not holding:
        return "stalled"
    return "late" if memory.now_ns - memory.since_ns > LATE_S * 1e9 else None


def _missed(memory: Memory, sight: Sight) -> bool:
    """Return whether the right hand closed beside the cube on the table, or left without it."""
    apart = sight.hands["right"].tip - sight.cube
    if memory.reached and apart[2] > _LEFT_BEHIND_M:
        return True
    low = sight.hands["right"].tip[2] < ON_TABLE_M + _UP_M
    return bool(sight.closed("right") and low and np.linalg.norm(apart[:2]) < _BESIDE_M)


def _places(sight: Sight) -> Array:
    return np.array([sight.cube, *(sight.hands[side].tip for side in sorted(sight.hands))])
