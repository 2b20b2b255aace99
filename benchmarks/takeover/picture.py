"""A takeover and a hand-back of either kind as one picture."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from benchmarks.blending.picture import STYLE
from benchmarks.takeover.trial import DT_S, GRIPS, Trial

Array = NDArray[np.float64]

COLOURS = {"policy": "#0072b2", "human": "#d55e00", "hold": "#8c8c8c"}
NAIVE, MEANT = "black", "#e69f00"
BEFORE_S, AFTER_S = 0.4, 0.8
MOST_RAD = 0.6


def draw(trials: dict[str, Trial], path: Path) -> None:
    """Write the picture of one takeover of each of `trials`, by title, to `path`."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(12.5, 7.4), layout="constrained")
        columns = figure.subplots(2, len(trials), sharex="col", squeeze=False).T
        for (place, speed), (title, trial) in zip(columns, trials.items(), strict=True):
            _column(place, speed, title, trial)
        handles, labels = columns[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=110)


def _column(place: Axes, speed: Axes, title: str, trial: Trial) -> None:
    """Draw the liveliest joint of the takeover that is farthest from where the person was."""
    first, last, joint = _chosen(trial)
    shown = slice(first - round(BEFORE_S / DT_S), last + round(AFTER_S / DT_S))
    seconds = DT_S * (np.arange(shown.start, shown.stop) - first)
    naive = trial.commands[shown, joint].copy()
    naive[first - shown.start : last - shown.start] = trial.naive()[first:last, joint]
    ours, who = trial.commands[shown, joint], trial.commanders[shown]
    person = slice(first - shown.start, last - shown.start)
    place.plot(
        seconds[person],
        trial.meant[first:last, joint],
        color=MEANT,
        linewidth=1.2,
        linestyle="--",
        label="person's device",
    )
    for axes, line, plain in (
        (place, ours, naive),
        (speed, np.gradient(ours, DT_S), np.gradient(naive, DT_S)),
    ):
        axes.plot(seconds, plain, color=NAIVE, linewidth=0.8, label="switched at once")
        for name, colour in COLOURS.items():
            part = np.where(_touching(who == name), line, np.nan)
            axes.plot(seconds, part, color=colour, linewidth=2.6, label=f"command: {name}")
        for at in (first, last):
            axes.axvline(DT_S * (at - first), color="black", alpha=0.3, linewidth=0.8)
    most = 1.3 * float(np.abs(np.gradient(ours, DT_S)).max())
    place.set(title=title, ylabel="one joint, rad")
    speed.set(xlabel="time since the takeover, s", ylabel="its velocity, rad/s", ylim=(-most, most))


def _touching(mine: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return `mine` and the tick before each, so that lines of different colours meet."""
    return np.asarray(mine | np.append(mine[1:], [False]))


def _chosen(trial: Trial) -> tuple[int, int, int]:
    """Return the first tick of a takeover, that after its last, and the joint to be shown."""
    spans = [
        (first, last)
        for first, last in pairwise(trial.changes)
        if trial.commanders[first] == "human" and last - first > 1.0 / DT_S
    ]
    naive = trial.naive()
    gaps = [np.abs(naive[first] - trial.commands[first - 1]) for first, _ in spans]
    speeds = [np.abs(trial.commands[first - 1] - trial.commands[first - 2]) for first, _ in spans]
    # One that is too far apart to be brought together shows nothing.
    score = np.array(
        [
            (gap * (gap < MOST_RAD) + 20.0 * speed) * ~GRIPS
            for gap, speed in zip(gaps, speeds, strict=True)
        ]
    )
    row, joint = np.unravel_index(int(np.argmax(score)), score.shape)
    first, last = spans[int(row)]
    return int(first), int(last), int(joint)
