"""The end of a run: processes stop in order, and the dataset is finished behind them."""

from __future__ import annotations

import signal
import textwrap
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from messaging.messages import ControlStatus, Request, SafetyState
from recorder import advice
from recorder.journal import journals
from runtime.shell import command
from runtime.supervisor import Child, Phase, Supervisor
from station.conductor import Conductor
from station.exit_code import ExitCode
from station.record import RunRecord
from station.remedy import stop_in_words

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
# A terminal that is closed, `timeout` and some service managers signal twice, at once.
_AT_ONCE_NS = 1_000_000_000
_NAMED = {"SIGINT": "Ctrl-C", "SIGHUP": "its terminal was closed"}
_POLL_S = 0.1
_MOST_CAUSE = 150  # characters of the last line
_WIDTH = 100
_STUCK_NS = 15_000_000_000
_SILENT_NS = 30_000_000_000  # a finisher that gets no further for longer is not waited for


@dataclass(frozen=True, slots=True)
class Finishing:
    """How far the dataset is behind the run."""

    done: int
    total: int
    note: str  # what the finisher does, in its words


class Ending:
    """Why a run ends: the first failure, else who ended it, else what it waited for in vain.

    Attributes:
        failed: whether something failed.
        interrupts: how often somebody pressed Ctrl-C, or something like it.
    """

    def __init__(self, record: RunRecord, conductor: Conductor) -> None:
        """Write down in `record` why the run of `conductor` ends."""
        self.failed = False
        self.interrupts = 0
        self._interrupted_ns = 0
        self._record = record
        self._conductor = conductor

    def fail(self, why: str) -> None:
        """End the run; only the first failure is a cause, what follows may be its effect."""
        if not self.failed:
            self._record.ending = why
        self.failed = True

    def wish(self, request: Request) -> str:
        """Take a person's wish; returns why it is not granted, empty if it is."""
        refused = self._conductor.wish(request.kind, request.who)
        if request.kind == "end" and not refused:
            self._end(f"ended by {request.who}")
        return refused

    def interrupt(self, number: int, _frame: FrameType | None) -> None:
        """Come to rest first; asked again, hold where the arms are; a third time, just end.

        Whoever presses Ctrl-C again means it; any other signal counts once, however often it comes
        within a second.
        """
        now_ns = time.monotonic_ns()
        is_echo = self.interrupts and now_ns - self._interrupted_ns < _AT_ONCE_NS
        if number != signal.SIGINT and is_echo:
            return
        self.interrupts, self._interrupted_ns = self.interrupts + 1, now_ns
        name = signal.Signals(number).name
        self._end(f"stopped by the operator ({_NAMED.get(name, name)})")

    def conclude(self, state: SafetyState | None) -> None:
        """Write down why the run ended, and which stop somebody who ended it left in force."""
        why = self._record.ending or self._conductor.gave_up or "complete"
        stop = stop_in_words(state) if state and not self.failed else ""
        self._record.ending = f"{why}; in force: {stop}" if stop and stop not in why else why

    @property
    def is_urgent(self) -> bool:
        """Whether the arms are not brought to rest any more: they hold where they are."""
        return self.failed or self.interrupts > 1

    @property
    def exit_code(self) -> ExitCode:
        """How it ended, for scripts."""
        if self.failed:
            return ExitCode.FAILED
        return ExitCode.STOPPED if self._conductor.gave_up else ExitCode.DONE

    def _end(self, why: str) -> None:
        self._record.ending = self._record.ending or why
        self._conductor.stop()


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


def last_lines(record: RunRecord, report: Path | None) -> list[str]:
    """Return how a run ended and why, how its episodes went, and where its report is.

    That is the last line; a cause too long for it comes whole before.
    """
    why = textwrap.shorten(record.ending, _MOST_CAUSE, placeholder=" …")
    whole = [] if len(record.ending) <= _MOST_CAUSE else textwrap.wrap(record.ending, _WIDTH)
    return [*whole, f"ended: {why}{_went(record)}; {_where(report)}"]


def _went(record: RunRecord) -> str:
    trials = len(record.episodes)
    return f", {record.successes} of {trials} succeeded" if trials else ""


def _where(report: Path | None) -> str:
    if report is None:
        return "there is no report"
    here = report.relative_to(Path.cwd()) if report.is_relative_to(Path.cwd()) else report
    return f"report: {here}"


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
