"""Draws commands, samples, and the commands moved by the delay found."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from station.arm_tools.delay import Trace


def save_plot(path: Path, traces: Mapping[str, tuple[Trace, float]]) -> Path:
    """Write a picture of each joint's trace with its delay in seconds; returns `path`."""
    from matplotlib.figure import Figure  # slow to load, wanted here alone

    figure = Figure(figsize=(9, 2.2 * len(traces)), layout="constrained")
    for row, (joint, (trace, delay)) in enumerate(traces.items(), start=1):
        axes = figure.add_subplot(len(traces), 1, row)
        # A gripper's commands and samples have different scales, and zeros.
        start, asked = trace.sent_s[0], trace.command - trace.command[0]
        axes.plot(trace.sent_s - start, asked, color="0.7", label="command")
        done = trace.sample - trace.sample[0]
        axes.plot(trace.sampled_s - start, done, color="C0", label="sample")
        axes.plot(
            trace.sent_s - start + delay,
            asked,
            color="C1",
            linestyle=":",
            label=f"command {delay * 1e3:.1f} ms later",
        )
        axes.set_ylabel(joint)
        axes.legend(loc="upper right", fontsize="small")
    figure.supxlabel("s")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)
    return path
