"""Training: samples made from demonstrations, learning from them, and going on after a stop."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from learning.dataset import Augmentation, Dataset, chunks, gathered
from learning.episodes import Episode
from learning.models import checkpoint
from learning.models.config import FlowConfig, StreamConfig, VisionConfig
from learning.train import TrainConfig, build_state, described, keep, take_step, train
from learning.training_state import TrainingState

CONFIG = TrainConfig(steps=8, batch=4, warmup=1, learning_rate=3e-3)
JOINTS = tuple(f"joint_{index}" for index in range(14))


def episode(seed: int, waits: int = 0) -> Episode:
    """A demonstration whose joints ramp up after `waits` control steps at rest."""
    draw = np.random.default_rng(seed)
    ramp = np.maximum(np.arange(41) - waits, 0)[:, None] * draw.uniform(0.01, 0.05, 14)
    frame_steps = np.arange(0, 41, 4, dtype=np.int32)
    frames = draw.integers(0, 255, (len(frame_steps), 240, 320, 3), dtype=np.uint8)
    return Episode(
        instruction="lift the cube" if seed % 2 else "hold the cube",
        seed=seed,
        success=True,
        dt_s=0.02,
        joints=JOINTS,
        camera="cam_high",
        actions=ramp.astype(np.float32),
        position=ramp.astype(np.float32),
        cube=np.tile(np.array([0.1, 0.5, 0.02], dtype=np.float32), (41, 1)),
        frame_steps=frame_steps,
        frames=frames,
    )


@pytest.fixture(scope="module")
def data() -> Dataset:
    return gathered((episode(seed) for seed in range(2)), horizon=5, text_length=4)


def small_model(data: Dataset) -> FlowConfig:
    return FlowConfig(
        vocabulary=data.tokenizer.vocabulary,
        text_length=4,
        vision=VisionConfig(channels=(4, 4), keypoints=4, tokens=1),
        prefix=StreamConfig(width=16, mlp_width=16),
        expert=StreamConfig(width=16, mlp_width=16),
        depth=1,
        heads=2,
        key_heads=2,
        head_width=8,
        horizon=5,
    )


def advance(state: TrainingState, data: Dataset, steps: int) -> None:
    for _ in range(steps):
        take_step(state, data.drawn(CONFIG.batch, state.generator, Augmentation()), CONFIG)


def test_a_chunk_takes_every_fourth_action_and_holds_the_last() -> None:
    actions = np.arange(10, dtype=np.float32)[:, None]
    made = chunks(actions, np.array([0, 5], dtype=np.int32), horizon=4)
    assert made[..., 0].tolist() == [[0, 4, 8, 9], [5, 9, 9, 9]]


def test_a_sample_pairs_a_frame_with_its_state_words_and_future(data: Dataset) -> None:
    assert len(data.views) == len(data)
    assert data.instructions == ("hold the cube", "lift the cube")
    assert data.dt_ns == 80_000_000
    source = episode(1)
    row = len(data) - 1  # the last frame of the second demonstration
    np.testing.assert_array_equal(data.views[row], source.frames[-1][60:180, 80:240])
    np.testing.assert_allclose(data.state[row], source.position[40])
    mean, std = data.action_statistics.mean, data.action_statistics.std
    restored = data.actions[row].numpy() * std + mean
    np.testing.assert_allclose(restored, source.actions[[40] * 5], atol=1e-5)
    assert data.words[row].tolist() == data.tokenizer.encode("lift the cube").tolist()


def test_waiting_before_the_first_move_is_not_learned() -> None:
    prompt = gathered([episode(0)], horizon=5, text_length=4)
    waiting = gathered([episode(0, waits=16)], horizon=5, text_length=4)
    assert len(prompt) == 11
    assert len(waiting) == 11 - 4


def test_demonstrations_are_needed() -> None:
    with pytest.raises(ValueError, match=r"got none.*learning\.demos"):
        gathered([], horizon=5, text_length=4)


def test_augmentation_disturbs_what_is_seen_but_not_what_shall_be_done(data: Dataset) -> None:
    plain = Augmentation(state_std=0.0, brightness=0.0, pixel_std=0.0)
    clean = data.drawn(6, torch.Generator().manual_seed(3), plain)
    noisy = data.drawn(6, torch.Generator().manual_seed(3), Augmentation())
    assert torch.equal(clean.actions, noisy.actions)
    assert not torch.equal(clean.views, noisy.views)
    assert not torch.equal(clean.state, noisy.state)
    assert float(noisy.views.min()) >= 0.0
    assert float(noisy.views.max()) <= 1.0


def test_training_on_one_batch_lowers_both_losses(data: Dataset) -> None:
    config = CONFIG.model_copy(update={"steps": 1000})
    state = build_state(small_model(data), config)
    batch = data.drawn(8, torch.Generator().manual_seed(0), Augmentation())
    for _ in range(80):
        take_step(state, batch, config)
    early, late = np.mean(state.losses[:10], axis=0), np.mean(state.losses[-10:], axis=0)
    assert late[0] < 0.5 * early[0]
    assert late[1] < 0.9 * early[1]


def test_a_resumed_training_ends_where_an_uninterrupted_one_does(
    data: Dataset, tmp_path: Path
) -> None:
    whole = build_state(small_model(data), CONFIG)
    advance(whole, data, 6)

    first = build_state(small_model(data), CONFIG)
    advance(first, data, 3)
    first.save(tmp_path / "state.safetensors")
    second = build_state(small_model(data), CONFIG)
    second.restore(tmp_path / "state.safetensors")
    assert second.step == 3
    advance(second, data, 3)

    assert second.losses == whole.losses
    for network, other in ((second.model, whole.model), (second.average, whole.average)):
        for value, expected in zip(network.parameters(), other.parameters(), strict=True):
            assert torch.equal(value, expected)


def test_training_leaves_a_loadable_checkpoint_a_state_and_a_picture(
    data: Dataset, tmp_path: Path
) -> None:
    model = small_model(data)
    metadata = described(data, model, seed=0)
    state = build_state(model, CONFIG)
    train(data, state, CONFIG, metadata, tmp_path)
    told, _ = checkpoint.load(tmp_path / "policy.safetensors")
    assert told.training.steps == CONFIG.steps
    assert told.joints == JOINTS
    assert told.instructions == ("hold the cube", "lift the cube")
    assert (tmp_path / "loss.png").stat().st_size > 1000
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "loss.png",
        "policy.safetensors",
        "state.safetensors",
    ]


def test_the_averaged_weights_are_what_is_deployed(data: Dataset, tmp_path: Path) -> None:
    model = small_model(data)
    state = build_state(model, CONFIG)
    advance(state, data, 4)
    keep(state, described(data, model, seed=0), tmp_path)
    _, loaded = checkpoint.load(tmp_path / "policy.safetensors")
    for value, average, latest in zip(
        loaded.parameters(), state.average.parameters(), state.model.parameters(), strict=True
    ):
        torch.testing.assert_close(value, average, atol=1e-3, rtol=1e-3, check_device=False)
        assert not latest.requires_grad or not torch.equal(average, latest)
