"""The live view of a run in the terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from dashboard.recording import Told, told
from messaging.messages import ControlStatus, HumanCommand, SafetyState, TaskState
from runtime.supervisor import Phase
from station.collected import (
    commander_text,
    finishing_bar,
    kept,
    keys_text,
    recorder_text,
)
from station.ending import Finishing
from station.keys import Key
from station.process_rows import ProcessView, table_of
from station.record import RunRecord, clock
from station.remedy import next_step, passing_in_words, stop_in_words

_SAFETY_STYLES = {
    "disarmed": ("○", "bright_black"),
    "testing": ("◐", "cyan"),
    "armed": ("◐", "bold cyan"),
    "running": ("●", "bold green"),
    "stopped": ("■", "bold white on red"),
}
_QUIET = "bright_black"
_SHOWN_EVENTS = 7  # as many lines as are told of control
_FULL_RUNWAY_S = 1.0
_GOOD_RUNWAY_S, _SHORT_RUNWAY_S = 0.4, 0.15
_MOST_PROCESSES = 12, 11  # that fit a terminal of 24 lines: without, and with what is collected


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A moment of the station, complete enough to be drawn."""

    title: str  # what is driven: the twin or the arms
    t_ns: int
    processes: Mapping[str, ProcessView]
    record: RunRecord
    status: ControlStatus | None = None
    chunk_arrival_ns: int = 0  # of the newest chunk
    inference_ms: Sequence[float] = ()  # of the last chunks, newest last
    task: TaskState | None = None
    safety: SafetyState | None = None
    human: HumanCommand | None = None  # the newest, None where nobody can take over
    stage: str = ""  # of the run, in words
    keys: Sequence[Key] | None = None  # of this terminal, where Space stops; None without one
    finishing: Finishing | None = None  # once the run waits for nothing but its dataset
    instruction: str = ""
    episodes: int | None = None  # that the run shall have, None for no end

    @property
    def collects(self) -> bool:
        """Whether a person may command, or all is recorded."""
        return bool({"teleop", "recorder"} & set(self.processes))

    @property
    def recording(self) -> Told | None:
        """What the recorder says, None without one."""
        recorder = self.processes.get("recorder")
        if recorder is None:
            return None
        if recorder.phase is Phase.STALLED:
            return Told(troubles=("the recorder is silent",))
        if recorder.phase is Phase.DEAD:
            return Told(troubles=("nobody records",))
        return told(recorder.heartbeat)


def render(snapshot: Snapshot) -> RenderableType:
    """Return the view of a moment; while all is well it fits a terminal of 80 by 24."""
    if snapshot.finishing:
        return Group(_header(snapshot), finishing_bar(snapshot.finishing))
    below = Table.grid(expand=True, padding=(0, 1))
    below.add_column(ratio=4)
    below.add_column(ratio=3)
    below.add_row(_title("control"), _title("events"))
    below.add_row(_control(snapshot), _events(snapshot))
    most = _MOST_PROCESSES[snapshot.collects]
    processes = table_of(snapshot.processes, snapshot.t_ns, most)
    return Group(_header(snapshot), _safety(snapshot), processes, below)


def _header(snapshot: Snapshot) -> RenderableType:
    line = Table.grid(expand=True)
    line.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    line.add_column(justify="right", no_wrap=True)
    name = Text.assemble((" evenhand ", "bold white on blue"), " ", snapshot.title)
    right = Text(" ") + recorder_text(snapshot.recording) if snapshot.recording else Text()
    line.add_row(
        name, right + Text(f" {clock(snapshot.t_ns - snapshot.record.started_ns)}", _QUIET)
    )
    return line


def _safety(snapshot: Snapshot) -> RenderableType:
    """Return two lines: what may move or what stopped it, and what a person can do."""
    state = snapshot.safety
    first, second = Text(no_wrap=True, overflow="ellipsis"), Text(no_wrap=True, overflow="ellipsis")
    if state is None:
        first.append("? safety is silent: nothing may move", "bold yellow")
    else:
        icon, style = _SAFETY_STYLES.get(state.phase, ("?", "bold yellow"))
        first.append(f"{icon} {state.phase.upper()}", style)
        stage = "" if snapshot.stage == state.phase else snapshot.stage
        first.append(f"  {stop_in_words(state) or '; '.join(passing_in_words(state)) or stage}")
    step = next_step(state, snapshot.record.robot) if state else ""
    if snapshot.keys is not None:
        second.append_text(keys_text([] if step else snapshot.keys))
    if step:
        second.append("   next: " if second else "next: ", _QUIET)
        second.append(step)
    return Group(first, second)


def _control(snapshot: Snapshot) -> RenderableType:
    status, record = snapshot.status, snapshot.record
    table = Table.grid(expand=True, padding=(0, 1, 0, 0))
    table.add_column(style=_QUIET, no_wrap=True)
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    done = Text(f"   {record.successes} of {len(record.episodes)} succeeded", "bold")
    table.add_row("commands", commander_text(status, snapshot.human).append_text(done))
    table.add_row("episode", _episode(snapshot))
    if snapshot.collects:
        table.add_row("kept", kept(record.tally))
    table.add_row("inference", _inference(snapshot))
    if status is not None:
        table.add_row("runway", _runway(status))
        apart_mrad = status.disagreement_rad * 1e3
        table.add_row("jerk", Text(f"{status.jerk:.1f} rad/s³, chunks apart {apart_mrad:.1f} mrad"))
        table.add_row("chunks", _counts(merged=status.chunks, dropped=counted(status, "dropped.")))
        table.add_row("ticks", _counts(missed=_missed(snapshot), limited=counted(status, "limit.")))
    return table


def _episode(snapshot: Snapshot) -> Text:
    number = f"{snapshot.task.episode}" if snapshot.task else "-"
    success = "success  " if snapshot.task and snapshot.task.success else ""
    return Text.assemble(f"{number}  ", (success, "bold green"), snapshot.instruction)


def _inference(snapshot: Snapshot) -> Text:
    if not snapshot.inference_ms:
        return Text("-", _QUIET)
    p50, p95 = (quantile(snapshot.inference_ms, percent) for percent in (50, 95))
    text = Text(f"{p50:.0f} ms, p95 {p95:.0f} ms")
    if snapshot.chunk_arrival_ns:
        age_s = (snapshot.t_ns - snapshot.chunk_arrival_ns) * 1e-9
        text.append(f", {age_s:.1f} s ago", _QUIET if age_s < 1 else "yellow")
    return text


def _runway(status: ControlStatus) -> RenderableType:
    left_s = status.runway_s
    colour = "green" if left_s > _GOOD_RUNWAY_S else "yellow" if left_s > _SHORT_RUNWAY_S else "red"
    bar = ProgressBar(
        total=_FULL_RUNWAY_S,
        completed=min(left_s, _FULL_RUNWAY_S),
        width=8,
        complete_style=colour,
        finished_style=colour,
    )
    line = Table.grid(padding=(0, 1))
    line.add_row(bar, Text(f"{left_s:.2f} s", colour), _clock(status.rate))
    return line


def _clock(rate: float) -> Text:
    if rate >= 0.999:
        return Text("full speed")
    return Text("standing", "yellow") if rate <= 0.001 else Text(f"slowed to {rate:.0%}", "yellow")


def _counts(**counts: int) -> Text:
    text = Text()
    for name, count in counts.items():
        notable = count and name != "merged"
        text.append(f"{count} ", "yellow" if notable else "")
        text.append(f"{name}   ", _QUIET)
    return text


def _missed(snapshot: Snapshot) -> int:
    controller = snapshot.processes.get("controller")
    beat = controller.heartbeat if controller else None
    return beat.counters.get("missed_ticks", 0) if beat else 0


def _events(snapshot: Snapshot) -> RenderableType:
    lines = []
    for event in snapshot.record.events[-_SHOWN_EVENTS:]:
        at_s = (event.t_ns - snapshot.record.started_ns) * 1e-9
        line = Text(no_wrap=True, overflow="ellipsis")
        line.append(f"{at_s:4.0f} s ", _QUIET)
        line.append(f"{event.source} ", "cyan")
        line.append(event.text)
        lines.append(line)
    return Group(*lines) if lines else Text("none yet", _QUIET)


def _title(text: str) -> RenderableType:
    return Rule(text, align="left", style=_QUIET)


def counted(status: ControlStatus, prefix: str) -> int:
    """Return the sum of the controller's counters whose names begin so."""
    return sum(count for name, count in status.counters.items() if name.startswith(prefix))


def quantile(values: Sequence[float], percent: float) -> float:
    """Return the nearest-rank percentile, 0 without values."""
    if not values:
        return 0.0
    return sorted(values)[max(0, math.ceil(percent / 100 * len(values)) - 1)]
