"""The robot's own code in virtual time, and the measuring of success with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from learning.evaluate import Candidate, Share, contact_sheet, evaluated
from policy_worker.policies.scripted import Scripted
from policy_worker.policy import Observation, PolicySpec
from simulation.lockstep import Lockstep, Timing
from simulation.scene import scene_model
from simulation.task import FIRST_EVALUATION_SEED, HOLD, INSTRUCTIONS, TRANSFER
from simulation.twin import HOME, JOINTS, Twin

SHORT = Timing(limit_s=1.0)
Actions = NDArray[np.float64]


class Spy:
    """Answers every observation with `answer` and remembers it."""

    def __init__(self, answer: Callable[[Observation], Actions], cameras: tuple[str, ...]) -> None:
        self.spec = PolicySpec("spy", JOINTS, cameras, 50, 20_000_000, INSTRUCTIONS)
        self.seen: list[Observation] = []
        self.resets = 0
        self._answer = answer

    def reset(self, episode: int) -> None:
        del episode
        self.resets += 1

    def infer(self, observation: Observation) -> Actions:
        self.seen.append(observation)
        return self._answer(observation)


@pytest.fixture(scope="module")
def twin() -> Twin:
    return Twin(scene_model())


def still(_observation: Observation) -> Actions:
    return np.repeat(HOME[None], 50, axis=0)


@pytest.mark.parametrize("inference_s", [0.05, 0.3])
@pytest.mark.parametrize("instruction", INSTRUCTIONS)
def test_the_expert_succeeds_through_the_whole_controller(
    twin: Twin, instruction: str, inference_s: float
) -> None:
    lockstep = Lockstep(twin, Scripted(twin.model, JOINTS), timing=Timing(inference_s))
    result = lockstep.run(FIRST_EVALUATION_SEED, instruction)
    assert result.success
    assert result.duration_s < 7
    assert not [name for name in result.counters if name.startswith("dropped")]
    assert np.abs(np.diff(result.commands, axis=0)).max() < 0.05
    assert len(result.trail) == pytest.approx(result.duration_s * 10, abs=2)


def test_a_policy_slower_than_its_chunks_pauses_and_still_succeeds(twin: Twin) -> None:
    timing = Timing(inference_s=1.5, limit_s=20.0)
    result = Lockstep(twin, Scripted(twin.model, JOINTS), timing=timing).run(5, TRANSFER)
    assert result.success
    assert np.abs(np.diff(result.commands, axis=0)).max() < 0.05


def test_the_same_seed_gives_the_same_commands(twin: Twin) -> None:
    lockstep = Lockstep(twin, Scripted(twin.model, JOINTS))
    first, second = lockstep.run(9, HOLD), lockstep.run(9, HOLD)
    np.testing.assert_array_equal(first.commands, second.commands)
    np.testing.assert_array_equal(first.trail, second.trail)


def test_an_episode_without_success_ends_at_the_limit(twin: Twin) -> None:
    result = Lockstep(twin, Spy(still, ()), timing=SHORT).run(1, TRANSFER)
    assert not result.success
    assert result.duration_s == pytest.approx(SHORT.limit_s)
    assert result.best_reward == 0
    np.testing.assert_allclose(result.commands, np.broadcast_to(HOME, (100, 14)), atol=0.03)


def test_bad_chunks_move_nothing_and_are_counted(twin: Twin) -> None:
    bad = Spy(lambda _: np.full((50, 14), np.nan), ())
    result = Lockstep(twin, bad, timing=SHORT).run(1, TRANSFER)
    assert result.counters["dropped.not_finite"] >= 8
    assert np.ptp(result.commands, axis=0).max() < 1e-9


def test_a_policy_sees_what_cameras_caught_at_their_rate(twin: Twin) -> None:
    spy = Spy(still, ("cam_high",))
    Lockstep(twin, spy, timing=replace(SHORT, inference_s=0.05, period_s=0.1)).run(1, TRANSFER)
    times_s = np.array([observation.t_obs_ns for observation in spy.seen]) * 1e-9
    assert spy.resets == 1
    assert len(times_s) == pytest.approx(10, abs=1)
    np.testing.assert_allclose(np.diff(times_s), 0.1, atol=0.021)
    assert {observation.images["cam_high"].shape for observation in spy.seen} == {(480, 640, 3)}
    assert {observation.instruction for observation in spy.seen} == {TRANSFER}


def test_an_instruction_without_a_rule_is_refused(twin: Twin) -> None:
    with pytest.raises(ValueError, match="juggle"):
        Lockstep(twin, Spy(still, ()), timing=SHORT).run(1, "juggle")


def test_failures_are_pictured_a_row_each(twin: Twin) -> None:
    result = Lockstep(twin, Spy(still, ()), timing=SHORT).run(1, TRANSFER)
    sheet = contact_sheet([result, replace(result, seed=2)])
    assert sheet.shape == (300, 1600, 3)
    assert sheet.std() > 5


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        (30, 30, 0.8865, 1.0),
        (190, 200, 0.9104, 0.9726),
        (0, 10, 0.0, 0.2775),
        (5, 10, 0.2366, 0.7634),
    ],
)
def test_intervals_are_wilsons(successes: int, trials: int, low: float, high: float) -> None:
    assert Share(successes, trials).interval == pytest.approx((low, high), abs=5e-4)


@pytest.mark.slow
def test_evaluation_yields_every_trial() -> None:
    trials = [(FIRST_EVALUATION_SEED + i, text) for i in range(2) for text in INSTRUCTIONS]
    results = list(evaluated(Candidate("scripted", (), Timing()), trials, workers=2))
    assert {(result.seed, result.instruction) for result in results} == set(trials)
    assert all(result.success for result in results)


@pytest.mark.slow
def test_a_policy_that_cannot_be_made_says_so() -> None:
    nowhere = Candidate("flow", (("checkpoint", "/nowhere.safetensors"),), Timing())
    with pytest.raises(ValueError, match="nowhere"):
        list(evaluated(nowhere, [(1, TRANSFER)] * 3, workers=1))
