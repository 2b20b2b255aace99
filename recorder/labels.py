"""Who commanded each tick, whose correction it was, and where motion is not to be joined."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d, minimum_filter1d

from recorder.layout import Source
from recorder.recorded import Stamps, Values

MOVED: Final = 0.01  # rad, or of a gripper's way: less is an arm that a person left still
AROUND_S: Final = 0.3
_APART_NS: Final = 30_000_000  # ticks further apart belong to two segments

Flags = NDArray[np.bool_]
Codes = NDArray[np.int64]

_PERSON: Final = (Source.DEMO, Source.INTERVENTION)


def sources(
    commanders: Sequence[str], modes: Sequence[str], chunks: Sequence[int], rewinding: Flags
) -> Codes:
    """Return the Source of each tick.

    Args:
        commanders: as in ControlStatus.
        modes: as there.
        chunks: number of the newest chunk in the plan: from a hand-back until it changes, the
            motion is nobody's.
        rewinding: whether the person's device plays the path backwards.
    """
    found = np.empty(len(commanders), np.int64)
    handed_back, last_chunk = False, 0
    for tick, (commander, mode, chunk) in enumerate(zip(commanders, modes, chunks, strict=True)):
        if commander == "human":
            found[tick] = Source.REWIND if rewinding[tick] else Source.INTERVENTION
            handed_back, last_chunk = True, chunk
            continue
        handed_back = handed_back and mode == "run" and chunk == last_chunk
        if commander in ("home", "rest"):
            found[tick] = Source.RESET
        elif handed_back:
            found[tick] = Source.HANDOVER
        else:
            found[tick] = Source.AUTO if commander == "policy" else Source.PAUSED
    if not np.any(found == Source.AUTO):
        found[found == Source.INTERVENTION] = Source.DEMO
    return found


def data_type(found: Codes) -> str:
    """Return what kind of episode it is by the sources of its ticks: demo, auto, intervention."""
    if np.any(found == Source.DEMO):
        return "demo"
    return "intervention" if np.any(found == Source.INTERVENTION) else "auto"


def moved_by_person(found: Codes, human: Values, dt_s: float) -> Flags:
    """Return where a person moved the joints of an arm, and did not only hold it.

    Args:
        found: Source of each tick.
        human: (n, J) what the device says of this arm's joints, nan where it does not name one.
        dt_s: between two ticks.
    """
    moved = np.zeros(len(found), bool)
    size = 2 * round(AROUND_S / dt_s) + 1
    highest, lowest = np.nan_to_num(human, nan=-np.inf), np.nan_to_num(human, nan=np.inf)
    for begin, end in _runs(np.isin(found, _PERSON)):
        spread = maximum_filter1d(
            highest[begin:end], size, axis=0, mode="nearest"
        ) - minimum_filter1d(lowest[begin:end], size, axis=0, mode="nearest")
        moved[begin:end] = np.any(spread > MOVED, axis=1)
    named: Flags = np.any(~np.isnan(human), axis=1)
    return moved & named


def corrections(found: Codes) -> Codes:
    """Return which correction each tick is part of, the rewinding before it included, else -1."""
    numbers = np.full(len(found), -1, np.int64)
    runs = _runs(np.isin(found, (Source.INTERVENTION, Source.REWIND)))
    for number, (begin, end) in enumerate(runs):
        numbers[begin:end] = number
    return numbers


def segments(t_ns: Stamps, epochs: Codes, found: Codes) -> Codes:
    """Return the number of the segment of each tick: a new one where motion must not be joined."""
    breaks = (np.diff(epochs) != 0) | (np.diff(found) != 0) | (np.diff(t_ns) > _APART_NS)
    return np.concatenate([[0], np.cumsum(breaks)]).astype(np.int64)


def _runs(flags: Flags) -> list[tuple[int, int]]:
    """Return begin and end of every run of what is true."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return [(int(begin), int(end)) for begin, end in zip(edges[::2], edges[1::2], strict=True)]
