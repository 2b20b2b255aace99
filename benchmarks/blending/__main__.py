"""`python -m benchmarks.blending`: the blend of this project beside the rules of others."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track

from benchmarks.blending.ours import NAME, Ours, act_max_error, merges_ms
from benchmarks.blending.picture import draw
from benchmarks.blending.rules import PEERS
from benchmarks.blending.sweep import COMPARABLE, LATENCIES_S, Result, outdone, swept, tables
from benchmarks.report import Target, publish
from runtime import program

TARGETS = (
    Target("jerk_ratio_100ms", 1.5, "RMS jerk over the demonstration's, 100 ms"),
    Target("jerk_ratio_300ms", 1.5, "RMS jerk over the demonstration's, 300 ms"),
    Target("reaction_s_100ms", 0.7, "90 % of a goal step, 100 ms"),
    Target("rmse_mrad_100ms", 6.5, "RMSE to the intended motion, 100 ms"),
    Target("merge_p99_ms", 1.0, "processor time to merge a chunk, 99th percentile"),
    Target("act_max_error", 1e-6, "act mode, a chunk every tick, against ACT's formula"),
)
NOTE = """\
14 joints, chunks of 50 actions at 50 Hz, 10 mrad disagreement between chunks, one inference in \
flight, commands at 50 Hz for every rule. Latencies carry up to 20 % of jitter, and each \
hundredth is five times as long; the reaction is measured without both. The policy continues \
from where each rule is in its plan. Rules aligned by the clock skip what they missed while \
starved."""


def main() -> None:
    """Run the comparison, print it, draw it and say whether the targets are met."""
    arguments = _parsed()
    console = Console(width=None if Console().is_terminal else 110)
    rules = PEERS | {NAME: Ours}
    results: dict[tuple[str, float], Result] = {}
    for name, make in track(rules.items(), "blending", console=console, transient=True):
        for latency, result in swept(make, LATENCIES_S, arguments.duration).items():
            results[name, latency] = result
    console.print(NOTE, "")
    for table in tables(results, NAME):
        console.print(table)
    better = outdone(results, NAME)
    console.print(
        f"Least jerk among the rules within {COMPARABLE:g} x our RMSE, at every latency:",
        "[bold red]no: " + ", ".join(better) if better else "[green]yes",
    )
    ours_100, ours_300 = results[NAME, 0.1], results[NAME, 0.3]
    figures = {
        "jerk_ratio_100ms": ours_100.numbers.jerk_ratio,
        "jerk_ratio_300ms": ours_300.numbers.jerk_ratio,
        "reaction_s_100ms": ours_100.reaction_s,
        "rmse_mrad_100ms": ours_100.numbers.rmse_mrad,
        "merge_p99_ms": float(np.percentile(merges_ms(), 99)),
        "act_max_error": act_max_error(),
    }
    draw(results, NAME, arguments.picture)
    met = publish(console, figures, TARGETS, arguments.json)
    raise SystemExit(0 if met and not better else 1)


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.blending", description=__doc__)
    parser.add_argument("--json", type=Path, help="also write figures and machine to this file")
    parser.add_argument(
        "--picture",
        type=Path,
        default=Path("docs/pictures/blending.png"),
        help="where the picture goes (default: %(default)s)",
    )
    parser.add_argument(
        "--duration",
        type=float,
        default=60.0,
        help="seconds of stream a run (default: %(default)s)",
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(program.run(main))
