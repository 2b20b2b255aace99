"""The live view of a run in the terminal, and its one-line form for a log."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from messaging.messages import ActionChunk, ControlStatus, Heartbeat, TaskState
from runtime.supervisor import Phase
from station.record import RunRecord

_PHASE_STYLES = {
    Phase.WAITING: "bright_black",
    Phase.STARTING: "yellow",
    Phase.READY: "green",
    Phase.STALLED: "bold red",
    Phase.DEAD: "bold red",
    Phase.STOPPED: "bright_black",
}
_MODE_STYLES = {"run": "bold green", "hold": "bold yellow", "home": "cyan", "rest": "cyan"}
_PANEL_LINES = 12
_SHOWN_EVENTS = _PANEL_LINES - 2
_LATE_MS = 1.0  # worth a colour in a control loop
_SILENT_NS = 500_000_000


@dataclass(frozen=True, slots=True)
class ProcessView:
    """What is shown of one process."""

    phase: Phase
    heartbeat: Heartbeat | None = None
    restarts: int = 0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A moment of the station, complete enough to be drawn."""

    title: str  # what is driven: the twin or the arms
    t_ns: int
    processes: Mapping[str, ProcessView]
    record: RunRecord
    status: ControlStatus | None = None
    chunk: ActionChunk | None = None
    chunk_arrival_ns: int = 0
    inference_ms: Sequence[float] = ()  # of the last chunks, newest last
    task: TaskState | None = None
    instruction: str = ""
    full_runway_s: float = 1.0  # what the bar shows as full


def render(snapshot: Snapshot) -> RenderableType:
    """Return the view of a moment, made for 100 columns and, with a dozen processes, 30 lines."""
    below = Table.grid(expand=True)
    below.add_column(ratio=6)
    below.add_column(ratio=5)
    below.add_row(_control(snapshot), _events(snapshot))
    return Group(_header(snapshot), _processes(snapshot), below)


def log_line(snapshot: Snapshot) -> str:
    """Return the moment in one line, for a log."""
    status, record = snapshot.status, snapshot.record
    restarts = sum(process.restarts for process in snapshot.processes.values())
    parts = [f"{_elapsed(snapshot)}"]
    waiting = [name for name, shown in snapshot.processes.items() if shown.phase is not Phase.READY]
    if waiting:
        parts.append("not ready: " + ", ".join(waiting))
    if status is not None:
        parts += [
            f"mode {status.mode}",
            f"runway {status.runway_s:.2f} s",
            f"rate {status.rate:.2f}",
            f"inference {_quantile(snapshot.inference_ms, 50):.0f} ms",
            f"jerk {status.jerk:.1f}",
            f"late {status.late_us * 1e-3:.2f} ms",
            f"dropped {_counted(status, 'dropped.')}",
            f"limits {_counted(status, 'limit.')}",
        ]
    parts.append(f"successes {record.successes}/{len(record.episodes)}")
    if restarts:
        parts.append(f"restarts {restarts}")
    return "  ".join(parts)


def _header(snapshot: Snapshot) -> RenderableType:
    line = Table.grid(expand=True)
    line.add_column()
    line.add_column(justify="right")
    name = Text.assemble((" evenhand ", "bold white on blue"), "  ", snapshot.title)
    line.add_row(name, Text(f"{_elapsed(snapshot)} ", style="bright_black"))
    return line


def _processes(snapshot: Snapshot) -> RenderableType:
    table = Table(box=None, expand=True, header_style="bright_black", padding=(0, 1))
    table.add_column("process", no_wrap=True)
    table.add_column("state", no_wrap=True)
    for heading in ("rate Hz", "late ms", "age ms", "restarts"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("", ratio=1, no_wrap=True, overflow="ellipsis", style="bright_black")
    for name, process in snapshot.processes.items():
        table.add_row(*_process_row(name, process, snapshot.t_ns))
    return Panel(table, border_style="bright_black", padding=(0, 0))


def _process_row(name: str, process: ProcessView, now_ns: int) -> list[Text]:
    phase = Text.assemble(("● ", _PHASE_STYLES[process.phase]), process.phase.value)
    beat = process.heartbeat
    restarts = Text(str(process.restarts or "-"), "yellow" if process.restarts else "bright_black")
    if beat is None or process.phase in (Phase.DEAD, Phase.WAITING, Phase.STOPPED):
        blank = Text("-", "bright_black")
        return [Text(name), phase, blank, blank, blank, restarts, Text("")]
    note = beat.note
    if now_ns - beat.t_ns > _SILENT_NS:
        note = f"silent for {(now_ns - beat.t_ns) * 1e-9:.1f} s"
    late = Text(_short(beat.late_ms), "yellow" if beat.late_ms > _LATE_MS else "")
    return [
        Text(name),
        phase,
        Text(f"{beat.rate_hz:.0f}"),
        late,
        Text(_short(beat.age_ms)),
        restarts,
        Text(note),
    ]


def _control(snapshot: Snapshot) -> RenderableType:
    status, record = snapshot.status, snapshot.record
    table = Table.grid(expand=True, padding=(0, 2))
    table.add_column(style="bright_black", no_wrap=True)
    table.add_column(ratio=1)
    mode = status.mode if status else "-"
    table.add_row("mode", Text(mode, _MODE_STYLES.get(mode, "")))
    table.add_row("episode", _episode(snapshot))
    table.add_row("successes", Text(f"{record.successes} of {len(record.episodes)}", "bold"))
    table.add_row("inference", _inference(snapshot))
    if status is not None:
        table.add_row("runway", _runway(status, snapshot.full_runway_s))
        table.add_row("plan clock", _clock(status.rate))
        apart_mrad = status.disagreement_rad * 1e3
        table.add_row("disagreement", Text(f"{apart_mrad:.1f} mrad, newest chunk against plan"))
        table.add_row("jerk", Text(f"{status.jerk:.1f} rad/s³ of the commands"))
        table.add_row("chunks", _counts(merged=status.chunks, dropped=_counted(status, "dropped.")))
        table.add_row(
            "ticks", _counts(missed=_missed(snapshot), limited=_counted(status, "limit."))
        )
    return _panel(table, "control")


def _episode(snapshot: Snapshot) -> Text:
    number = f"{snapshot.task.episode}" if snapshot.task else "-"
    text = Text(f"{number}  {snapshot.instruction}", no_wrap=True, overflow="ellipsis")
    if snapshot.task and snapshot.task.success:
        text.append("  success", "bold green")
    return text


def _inference(snapshot: Snapshot) -> Text:
    if not snapshot.inference_ms:
        return Text("-", "bright_black")
    p50, p95 = (_quantile(snapshot.inference_ms, percent) for percent in (50, 95))
    text = Text(f"{p50:.0f} ms, p95 {p95:.0f} ms")
    if snapshot.chunk_arrival_ns:
        age_s = (snapshot.t_ns - snapshot.chunk_arrival_ns) * 1e-9
        text.append(f"   last {age_s:.1f} s ago", "bright_black" if age_s < 1 else "yellow")
    return text


def _runway(status: ControlStatus, full_s: float) -> RenderableType:
    share = min(status.runway_s / full_s, 1.0)
    colour = "green" if share > 0.4 else "yellow" if share > 0.15 else "red"
    bar = ProgressBar(
        total=1.0, completed=share, width=20, complete_style=colour, finished_style=colour
    )
    line = Table.grid(padding=(0, 1))
    line.add_row(bar, Text(f"{status.runway_s:.2f} s", colour))
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
        text.append(f"{name}   ", "bright_black")
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
        line.append(f"{at_s:4.0f} s ", "bright_black")
        line.append(f"{event.source} ", "cyan")
        line.append(event.text)
        lines.append(line)
    body = Group(*lines) if lines else Text("none yet", "bright_black")
    return _panel(body, "events")


def _panel(body: RenderableType, title: str) -> Panel:
    return Panel(
        body, title=title, title_align="left", border_style="bright_black", height=_PANEL_LINES
    )


def _counted(status: ControlStatus, prefix: str) -> int:
    return sum(count for name, count in status.counters.items() if name.startswith(prefix))


def _quantile(values: Sequence[float], percent: float) -> float:
    """Return the nearest-rank percentile, 0 without values."""
    if not values:
        return 0.0
    return sorted(values)[max(0, math.ceil(percent / 100 * len(values)) - 1)]


def _elapsed(snapshot: Snapshot) -> str:
    seconds = max(0, (snapshot.t_ns - snapshot.record.started_ns) // 1_000_000_000)
    return f"{seconds // 60:02d}:{seconds % 60:02d}"


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.2f}"
