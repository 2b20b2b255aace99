"""The learned policy as a plugin: its handshake, its determinism, what it refuses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from learning.models.checkpoint import CheckpointError, Metadata, TrainingFacts, save
from learning.models.config import FlowConfig, StreamConfig, VisionConfig
from learning.models.flow import FlowModel
from learning.models.normalisation import Statistics
from perception.rendering import SceneRenderer
from policy_worker.policies.flow import Config, FlowPolicy, make
from policy_worker.policy import Observation
from simulation import task, twin
from simulation.scene import scene_model

JOINTS = tuple(f"joint_{index}" for index in range(14))
_UNIT = Statistics(mean=(0.0,) * 14, std=(1.0,) * 14)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    config = FlowConfig(
        vocabulary=("drop", "go"),
        vision=VisionConfig(channels=(4, 4), keypoints=4, tokens=1),
        prefix=StreamConfig(width=16, mlp_width=16),
        expert=StreamConfig(width=16, mlp_width=16),
        depth=1,
        heads=1,
        key_heads=1,
        head_width=16,
        horizon=6,
    )
    metadata = Metadata(
        name="tiny",
        model=config,
        state=_UNIT,
        actions=_UNIT,
        dt_ns=80_000_000,
        joints=JOINTS,
        cameras=("cam_high",),
        instructions=("go", "drop"),
        training=TrainingFacts(steps=0, episodes=0, seed=0),
    )
    save(tmp_path / "tiny.safetensors", metadata, FlowModel(config))
    return tmp_path / "tiny.safetensors"


def observed(instruction: str = "go", seed: int = 0) -> Observation:
    draw = np.random.default_rng(seed)
    image = draw.integers(0, 255, (480, 640, 3), dtype=np.uint8)
    return Observation(
        t_obs_ns=1,
        plan_time_s=0.0,
        episode=0,
        instruction=instruction,
        images={"cam_high": image},
        position=draw.normal(size=14),
    )


def policy(path: Path, seed: int = 0) -> FlowPolicy:
    return make(Config(checkpoint=path, seed=seed), JOINTS)


def test_it_tells_what_its_checkpoint_was_made_for(path: Path) -> None:
    spec = policy(path).spec
    assert (spec.name, spec.joints, spec.cameras) == ("tiny", JOINTS, ("cam_high",))
    assert (spec.horizon, spec.dt_ns, spec.instructions) == (6, 80_000_000, ("go", "drop"))
    assert not spec.needs_twin_state


def test_a_chunk_is_finite_and_of_the_promised_shape(path: Path) -> None:
    actions = policy(path).infer(observed())
    assert actions.shape == (6, 14)
    assert actions.dtype == np.float64
    assert np.isfinite(actions).all()


def test_the_same_seed_gives_the_same_chunks(path: Path) -> None:
    first, second = policy(path), policy(path)
    np.testing.assert_array_equal(first.infer(observed()), second.infer(observed()))
    np.testing.assert_array_equal(first.infer(observed()), second.infer(observed()))
    assert not np.array_equal(first.infer(observed()), policy(path, seed=1).infer(observed()))


def test_noise_stays_within_an_episode_and_differs_between_episodes(path: Path) -> None:
    runner = policy(path)
    first = runner.infer(observed())
    runner.infer(observed(seed=5))
    np.testing.assert_array_equal(runner.infer(observed()), first)
    runner.reset(1)
    assert not np.array_equal(runner.infer(observed()), first)


def test_the_instruction_reaches_the_actions(path: Path) -> None:
    runner = policy(path)
    assert not np.array_equal(runner.infer(observed("go")), runner.infer(observed("drop")))


def test_what_it_cannot_follow_or_see_is_refused_by_name(path: Path) -> None:
    runner = policy(path)
    with pytest.raises(ValueError, match=r"never learned: fly; it knows: drop, go"):
        runner.infer(observed("fly"))
    with pytest.raises(ValueError, match=r"lacks the view of cam_high; it has none"):
        runner.infer(replace(observed(), images={}))


def test_a_checkpoint_for_another_robot_is_refused(path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"joints: the checkpoint has \('joint_0'"):
        make(Config(checkpoint=path), JOINTS[::-1])


@pytest.fixture(scope="module")
def trained() -> FlowPolicy:
    return make(Config(), twin.JOINTS)


@pytest.fixture(scope="module")
def home() -> Observation:
    model = scene_model()
    robot = twin.Twin(model)
    robot.step(0.5)  # the cube falls 3 cm first
    renderer = SceneRenderer(model)
    image = renderer.render(robot.qpos, "cam_high")
    renderer.close()
    return Observation(
        t_obs_ns=1,
        plan_time_s=0.0,
        episode=0,
        instruction=task.TRANSFER,
        images={"cam_high": image},
        position=robot.position,
    )


def test_the_committed_policy_is_made_for_aloha_and_small(trained: FlowPolicy) -> None:
    assert trained.spec.joints == twin.JOINTS
    assert trained.spec.cameras == ("cam_high",)
    assert trained.spec.instructions == task.INSTRUCTIONS
    assert trained.spec.horizon * trained.spec.dt_ns == 2_000_000_000
    path = Path(__file__).parents[1] / Config().checkpoint
    assert path.stat().st_size < 10_000_000


def test_the_committed_policy_starts_where_the_robot_is(
    trained: FlowPolicy, home: Observation
) -> None:
    actions = trained.infer(home)
    assert np.abs(actions[0] - home.position).max() < 0.1


def test_the_committed_policy_moves_the_left_arm_only_when_told_to_transfer(
    trained: FlowPolicy, home: Observation
) -> None:
    transfer = trained.infer(home)
    hold = trained.infer(replace(home, instruction=task.HOLD))
    left = slice(0, 6)
    assert np.abs(transfer[-1, left] - home.position[left]).max() > 0.2
    assert np.abs(hold[-1, left] - home.position[left]).max() < 0.1
