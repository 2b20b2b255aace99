"""The view's table of processes, which puts those that are well together where room is short."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from messaging.messages import Heartbeat
from runtime.supervisor import Phase

_STYLES = {
    Phase.WAITING: "bright_black",
    Phase.STARTING: "yellow",
    Phase.READY: "green",
    Phase.STALLED: "bold red",
    Phase.DEAD: "bold red",
    Phase.STOPPED: "bright_black",
}
_QUIET = "bright_black"
_LATE_MS = 1.0  # worth a colour in a control loop
_SILENT_NS = 500_000_000


@dataclass(frozen=True, slots=True)
class ProcessView:
    """What is shown of one process."""

    phase: Phase
    heartbeat: Heartbeat | None = None
    restarts: int = 0

    def is_well(self, now_ns: int) -> bool:
        """Return whether there is nothing that a person should see."""
        beat = self.heartbeat
        heard = beat is not None and now_ns - beat.t_ns <= _SILENT_NS
        return self.phase is Phase.READY and heard and not self.restarts


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: a process, or several of a kind that are all well."""

    name: str
    shown: Sequence[ProcessView]


def table_of(processes: Mapping[str, ProcessView], now_ns: int, most: int) -> RenderableType:
    """Return the table, in `most` lines if enough processes are well."""
    table = Table(box=None, expand=True, header_style=_QUIET, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("process", no_wrap=True)
    table.add_column("state", no_wrap=True)
    for heading in ("Hz", "late ms", "age ms", "restarts"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("", ratio=1, no_wrap=True, overflow="ellipsis", style=_QUIET)
    for row in grouped(processes, now_ns, most):
        table.add_row(*_cells(row, now_ns))
    return table


def grouped(processes: Mapping[str, ProcessView], now_ns: int, most: int) -> list[Row]:
    """Return at most `most` rows, if that many processes are well: one kind after the other."""
    rows = [Row(name, [shown]) for name, shown in processes.items()]
    for kind in ("camera", "leader", "arm", "button"):
        if len(rows) > most:
            rows = _together(rows, kind, now_ns)
    return rows


def _together(rows: Sequence[Row], kind: str, now_ns: int) -> list[Row]:
    alike = [row for row in rows if _can_join(row, kind, now_ns)]
    if len(alike) < 2:
        return list(rows)
    joined = Row(f"{kind} x{len(alike)}", [row.shown[0] for row in alike])
    first = rows.index(alike[0])
    before = [row for row in rows[:first] if row not in alike]
    return [*before, joined, *(row for row in rows[first:] if row not in alike)]


def _can_join(row: Row, kind: str, now_ns: int) -> bool:
    return row.name.startswith(f"{kind}.") and row.shown[0].is_well(now_ns)


def _cells(row: Row, now_ns: int) -> list[Text]:
    first = row.shown[0]
    phase = Text.assemble(("● ", _STYLES[first.phase]), first.phase.value)
    restarts = Text(str(first.restarts or "-"), "yellow" if first.restarts else _QUIET)
    beats = [shown.heartbeat for shown in row.shown if shown.heartbeat]
    if not beats or first.phase in (Phase.DEAD, Phase.WAITING, Phase.STOPPED):
        blank = Text("-", _QUIET)
        return [Text(row.name), phase, blank, blank, blank, restarts, Text("")]
    note = beats[0].note if len(beats) == 1 else ""
    silent_ns = now_ns - min(beat.t_ns for beat in beats)
    if silent_ns > _SILENT_NS:
        note = f"silent for {silent_ns * 1e-9:.1f} s"
    late_ms = max(beat.late_ms for beat in beats)
    return [
        Text(row.name),
        phase,
        Text(f"{min(beat.rate_hz for beat in beats):.0f}"),
        Text(_short(late_ms), "yellow" if late_ms > _LATE_MS else ""),
        Text(_short(max(beat.age_ms for beat in beats))),
        restarts,
        Text(note),
    ]


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.2f}"
