"""Measures how often a policy succeeds: episodes in lockstep, with cubes no training has seen."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from scipy.stats import binomtest

from perception.rendering import SceneRenderer
from runtime import program
from runtime.plugins import plugin
from runtime.yaml_text import YamlError, parsed
from simulation.lockstep import EpisodeResult, Lockstep, Timing
from simulation.scene import save_model, scene_model
from simulation.task import FIRST_EVALUATION_SEED, INSTRUCTIONS
from simulation.twin import JOINTS, Twin

_PLUGINS: Final = "policy_worker.policies"
_SHEET_ROWS: Final = 24
_SHEET_COLUMNS: Final = 8
_SHEET_CELL: Final = (200, 150)  # pixels


@dataclass(frozen=True, slots=True)
class Candidate:
    """The policy under evaluation: a plugin and its options."""

    policy: str
    options: tuple[tuple[str, Any], ...]
    timing: Timing


@dataclass(frozen=True, slots=True)
class Share:
    """How many of some trials succeeded."""

    successes: int
    trials: int

    @property
    def value(self) -> float:
        """The share itself, 0 to 1."""
        return self.successes / self.trials

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % score interval, which stays honest near 0 and 1 (Wilson, 1927)."""
        interval = binomtest(self.successes, self.trials).proportion_ci(0.95, method="wilson")
        return float(interval.low), float(interval.high)


@cache
def _lockstep(candidate: Candidate) -> Lockstep:
    """Return this worker process's own; torch would spread over all cores, so it is kept to one."""
    os.environ["OMP_NUM_THREADS"] = "1"
    module = plugin(_PLUGINS, candidate.policy)
    with tempfile.TemporaryDirectory() as folder:
        options = dict(candidate.options)
        if "model_path" in module.Config.model_fields:
            options.setdefault("model_path", Path(folder) / "scene.mjb")
            save_model(Path(options["model_path"]))
        config = module.Config.model_validate(options, strict=False)
        policy = module.make(config, JOINTS)
    return Lockstep(Twin(scene_model()), policy, timing=candidate.timing)


def _episode(candidate: Candidate, seed: int, instruction: str) -> EpisodeResult:
    """Run one episode in a worker process."""
    return _lockstep(candidate).run(seed, instruction)


def evaluated(
    candidate: Candidate, trials: Sequence[tuple[int, str]], workers: int
) -> Iterator[EpisodeResult]:
    """Yield the result of each trial (seed, instruction), as they end.

    Raises:
        ValueError, OSError: the policy cannot be made, or does not fit the robot.
    """
    plugin(_PLUGINS, candidate.policy)  # an unknown name is better told here than in a worker
    # Spawned, not forked: an OpenGL context does not survive a fork.
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, spawn) as pool:
        try:
            for ended in as_completed(
                [pool.submit(_episode, candidate, *trial) for trial in trials]
            ):
                yield ended.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def contact_sheet(failures: Sequence[EpisodeResult]) -> NDArray[np.uint8]:
    """Return a picture (height, width, 3) with one row of frames, from start to end, a failure."""
    renderer = SceneRenderer(scene_model())
    rows = []
    for result in sorted(failures, key=lambda result: result.seed)[:_SHEET_ROWS]:
        moments = np.linspace(0, len(result.trail) - 1, _SHEET_COLUMNS).astype(int)
        images = [renderer.render(result.trail[moment], "cam_high") for moment in moments]
        row = np.hstack([cv2.resize(image, _SHEET_CELL) for image in images])
        text = f"seed {result.seed}, {result.instruction}, best reward {result.best_reward}"
        cv2.putText(row, text, (8, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 255), 1)
        rows.append(row)
    renderer.close()
    return np.asarray(np.vstack(rows), np.uint8)


def table(results: Sequence[EpisodeResult]) -> Table:
    """Return the shares of success, one row an instruction."""
    shown = Table("instruction", "episodes", "success", "95 % interval", "median time to success")
    for instruction in dict.fromkeys(result.instruction for result in results):
        mine = [result for result in results if result.instruction == instruction]
        times_s = [result.duration_s for result in mine if result.success]
        share = Share(len(times_s), len(mine))
        low, high = share.interval
        shown.add_row(
            instruction,
            str(share.trials),
            f"{share.value:.1%}",
            f"{low:.1%} to {high:.1%}",
            f"{np.median(times_s):.1f} s" if times_s else "never",
        )
    return shown


def _option(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"want KEY=VALUE, got {text!r}")
    try:
        return key, parsed(value, f"--option {key}").value
    except YamlError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m learning.evaluate", description=__doc__)
    parser.add_argument("--policy", default="flow", help="a plugin in policy_worker/policies/")
    parser.add_argument(
        "--option", type=_option, action="append", default=[], metavar="KEY=VALUE",
        help="of the policy's config, such as checkpoint=PATH",
    )  # fmt: skip
    parser.add_argument("--episodes", type=int, default=200, help="of each instruction")
    parser.add_argument("--instruction", choices=INSTRUCTIONS, help="only this one")
    parser.add_argument("--seed", type=int, default=0, help="first of the evaluation seeds")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--inference-s", type=float, default=Timing().inference_s, help="virtual")
    parser.add_argument("--sheet", type=Path, default=Path("runs/failures.png"))
    return parser


def main() -> None:
    """Read the command line, run the episodes, show the shares of success."""
    parser = _parser()
    given = parser.parse_args()
    instructions = (given.instruction,) if given.instruction else INSTRUCTIONS
    timing = Timing(inference_s=given.inference_s)
    candidate = Candidate(given.policy, tuple(given.option), timing)
    first = FIRST_EVALUATION_SEED + given.seed
    trials = [(first + i, text) for i in range(given.episodes) for text in instructions]
    bar = Progress(TextColumn("episodes"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    results = []
    try:
        with bar:
            shown = bar.add_task("", total=len(trials))
            for result in evaluated(candidate, trials, given.workers):
                results.append(result)
                bar.advance(shown)
    except (ValueError, OSError) as error:
        parser.error(str(error))
    console = Console()
    console.print(table(results))
    failures = [result for result in results if not result.success]
    if failures:
        given.sheet.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(given.sheet), contact_sheet(failures)[..., ::-1])
        console.print(f"{len(failures)} failures, the first of them in {given.sheet}")


if __name__ == "__main__":
    sys.exit(program.run(main))
