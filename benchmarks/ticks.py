"""`python -m benchmarks.ticks`: how punctual the whole stack is while it runs a policy."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from rich.console import Console

from benchmarks.live import LiveRun, run_stack
from benchmarks.report import Target, publish
from benchmarks.stalls import Stalls
from runtime import program

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
    with Stalls() as stalls:
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
        "ticks_late": int((run.late_ms > LATENESS.limit).sum()),
        "stolen_s": run.stolen_s,
    } | _beside_stalls(run, stalls)
    console.print(
        f"{ticks['count']} ticks, {ticks['missed']} missed; late: "
        f"p50 {ticks['late_p50_ms']:.3f}, p99 {ticks['late_p99_ms']:.3f}, "
        f"p99.9 {ticks['late_p999_ms']:.3f}, most {ticks['late_max_ms']:.3f} ms; "
        f"real-time permission {'given' if run.realtime else 'refused'}"
    )
    console.print(
        f"{run.stolen_s:.2f} s stolen by the host, in which a core stood still "
        f"{figures['stalls']} times; of {figures['ticks_late']} ticks later than "
        f"{LATENESS.limit:g} ms, {figures['ticks_late_in_stalls']} waited for such a core; "
        f"p99.9 of all that did not wait: {figures['tick_late_p999_awake_ms']:.3f} ms"
    )
    raise SystemExit(0 if publish(console, figures, targets(run.realtime), arguments.json) else 1)


def _beside_stalls(run: LiveRun, stalls: Stalls) -> dict[str, float]:
    """Return what is left of the lateness without ticks for which no core was there."""
    begun_ns = run.ticks_ns.tolist()
    due_ns = (run.ticks_ns - (run.late_ms * 1e6).astype(np.int64)).tolist()
    waited = np.array(stalls.explain(list(zip(due_ns, begun_ns, strict=True))))
    return {
        "stalls": len(stalls.found),
        "ticks_late_in_stalls": int((waited & (run.late_ms > LATENESS.limit)).sum()),
        "tick_late_p999_awake_ms": float(np.percentile(run.late_ms[~waited], 99.9)),
    }


def targets(realtime: bool) -> tuple[Target, ...]:
    """Return what must be met; ordinary processes are as punctual as the others leave them."""
    return (LATENESS, *TARGETS) if realtime else TARGETS


if __name__ == "__main__":
    sys.exit(program.run(main))
