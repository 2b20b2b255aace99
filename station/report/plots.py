"""The plots of a run's report, as PNG images."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from station.record import RunEvent
from station.report.figures import (
    CAPTURE_TO_MERGE,
    Array,
    RunData,
    arm_columns,
    hops_ms,
    merge_times_ns,
)

_INK, _FAINT, _GRID = "#334155", "#94a3b8", "#e2e8f0"
_BLUE, _AMBER, _TEAL, _ROSE = "#2563eb", "#d97706", "#0d9488", "#e11d48"
_HOP_COLOURS = ("#cbd5e1", "#2563eb", "#7c3aed", "#0d9488", "#d97706", "#e11d48")
_WIDTH = 10.8  # inches, on a page of 1080 pixels
_DPI = 130
_POINTS = 1500  # more cannot be told apart on a screen
_TRACE_S = 20.0
_SEAM_S = 3.0
_SEAM_NS = round(_SEAM_S * 1e9)

_STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["Inter", "Helvetica Neue", "Arial", "DejaVu Sans"],
    "font.size": 9.0,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.titlecolor": _INK,
    "axes.edgecolor": _FAINT,
    "axes.labelcolor": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": _GRID,
    "grid.linewidth": 0.7,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.linewidth": 0.7,
    "lines.linewidth": 1.2,
    "legend.frameon": False,
}


@dataclass(frozen=True, slots=True)
class Plot:
    """One picture of the report."""

    title: str
    caption: str
    png: bytes


def plots(data: RunData, events: Sequence[RunEvent]) -> list[Plot]:
    """Return every plot that the journal has data for; none for an empty one."""
    drawn = []
    with mpl.rc_context(_STYLE):
        if len(data.statuses) > 1:
            drawn.append(_timeline(data, events))
            drawn.append(_distributions(data))
        if len(data.commands.rows) > 10:
            drawn.append(_joints(data))
            drawn.append(_seams(data))
    return drawn


def _timeline(data: RunData, events: Sequence[RunEvent]) -> Plot:
    rows = data.statuses
    start_ns, end_ns = int(rows["t_ns"][0]), int(rows["t_ns"][-1])
    time_s, late_ms = _peaks(rows, rows["late_us"] * 1e-3, start_ns)
    with _drawing(5.6) as figure:
        axes = figure.subplots(4, 1, sharex=True)
        axes[0].plot(time_s, late_ms, color=_BLUE, lw=0.8)
        axes[0].set_title("Tick lateness, ms")
        axes[1].plot(*_peaks(rows, rows["jerk"], start_ns), color=_TEAL)
        axes[1].set_title("Jerk as commanded, braking left out, RMS over a second, rad/s³")
        axes[2].plot(*_peaks(rows, rows["runway_s"], start_ns, lowest=True), color=_BLUE)
        axes[2].set_title("Runway left, s (lowest)")
        axes[3].fill_between(
            *_peaks(rows, rows["rate"], start_ns, lowest=True), color=_AMBER, alpha=0.35, lw=0
        )
        axes[3].set(title="Plan clock, 1 is full speed", ylim=(0, 1.08), xlabel="time, s")
        marked = [e for e in events if start_ns <= e.t_ns <= end_ns and not e.routine]
        for panel in axes:
            _mark(panel, marked, start_ns)
            _shade_episodes(panel, data, start_ns)
            panel.set_ylim(bottom=0)
        axes[0].set_xlim(0, max((end_ns - start_ns) * 1e-9, 0.1))
        png = _png(figure)
    caption = "Grey bands are episodes, red lines the events listed below."
    return Plot("The run in time", caption, png)


def _distributions(data: RunData) -> Plot:
    late_ms = np.maximum(data.statuses["late_us"] * 1e-3, 1e-3)
    hops = hops_ms(data)
    with _drawing(2.9) as figure:
        left, right = figure.subplots(1, 2, width_ratios=(2, 3))
        edges = np.geomspace(late_ms.min() * 0.9, late_ms.max() * 1.1, 50)
        left.hist(late_ms, edges, color=_BLUE, alpha=0.8)
        left.set(xscale="log", yscale="log", title="Tick lateness", xlabel="ms", ylabel="ticks")
        p999 = float(np.percentile(late_ms, 99.9))
        left.axvline(p999, color=_ROSE, lw=1, ls=(0, (4, 3)))
        left.annotate(
            f" p99.9 {p999:.2f} ms",
            (p999, 0.96),
            xycoords=("data", "axes fraction"),
            ha="right" if p999 > np.sqrt(edges[0] * edges[-1]) else "left",
            va="top",
            color=_ROSE,
        )
        _hop_bars(right, hops)
        png = _png(figure)
    caption = "How late control ticks began, and where a chunk's time goes from capture to plan."
    return Plot("Lateness and latency", caption, png)


def _hop_bars(axes: Axes, hops: dict[str, Array]) -> None:
    """Draw a stacked bar of the hops' medians and one of their 95th percentiles."""
    axes.set(title="From capture to plan, hop by hop", xlabel="ms")
    axes.grid(visible=False, axis="y")
    stages = {name: took for name, took in hops.items() if name != CAPTURE_TO_MERGE}
    for row, percent in enumerate((95, 50)):
        reached = 0.0
        for index, (name, took) in enumerate(stages.items()):
            width = float(np.percentile(took, percent))
            colour = _HOP_COLOURS[index % len(_HOP_COLOURS)]
            label = name if row else None
            axes.barh(row, width, 0.55, reached, color=colour, label=label, alpha=0.9)
            reached += width
        axes.annotate(f" {reached:.0f}", (reached, row), va="center", color=_INK)
    axes.set_yticks([0, 1], ["p95 each", "median"])
    axes.margins(x=0.12)
    if stages:
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.22), ncols=6)


def _joints(data: RunData) -> Plot:
    first_ns, last_ns, label = _trace_window(data)
    commands = _within(data.commands.rows, first_ns, last_ns)
    names = data.commands.joints
    lines = max(1, (len(names) + 1) // 2)
    with _drawing(0.5 + 1.05 * lines) as figure:
        axes = figure.subplots(lines, 2, sharex=True, squeeze=False)
        for index, joint in enumerate(names):
            panel = axes[index % lines, index // lines]
            for arm in data.states.values():
                if joint in arm.joints:
                    column = arm.joints.index(joint)
                    rows = _within(arm.rows, first_ns, last_ns)
                    time_s = (rows["t_ns"] - first_ns) * 1e-9
                    panel.plot(time_s, rows["position"][:, column], color=_AMBER, label="measured")
                    panel.plot(
                        time_s, rows["written"][:, column], color=_FAINT, ls=":", label="written"
                    )
            time_s = (commands["t_ns"] - first_ns) * 1e-9
            panel.plot(time_s, commands["position"][:, index], color=_BLUE, lw=0.9, label="command")
            panel.set_title(joint.replace("_", " "), fontsize=8.5, pad=2)
            _open_up(panel)
        axes[-1, 0].set_xlabel("time, s")
        axes[-1, 1].set_xlabel("time, s")
        handles, labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper right", ncols=3)
        png = _png(figure)
    caption = f"{label}; radians, grippers 0 closed to 1 open. Written is what the guard let pass."
    return Plot("Commands and measured joints", caption, png)


def _seams(data: RunData) -> Plot:
    first_ns, last_ns, _ = _trace_window(data)
    commands = _within(data.commands.rows, first_ns, last_ns)
    columns = arm_columns(data.commands.joints) or [0]
    positions = commands["position"][:, columns].astype(np.float64)
    speeds = np.gradient(positions, axis=0) / data.dt_s
    at, busiest = np.unravel_index(int(np.argmax(np.abs(speeds))), speeds.shape)
    begin_ns = min(int(commands["t_ns"][at]) + _SEAM_NS // 2, int(commands["t_ns"][-1])) - _SEAM_NS
    begin_ns = max(begin_ns, int(commands["t_ns"][0]))
    time_s = (commands["t_ns"] - begin_ns) * 1e-9
    joint = data.commands.joints[columns[int(busiest)]].replace("_", " ")
    merged = merge_times_ns(data)
    merged_s = (merged[merged > 0] - begin_ns) * 1e-9
    shown = (time_s >= 0) & (time_s <= _SEAM_S)
    with _drawing(3.4) as figure:
        above, below = figure.subplots(2, 1, sharex=True)
        for panel, values in ((above, positions), (below, speeds)):
            for seam_s in merged_s[(merged_s >= 0) & (merged_s <= _SEAM_S)]:
                panel.axvline(seam_s, color=_TEAL, lw=0.9, alpha=0.7)
            panel.plot(time_s[shown], values[shown, busiest], color=_BLUE, lw=1.6)
            panel.set_xlim(0, _SEAM_S)
        above.set_title(f"{joint}, rad")
        below.set(title=f"{joint}, rad/s", xlabel="time, s")
        png = _png(figure)
    caption = "The fastest moment of the busiest joint; green lines are chunks joining the plan."
    return Plot("Seams between chunks", caption, png)


@contextmanager
def _drawing(height: float) -> Iterator[Figure]:
    figure = Figure(figsize=(_WIDTH, height), layout="constrained")
    yield figure


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=_DPI, format="png")
    return buffer.getvalue()


def _peaks(
    rows: NDArray[np.void], values: NDArray[np.floating], start_ns: int, *, lowest: bool = False
) -> tuple[Array, Array]:
    """Return times in s and values, thinned out so that every peak stays (or every trough)."""
    size = -(-len(rows) // _POINTS)
    starts = np.arange(0, len(rows), size)
    reduce = np.minimum if lowest else np.maximum
    time_s = (rows["t_ns"][starts] - start_ns) * 1e-9
    return time_s, np.asarray(reduce.reduceat(values, starts), np.float64)


def _mark(axes: Axes, events: Sequence[RunEvent], start_ns: int) -> None:
    for event in events:
        axes.axvline((event.t_ns - start_ns) * 1e-9, color=_ROSE, lw=0.8, alpha=0.6)


def _shade_episodes(axes: Axes, data: RunData, start_ns: int) -> None:
    for index, (first_ns, last_ns, _) in enumerate(_episode_spans(data)):
        if index % 2 == 0:
            span = (first_ns - start_ns) * 1e-9, (last_ns - start_ns) * 1e-9
            axes.axvspan(*span, color=_GRID, alpha=0.45, lw=0, zorder=0)


def _episode_spans(data: RunData) -> list[tuple[int, int, int]]:
    """Return first moment, last moment and number of each episode."""
    rows = data.task
    if not len(rows):
        return []
    firsts = np.flatnonzero(np.diff(rows["episode"], prepend=rows["episode"][0] - 1))
    lasts = np.append(firsts[1:], len(rows)) - 1
    return [
        (int(rows["t_ns"][a]), int(rows["t_ns"][b]), int(rows["episode"][a]))
        for a, b in zip(firsts, lasts, strict=True)
    ]


def _trace_window(data: RunData) -> tuple[int, int, str]:
    """Return the stretch worth looking at closely: the last episode, or the end of the run."""
    rows = data.commands.rows
    last_ns = int(rows["t_ns"][-1])
    for first_ns, end_ns, episode in reversed(_episode_spans(data)):
        end_ns = min(end_ns, first_ns + int(_TRACE_S * 1e9))
        if len(_within(rows, first_ns, end_ns)) * data.dt_s > _SEAM_S:
            return first_ns, end_ns, f"Episode {episode}"
    return max(int(rows["t_ns"][0]), last_ns - int(_TRACE_S * 1e9)), last_ns, "The run's end"


def _within(rows: NDArray[np.void], first_ns: int, last_ns: int) -> NDArray[np.void]:
    return rows[(rows["t_ns"] >= first_ns) & (rows["t_ns"] <= last_ns)]


def _open_up(axes: Axes) -> None:
    """Give a joint that hardly moves a scale on which it is seen to hardly move."""
    low, high = axes.get_ylim()
    if high - low < 0.1:
        centre = (low + high) / 2
        axes.set_ylim(centre - 0.05, centre + 0.05)
