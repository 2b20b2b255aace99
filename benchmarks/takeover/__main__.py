"""`python -m benchmarks.takeover`: how smoothly and how soon a person takes over."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from rich.console import Console

from benchmarks.report import Target, publish
from benchmarks.takeover.latency import latencies_ms
from benchmarks.takeover.picture import draw
from benchmarks.takeover.trial import Trial, lag_ms, tried
from runtime import program

TARGETS = (
    Target("step_mrad", 2.0, "largest step of a joint beyond what its motion explains"),
    Target("limit_violations", 0.0, "commands beyond velocity, acceleration or jerk"),
    Target("takeover_p99_ms", 60.0, "trigger on the bus to the person's command, 99th percentile"),
)
NOTE = """\
Each takeover and each hand-back comes in the middle of a motion. The policy errs by 10 mrad from \
chunk to chunk, 0.1 s behind; people reach 0.2 rad in a second, with 1 mrad of tremor, read at \
100 Hz with 2 ms of jitter. A leader that follows is off by 0.04 rad, each fourth by ten times as \
much. Takeover times are those of a controller process of its own, on the bus of a station."""


def main() -> None:
    """Take over many times, print and draw what came of it, say whether the targets are met."""
    arguments = _parsed()
    console = Console(width=None if Console().is_terminal else 110)
    trials: dict[str, Trial] = {}
    with console.status("takes over") as status:
        for name, relative in (("aligned", False), ("clutch", True)):
            status.update(f"{arguments.takeovers} takeovers, {name}")
            trials[name] = tried(arguments.takeovers, relative, seed=0)
        status.update("takeovers through a controller process")
        measured_ms = latencies_ms(arguments.triggers)
    console.print(NOTE, "")
    for name, trial in trials.items():
        console.print(
            f"{name}: {len(trial.changes)} changes in {len(trial.commands)} ticks, "
            f"{trial.held()} commands held back by limits, step {trial.step_mrad():.2f} mrad"
        )
    figures = {
        "step_mrad": max(trial.step_mrad() for trial in trials.values()),
        "limit_violations": sum(trial.violations() for trial in trials.values()),
        "limits_active": sum(trial.held() for trial in trials.values()),
        "takeover_p50_ms": float(np.percentile(measured_ms, 50)),
        "takeover_p99_ms": float(np.percentile(measured_ms, 99)),
        "lag_ms": lag_ms(),
        "takeovers": 2 * arguments.takeovers,
        "triggers": arguments.triggers,
    }
    console.print(
        f"takeover: p50 {figures['takeover_p50_ms']:.1f} ms; afterwards commands are "
        f"{figures['lag_ms']:.0f} ms behind the person"
    )
    draw(trials, arguments.picture)
    raise SystemExit(0 if publish(console, figures, TARGETS, arguments.json) else 1)


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.takeover", description=__doc__)
    parser.add_argument("--json", type=Path, help="also write figures and machine to this file")
    parser.add_argument(
        "--picture",
        type=Path,
        default=Path("docs/pictures/takeover.png"),
        help="where the picture goes (default: %(default)s)",
    )
    parser.add_argument(
        "--takeovers", type=int, default=200, help="of each kind (default: %(default)s)"
    )
    parser.add_argument(
        "--triggers",
        type=int,
        default=100,
        help="through a process of its own (default: %(default)s)",
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(program.run(main))
