"""A picture of how the losses fell."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure


def draw_losses(losses: list[tuple[float, float]], path: Path) -> None:
    """Write flow and object loss over the steps, averaged a little, as a PNG."""
    values = np.array(losses).reshape(-1, 2)
    window = max(1, len(values) // 100)
    bins = len(values) // window
    smooth = values[: bins * window].reshape(bins, window, 2).mean(axis=1)
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    steps = (np.arange(bins) + 1) * window
    axes.semilogy(steps, smooth[:, 0], label="flow (normalised actions)")
    axes.semilogy(steps, smooth[:, 1], label="object estimate (units of 5 cm)")
    axes.set(xlabel="step", ylabel="loss")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=110)
