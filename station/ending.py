"""The end of a run: processes stop in order, and the dataset is finished behind them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from messaging.messages import ControlStatus
from recorder import advice
from recorder.journal import journals
from runtime.shell import command
from runtime.supervisor import Child, Phase, Supervisor

FINISHER = "finisher"

# Whoever would take the end of another for a fault goes first, then those who command, those who
# carry commands out, and last those who tell of it all.
_ORDER = (
    "button.",
    "safety",
    "teleop",
    "policy_worker",
    "controller",
    "camera.",
    "arm.",
    "leader.",
    "twin",
    "recorder",
    "mqtt",
    "dashboard",
    "journal",
)
_POLL_S = 0.1
_STUCK_NS = 15_000_000_000
_SILENT_NS = 30_000_000_000  # a finisher that gets no further for longer is not waited for


@dataclass(frozen=True, slots=True)
class Finishing:
    """How far the dataset is behind the run."""

    done: int
    total: int
    note: str  # what the finisher does, in its words


class Progress:
    """Notices when the arms get no further along their plan, however slowly they may go."""

    def __init__(self) -> None:
        self._place: tuple[int, float] | None = None
        self._since_ns = 0

    def is_stuck(self, status: ControlStatus | None, now_ns: int) -> bool:
        """Return whether the controller has not moved on for fifteen seconds."""
        place = (status.epoch, status.cursor) if status else None
        if not self._since_ns or place != self._place:
            self._place, self._since_ns = place, now_ns
        return now_ns - self._since_ns > _STUCK_NS


def stop_all(supervisor: Supervisor) -> None:
    """Stop everybody but the finisher, in order."""
    supervisor.stopping = True
    for prefix in _ORDER:
        supervisor.stop([name for name in supervisor.children if name.startswith(prefix)])


def finished(
    supervisor: Supervisor, directory: Path, give_up: Callable[[], bool]
) -> Iterator[Finishing]:
    """Wait until the finisher has made episodes of all journals; yields how far it is.

    Args:
        supervisor: looks after the finisher.
        directory: of the dataset.
        give_up: whether nobody wants to wait any more.
    """
    child = supervisor.children[FINISHER]
    total = left = _left(child, directory)
    further_ns, said = time.monotonic_ns(), ""
    while left and child.phase is not Phase.DEAD and not give_up():
        supervisor.poll(_POLL_S)
        note = child.heartbeat.note if child.heartbeat else ""
        now_left = _left(child, directory)
        if (now_left, note) != (left, said):
            further_ns = time.monotonic_ns()
        left, said = now_left, note
        if time.monotonic_ns() - further_ns > _SILENT_NS:
            return
        yield Finishing(total - left, total, note)


def _left(finisher: Child, directory: Path) -> int:
    """Return of how many journals an episode can still be made."""
    refused = finisher.heartbeat.counters.get("refused", 0) if finisher.heartbeat else 0
    return max(0, len(journals(directory)) - refused)


def unfinished(directory: Path) -> str:
    """Return what is left to do, empty if every journal has become an episode."""
    left = len(journals(directory))
    if not left:
        return ""
    journal = "1 journal is" if left == 1 else f"{left} journals are"
    return (
        f"{journal} not finished yet: nothing is lost, the next launch with "
        f"{command('--record', directory)} goes on with it, or {advice.repair(directory)}"
    )
