"""Makes demonstrations: the scripted expert does the tasks in the twin, and it is written down."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from learning.episodes import Episode, save_episode, small_image
from motion import minimum_jerk
from perception.rendering import SceneRenderer
from policy_worker.policies import scripted
from policy_worker.policy import Observation, Policy
from runtime import program
from simulation import task
from simulation.scene import scene_model
from simulation.task import FIRST_EVALUATION_SEED
from simulation.twin import HOME, JOINTS, Twin

CAMERA: Final = "cam_high"

_DT_S: Final = 0.02
_TICK_S: Final = 0.01
_STEPS: Final = 375  # the expert's 6.7 s, at most half a second of waiting, a little rest
_CHUNK_S: Final = 2.0
_STEPS_A_FRAME: Final = 4
_START_SPREAD_RAD: Final = 0.02
_LONGEST_WAIT_STEPS: Final = 25
_WAITING_SHARE: Final = 0.25
_UNDISTURBED_SHARE: Final = 1 / 3
_ARM_COLUMNS: Final = np.r_[0:6, 7:13]


class Studio:
    """The twin, a camera and the expert, kept between episodes."""

    def __init__(self) -> None:
        model = scene_model()
        self._expert: Policy = scripted.Scripted(model, JOINTS)
        self._twin = Twin(model)
        self._renderer = SceneRenderer(model)

    def demonstration(self, seed: int, instruction: str) -> Episode:
        """Return one demonstration; all that is random about it follows from `seed`."""
        draw = np.random.default_rng([seed, 1])
        start = HOME.copy()
        start[_ARM_COLUMNS] += draw.normal(0.0, _START_SPREAD_RAD, len(_ARM_COLUMNS))
        self._twin.reset(seed, start)
        actions = self._planned(instruction, draw)
        disturbance = _disturbance(draw)
        if draw.random() < _UNDISTURBED_SHARE:
            disturbance[:] = 0.0
        return self._performed(seed, instruction, actions, disturbance)

    def _planned(self, instruction: str, draw: np.random.Generator) -> NDArray[np.float64]:
        """Return what the expert does (T + 1, 14), now and then after a moment of waiting."""
        self._expert.reset(0)
        first = Observation(
            t_obs_ns=0,
            plan_time_s=0.0,
            episode=0,
            instruction=instruction,
            images={},
            position=self._twin.position,
            twin_qpos=self._twin.qpos,
        )
        starts_s = np.arange(0.0, (_STEPS + 1) * _DT_S, _CHUNK_S)
        chunks = [self._expert.infer(replace(first, plan_time_s=start)) for start in starts_s]
        actions = np.concatenate(chunks)
        if draw.random() < _WAITING_SHARE:
            wait = int(draw.integers(1, _LONGEST_WAIT_STEPS))
            actions = np.concatenate([np.repeat(actions[:1], wait, axis=0), actions])
        return actions[: _STEPS + 1]

    def _performed(
        self,
        seed: int,
        instruction: str,
        actions: NDArray[np.float64],
        disturbance: NDArray[np.float64],
    ) -> Episode:
        twin = self._twin
        progress = task.Progress(instruction)
        position, cube, frames = [], [], []
        for step in range(_STEPS):
            position.append(twin.position)
            cube.append(twin.cube)
            if step % _STEPS_A_FRAME == 0:
                frames.append(small_image(self._renderer.render(twin.qpos, CAMERA)))
            middle = 0.5 * (actions[step] + actions[step + 1])
            for tick, command in enumerate((actions[step], middle)):
                twin.write(command + disturbance[2 * step + tick])
                twin.step(_TICK_S)
                progress = task.advanced(progress, twin.contacts, float(twin.cube[2]), _TICK_S)
        return Episode(
            instruction=instruction,
            seed=seed,
            success=progress.success and _clean_end(instruction, twin.contacts),
            dt_s=_DT_S,
            joints=JOINTS,
            camera=CAMERA,
            actions=actions[:_STEPS].astype(np.float32),
            position=np.array(position, np.float32),
            cube=np.array(cube, np.float32),
            frame_steps=np.arange(0, _STEPS, _STEPS_A_FRAME, dtype=np.int32),
            frames=np.array(frames),
        )


def _disturbance(draw: np.random.Generator) -> NDArray[np.float64]:
    """Return what is added to the commands (2 T, 14): slow sines, so that jerk stays bounded.

    The recorded actions stay clean, and so they show the way back from where these lead.
    """
    times_s = np.arange(2 * _STEPS, dtype=np.float64)[:, None] * _TICK_S
    disturbance = np.zeros((2 * _STEPS, len(JOINTS)))
    sigma_rad = draw.uniform(0.005, 0.02)
    waves = 4
    for _ in range(waves):
        frequency_hz = draw.uniform(0.1, 1.2, len(_ARM_COLUMNS))
        phase = draw.uniform(0.0, 2 * np.pi, len(_ARM_COLUMNS))
        wave = np.sin(2 * np.pi * frequency_hz * times_s + phase)
        disturbance[:, _ARM_COLUMNS] += sigma_rad * np.sqrt(2 / waves) * wave
    grown = minimum_jerk.blend(np.clip(times_s, 0.0, 1.0))  # over the first second
    return disturbance * grown


def _clean_end(instruction: str, contacts: frozenset[str]) -> bool:
    """Return whether the cube ended where it should: after a transfer, in the left hand alone."""
    touching = any(name.startswith("vx300s_right/") for name in contacts)
    return task.reward(contacts) == 4 and not touching if instruction == task.TRANSFER else touching


@cache
def _studio() -> Studio:
    """Return this worker process's own."""
    return Studio()


def _record(out: Path, seed: int) -> bool:
    """Make one demonstration in a worker process and keep it if it succeeded."""
    instruction = task.HOLD if seed % 3 == 2 else task.TRANSFER
    episode = _studio().demonstration(seed, instruction)
    if episode.success:
        save_episode(out / f"episode_{seed:09d}.npz", episode)
    return episode.success


def record(out: Path, first_seed: int, episodes: int, workers: int) -> list[int]:
    """Write the successful ones of `episodes` attempts to `out`; return the seeds that failed."""
    out.mkdir(parents=True, exist_ok=True)
    failed = []
    bar = Progress(
        TextColumn("demonstrations"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    )
    # Spawned, not forked: an OpenGL context does not survive a fork.
    spawn = multiprocessing.get_context("spawn")
    with bar, ProcessPoolExecutor(workers, spawn) as pool:
        seeds = range(first_seed, first_seed + episodes)
        attempts = {pool.submit(_record, out, seed): seed for seed in seeds}
        shown = bar.add_task("", total=episodes)
        for attempt in as_completed(attempts):
            bar.advance(shown)
            if not attempt.result():
                failed.append(attempts[attempt])
    return sorted(failed)


def main() -> None:
    """Read the command line and make the demonstrations."""
    parser = argparse.ArgumentParser(prog="python -m learning.demos", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("demos/transfer_cube"))
    parser.add_argument("--episodes", type=int, default=600, help="attempts (default 600)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seed", type=int, default=0, help="of the first episode (default 0)")
    given = parser.parse_args()
    if not 0 <= given.seed <= FIRST_EVALUATION_SEED - given.episodes:
        parser.error(f"--seed must leave the seeds from {FIRST_EVALUATION_SEED} to evaluations")
    failed = record(given.out, given.seed, given.episodes, given.workers)
    kept = given.episodes - len(failed)
    Console().print(f"{kept} demonstrations in {given.out}; {len(failed)} failed, seeds {failed}")


if __name__ == "__main__":
    sys.exit(program.run(main))
