"""What recorder and finisher say of themselves: what they do, what is lost, what disk is left."""

from __future__ import annotations

from dataclasses import dataclass

from messaging.messages import Heartbeat

_WORK = ("recording", "finishing")  # how a part of a note begins that is no complaint
_LOSSES = {
    "lost": "records lost",
    "ticks_missed": "control ticks missed",
    "frames_missed": "frames missed",
}


@dataclass(frozen=True, slots=True)
class Told:
    """A heartbeat in words.

    Attributes:
        work: what is being done, empty if nothing is.
        troubles: what is wrong or lost, each in words.
        free_gb: what is left of the disk, None if it is not said.
    """

    work: str = ""
    troubles: tuple[str, ...] = ()
    free_gb: float | None = None


def told(heartbeat: Heartbeat | None) -> Told:
    """Return what a heartbeat of the recorder or of the finisher says."""
    if heartbeat is None:
        return Told()
    parts = [part for part in heartbeat.note.split("; ") if part]
    work = [part for part in parts if part.startswith(_WORK)]
    troubles = [part for part in parts if not part.startswith(_WORK)]
    counters = heartbeat.counters
    troubles += [f"{counters[name]} {word}" for name, word in _LOSSES.items() if counters.get(name)]
    free_mb = counters.get("free_mb")
    free_gb = None if free_mb is None else free_mb * 1e-3
    return Told("; ".join(work), tuple(troubles), free_gb)
