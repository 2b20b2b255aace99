"""The comparison as one picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

from benchmarks.blending.stream import HORIZON, TICK_S
from benchmarks.blending.sweep import Result, Results
from benchmarks.blending.trial import SETTLE_TICKS, Trace

Value = Callable[[Result], float]

COLOURS = ("#e69f00", "#cc79a7", "#9467bd", "#8c8c8c", "#56b4e9")
OURS = "#007f5f"
STYLE: dict[Any, Any] = {
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "legend.frameon": False,
}


def draw(results: Results, ours: str, path: Path) -> None:
    """Write the picture: jerk and error over latency, a seam, and starvation, to `path`."""
    names = list(dict.fromkeys(name for name, _ in results))
    colours = dict(zip([n for n in names if n != ours], COLOURS, strict=True)) | {ours: OURS}
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(12.5, 8.6), layout="constrained")
        ((jerk, error), (seam, starved)) = figure.subplots(2, 2)
        _over_latency(jerk, results, colours, ours, lambda r: r.numbers.jerk_ratio)
        jerk.set(title="Jerk of the commands", ylabel="RMS jerk, times the demonstration's")
        jerk.axhline(1.0, color="black", linewidth=0.8, linestyle=":")
        _over_latency(error, results, colours, ours, lambda r: r.numbers.rmse_mrad)
        error.set(title="Error against the intended motion", ylabel="RMSE, mrad")
        _seam(seam, results, colours, ours)
        _starvation(starved, results, colours, ours)
        handles, labels = jerk.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(names))
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=110)


def _over_latency(
    axes: Axes, results: Results, colours: dict[str, str], ours: str, value: Value
) -> None:
    latencies = sorted({latency for _, latency in results})
    for name, colour in colours.items():
        values = [value(results[name, latency]) for latency in latencies]
        width = 3.0 if name == ours else 1.6
        axes.plot(
            [1e3 * latency for latency in latencies],
            values,
            marker="o",
            markersize=2.0 * width,
            linewidth=width,
            color=colour,
            label=name,
            zorder=3 if name == ours else 2,
        )
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.set_xlabel("latency, ms (plus jitter of up to 20 % and spikes of 1 % x 5)")
    runway_ms = 0.5e3 * HORIZON * TICK_S
    axes.axvspan(runway_ms, 1e3 * latencies[-1] + 20.0, color="black", alpha=0.05, linewidth=0)
    axes.text(
        runway_ms + 10.0, 0.98, "past the runway", transform=axes.get_xaxis_transform(), va="top"
    )
    axes.set_xlim(-20.0, 1e3 * latencies[-1] + 20.0)


def _seam(axes: Axes, results: Results, colours: dict[str, str], ours: str) -> None:
    latency = 0.1
    first, last = _window(results["aligned replace", latency].trace, 0.8)
    joint = _liveliest(results["aligned replace", latency], first, last)
    milliseconds = 1e3 * TICK_S * np.arange(last - first)
    reference = results[ours, latency].trace
    for tick in np.flatnonzero(reference.arrivals[first:last]):
        axes.axvline(milliseconds[tick], color="black", alpha=0.15, linewidth=0.8)
    for name, colour in colours.items():
        if name == "ACT by arrival":
            continue
        error = results[name, latency].errors_rad[first:last, joint]
        axes.step(
            milliseconds,
            1e3 * error,
            where="post",
            color=colour,
            linewidth=2.6 if name == ours else 1.3,
        )
    axes.set(
        title="Chunk seams at 100 ms: commands less the intended motion",
        xlabel="time, ms (a grey line where a chunk arrives)",
        ylabel="one joint, mrad",
    )


def _starvation(axes: Axes, results: Results, colours: dict[str, str], ours: str) -> None:
    latency = 0.8
    shown = [
        n for n in (ours, "crossfade 0.3 s", "LeRobot 0.3/0.7", "aligned replace") if n in colours
    ]
    first, last = SETTLE_TICKS, SETTLE_TICKS + round(6.0 / TICK_S)
    joint = _liveliest(results["aligned replace", latency], first, last)
    seconds = TICK_S * np.arange(last - first)
    for row, name in enumerate(shown):
        trace = results[name, latency].trace
        base = -1.6 * row
        line = trace.commands[first:last, joint] + base
        axes.step(seconds, line, where="post", color=colours[name], linewidth=2.0)
        axes.text(6.1, line[-1], name, color=colours[name], va="center", fontweight="bold")
    axes.set(
        title="Starved at 800 ms: the same joint, one row a rule",
        xlabel="time, s",
        ylabel="position, each row 1.6 rad below the last",
        yticks=[],
        xticks=range(7),
        xlim=(0.0, 7.5),
    )


def _window(trace: Trace, length_s: float) -> tuple[int, int]:
    """Choose the stretch around the largest third difference, where a seam shows best."""
    ticks = round(length_s / TICK_S)
    jolt = np.abs(np.diff(trace.commands, n=3, axis=0)).max(axis=1)
    centre = SETTLE_TICKS + int(np.argmax(jolt[SETTLE_TICKS:-ticks]))
    return centre - ticks // 2, centre + ticks // 2


def _liveliest(result: Result, first: int, last: int) -> int:
    """Choose the joint whose commands jump the most in the stretch."""
    jumps = np.abs(np.diff(result.errors_rad[first:last], axis=0))
    return int(np.argmax(jumps.max(axis=0)))
