"""The scripted expert: what it does, and that it does it smoothly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from policy_worker.policies.scripted import Config, Scripted, make
from policy_worker.policy import Observation
from simulation.scene import scene_model
from simulation.task import HOLD, INSTRUCTIONS, TRANSFER, Progress, advanced
from simulation.twin import HOME, JOINTS, Twin

ARM_COLUMNS = np.r_[0:6, 7:13]
DT_S = 0.02


@pytest.fixture(scope="module")
def twin() -> Twin:
    return Twin(scene_model())


@pytest.fixture
def expert(twin: Twin) -> Scripted:
    return Scripted(twin.model, JOINTS)


def seen(twin: Twin, instruction: str, plan_time_s: float = 0.0) -> Observation:
    return Observation(
        t_obs_ns=0,
        plan_time_s=plan_time_s,
        episode=0,
        instruction=instruction,
        images={},
        position=twin.position,
        twin_qpos=twin.qpos,
    )


def planned(expert: Scripted, twin: Twin, instruction: str) -> NDArray[np.float64]:
    starts = np.arange(0.0, 8.0, 2.0)
    return np.concatenate([expert.infer(seen(twin, instruction, start)) for start in starts])


def outcomes(twin: Twin, actions: NDArray[np.float64]) -> dict[str, bool]:
    progress = {instruction: Progress(instruction) for instruction in INSTRUCTIONS}
    for action in actions:
        twin.write(action)
        twin.step(DT_S)
        for instruction, before in progress.items():
            progress[instruction] = advanced(before, twin.contacts, float(twin.cube[2]), DT_S)
    return {instruction: now.success for instruction, now in progress.items()}


@pytest.mark.parametrize("seed", [11, 12, 13])
@pytest.mark.parametrize("instruction", INSTRUCTIONS)
def test_each_instruction_is_fulfilled_and_the_other_is_not(
    twin: Twin, expert: Scripted, instruction: str, seed: int
) -> None:
    twin.reset(seed)
    done = outcomes(twin, planned(expert, twin, instruction))
    assert done == {TRANSFER: instruction == TRANSFER, HOLD: instruction == HOLD}


def test_plans_are_smooth_wherever_the_cube_lies(twin: Twin, expert: Scripted) -> None:
    draw = np.random.default_rng(5)
    for seed in range(60):
        start = HOME.copy()
        start[ARM_COLUMNS] += draw.normal(0.0, 0.02, len(ARM_COLUMNS))
        twin.reset(seed, start)
        expert.reset(seed)
        arms = planned(expert, twin, INSTRUCTIONS[seed % 2])[:, ARM_COLUMNS]
        velocity = np.diff(arms, axis=0) / DT_S
        acceleration = np.diff(velocity, axis=0) / DT_S
        jerk = np.diff(acceleration, axis=0) / DT_S
        assert np.abs(velocity).max() < 2.5
        assert np.abs(acceleration).max() < 15
        assert np.abs(jerk).max() < 300


def test_chunks_are_windows_of_one_plan(twin: Twin, expert: Scripted) -> None:
    twin.reset(3)
    first = expert.infer(seen(twin, TRANSFER, 5.0))
    twin.place_cube(4)
    later = expert.infer(seen(twin, TRANSFER, 6.0))
    assert first.shape == (expert.spec.horizon, len(JOINTS))
    np.testing.assert_allclose(first[50:], later[:50], atol=1e-9)
    np.testing.assert_allclose(first[0], twin.position, atol=1e-9)


def test_a_new_episode_gets_a_new_plan(twin: Twin, expert: Scripted) -> None:
    twin.reset(3)
    before = expert.infer(seen(twin, TRANSFER, 0.0))
    expert.reset(1)
    twin.place_cube(4)
    assert np.abs(expert.infer(seen(twin, TRANSFER, 30.0)) - before).max() > 0.01


def test_after_its_end_the_plan_rests(twin: Twin, expert: Scripted) -> None:
    twin.reset(3)
    expert.infer(seen(twin, HOLD, 0.0))
    rest = expert.infer(seen(twin, HOLD, 60.0))
    np.testing.assert_allclose(rest, np.broadcast_to(rest[0], rest.shape), atol=1e-12)


def test_an_unknown_instruction_is_refused_by_name(twin: Twin, expert: Scripted) -> None:
    with pytest.raises(ValueError, match="juggle"):
        expert.infer(seen(twin, "juggle"))


def test_a_cube_out_of_reach_is_refused(twin: Twin, expert: Scripted) -> None:
    twin.reset(3)
    away = seen(twin, TRANSFER)
    away.twin_qpos[int(twin.model.joint("red_box_joint").qposadr[0])] = -0.8
    with pytest.raises(ValueError, match="reach"):
        expert.infer(away)


def test_a_missing_scene_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"gone\.mjb"):
        make(Config(model_path=tmp_path / "gone.mjb"), JOINTS)
