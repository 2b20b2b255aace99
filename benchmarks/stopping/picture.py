"""How soon stops took effect, as one picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.blending.picture import COLOURS, OURS, STYLE

_MUST_MS = 50.0
_BIN_MS = 2.0

Times = Mapping[str, Sequence[float]]  # in ms, by channel


def draw(times: Times, path: Path) -> None:
    """Write the picture, a histogram and the shares by time, to `path`; nothing without times."""
    times = {channel: values for channel, values in times.items() if len(values)}
    if not times:
        return
    colours = (*COLOURS, OURS)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(12.5, 4.6), layout="constrained")
        counts, shares = figure.subplots(1, 2)
        _histogram(counts, times, colours)
        _shares(shares, times, colours)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=110)


def _histogram(axes: Axes, times: Times, colours: Sequence[str]) -> None:
    most = max(max(values) for values in times.values())
    bins = np.arange(0.0, max(most, _MUST_MS) + _BIN_MS, _BIN_MS)
    axes.hist(
        list(times.values()),
        bins=list(bins),
        stacked=True,
        color=list(colours[: len(times)]),
        label=list(times),
    )
    axes.set(title="From the press to goals that stand", xlabel="ms", ylabel="presses")
    _must(axes)
    axes.legend()


def _shares(axes: Axes, times: Times, colours: Sequence[str]) -> None:
    for (channel, values), colour in zip(times.items(), colours, strict=False):
        axes.ecdf(values, color=colour, linewidth=2.0, label=channel)
    axes.axhline(0.99, color="black", linewidth=0.8, linestyle=":")
    axes.set(title="Share of stops that took effect by then", xlabel="ms", ylabel="share")
    axes.set_xlim(left=0.0)
    _must(axes)


def _must(axes: Axes) -> None:
    axes.axvline(_MUST_MS, color="black", linewidth=0.8, linestyle="--")
    place = axes.get_xaxis_transform()
    axes.text(_MUST_MS, 0.5, " must", transform=place, va="center", ha="left")
