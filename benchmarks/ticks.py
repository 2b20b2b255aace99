"""`python -m benchmarks.ticks`: how punctual the whole stack is while it runs a policy."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from rich.console import Console

from benchmarks.live import run_stack
from benchmarks.report import Target, publish

LATENESS = Target("tick_late_p999_ms", 1.0, "control tick behind its deadline, 99.9th percentile")
TARGETS = (
    Target("start_s", 20.0, "launch to the policy's first command"),
    Target("frame_p50_ms", 1.0, "640x480 frame, camera process to policy worker, median"),
)


def main() -> None:
    """Run the stack, print how late it was, and say whether the targets are met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--duration", type=float, default=60.0, metavar="S", help="of the run")
    parser.add_argument("--policy", default="flow", metavar="NAME")
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    console = Console()
    run = run_stack("--duration", str(arguments.duration), "--policy", arguments.policy)
    ticks = run.summary["ticks"]
    started_ns = run.summary["started_ns"] + run.summary["first_command_s"] * 1e9
    transport_ms = [chunk["stages_ms"]["transport"] for chunk in run.chunks]
    figures = {
        "tick_late_p999_ms": ticks["late_p999_ms"],
        "start_s": (started_ns - run.launched_ns) * 1e-9,
        "frame_p50_ms": float(np.median(transport_ms)),
        "tick_late_p99_ms": ticks["late_p99_ms"],
        "tick_late_max_ms": ticks["late_max_ms"],
        "ticks": ticks["count"],
        "ticks_missed": ticks["missed"],
        "stolen_s": run.stolen_s,
    }
    console.print(
        f"{ticks['count']} ticks, {ticks['missed']} missed; late: "
        f"p50 {ticks['late_p50_ms']:.3f}, p99 {ticks['late_p99_ms']:.3f}, "
        f"p99.9 {ticks['late_p999_ms']:.3f}, most {ticks['late_max_ms']:.3f} ms; "
        f"{run.stolen_s:.2f} s stolen by the host; "
        f"real-time permission {'given' if run.realtime else 'refused'}"
    )
    raise SystemExit(0 if publish(console, figures, targets(run.realtime), arguments.json) else 1)


def targets(realtime: bool) -> tuple[Target, ...]:
    """Return what must be met; ordinary processes are as punctual as the others leave them."""
    return (LATENESS, *TARGETS) if realtime else TARGETS


if __name__ == "__main__":
    main()
