"""`python -m benchmarks.success`: how often the default policy does its task."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import track

from benchmarks.live import run_stack
from benchmarks.report import Target, publish
from learning.evaluate import Candidate, Share, evaluated, table
from runtime import program
from simulation.lockstep import EpisodeResult, Timing
from simulation.task import FIRST_EVALUATION_SEED, HOLD, TRANSFER
from station.config import CONFIGS, load, robot_file
from station.plugin_options import plugin_config

_FIRST_LIVE_SEED = 1000  # beyond the seeds of the lockstep episodes: other cubes

TARGETS = (
    Target("lockstep_success", 0.95, "transfer cube, lockstep", at_least=True),
    Target("live_success", 0.90, "transfer cube, the whole asynchronous stack", at_least=True),
)


def main() -> None:
    """Run the episodes, print the shares of success, say whether the targets are met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--episodes", type=int, default=200, metavar="N", help="in lockstep")
    parser.add_argument("--live-episodes", type=int, default=30, metavar="N")
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    console = Console()
    results = [
        *_lockstep(TRANSFER, arguments.episodes, console),
        *_lockstep(HOLD, arguments.episodes // 4, console),
    ]
    console.print(table(results))
    run = run_stack(*("--episodes", str(arguments.live_episodes), "--seed", str(_FIRST_LIVE_SEED)))
    live = Share(run.summary["successes"], len(run.summary["episodes"]))
    low, high = live.interval
    console.print(f"live: {live.successes} of {live.trials}, 95 % interval {low:.0%} to {high:.0%}")
    figures = {
        "lockstep_success": _share(results, TRANSFER),
        "live_success": live.value,
        "lockstep_success_hold": _share(results, HOLD),
    }
    raise SystemExit(0 if publish(console, figures, TARGETS, arguments.json) else 1)


def _lockstep(instruction: str, episodes: int, console: Console) -> list[EpisodeResult]:
    config = load(robot_file("aloha"), [])
    name = config.policy
    options = plugin_config(
        "policy_worker.policies", name, config.policies[name], {"configs": str(CONFIGS)}, name
    )
    candidate = Candidate(name, tuple(options.items()), Timing())
    trials = [(FIRST_EVALUATION_SEED + index, instruction) for index in range(episodes)]
    running = evaluated(candidate, trials, os.cpu_count() or 1)
    return list(track(running, instruction, len(trials), console=console))


def _share(results: Sequence[EpisodeResult], instruction: str) -> float:
    mine = [result.success for result in results if result.instruction == instruction]
    return sum(mine) / len(mine)


if __name__ == "__main__":
    sys.exit(program.run(main))
