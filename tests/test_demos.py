"""Demonstrations: what is recorded, how it is kept, and that a recording can be played."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from learning.demos import Studio, record
from learning.episodes import IMAGE_HEIGHT, IMAGE_WIDTH, Episode, load_episode, save_episode
from policy_worker.policies import replay
from policy_worker.policy import Observation
from simulation.task import HOLD, TRANSFER
from simulation.twin import JOINTS

ARM_COLUMNS = np.r_[0:6, 7:13]


@pytest.fixture(scope="module")
def studio() -> Studio:
    return Studio()


@pytest.fixture(scope="module")
def episode(studio: Studio) -> Episode:
    return studio.demonstration(4, TRANSFER)


def seen(plan_time_s: float) -> Observation:
    return Observation(
        t_obs_ns=0,
        plan_time_s=plan_time_s,
        episode=0,
        instruction=TRANSFER,
        images={},
        position=np.zeros(14),
    )


def test_a_demonstration_succeeds_and_is_complete(episode: Episode) -> None:
    steps = len(episode.actions)
    assert episode.success
    assert episode.actions.shape == episode.position.shape == (steps, len(JOINTS))
    assert episode.cube.shape == (steps, 3)
    assert episode.frames.shape == (len(episode.frame_steps), IMAGE_HEIGHT, IMAGE_WIDTH, 3)
    assert set(np.diff(episode.frame_steps)) == {4}
    assert episode.cube[-1, 0] < -0.05


def test_the_same_seed_gives_the_same_demonstration(studio: Studio, episode: Episode) -> None:
    again = studio.demonstration(4, TRANSFER)
    np.testing.assert_array_equal(again.actions, episode.actions)
    np.testing.assert_array_equal(again.position, episode.position)


def test_recorded_actions_are_smooth(studio: Studio) -> None:
    for seed in range(6):
        actions = studio.demonstration(seed, HOLD).actions[:, ARM_COLUMNS].astype(np.float64)
        assert np.abs(np.diff(actions, axis=0)).max() / 0.02 < 2.5


def test_an_episode_survives_the_disk(tmp_path: Path, episode: Episode) -> None:
    path = tmp_path / "episode.npz"
    save_episode(path, episode)
    loaded = load_episode(path)
    for name in ("actions", "position", "cube", "frame_steps"):
        kept, given = getattr(loaded, name), getattr(episode, name)
        assert kept.dtype == given.dtype
        np.testing.assert_array_equal(kept, given)
    assert replace(loaded, frames=episode.frames).instruction == TRANSFER
    assert loaded.joints == JOINTS
    assert (loaded.seed, loaded.success, loaded.dt_s) == (4, True, 0.02)
    difference = loaded.frames.astype(int) - episode.frames
    assert loaded.frames.dtype == np.uint8
    assert np.abs(difference).mean() < 2
    assert [file.name for file in tmp_path.iterdir()] == ["episode.npz"]


def test_a_file_that_is_no_episode_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.npz"
    np.savez(path, actions=np.zeros(3))
    with pytest.raises(ValueError, match="jpeg"):
        load_episode(path)


@pytest.mark.slow
def test_only_successes_are_kept(tmp_path: Path) -> None:
    failed = record(tmp_path, first_seed=0, episodes=4, workers=2)
    kept = [load_episode(path) for path in sorted(tmp_path.glob("*.npz"))]
    assert len(kept) + len(failed) == 4
    assert all(episode.success for episode in kept)
    assert not {episode.seed for episode in kept} & set(failed)


def test_a_recording_is_played_by_plan_time(tmp_path: Path, episode: Episode) -> None:
    path = tmp_path / "episode.npz"
    save_episode(path, episode)
    player = replay.make(replay.Config(file=path), JOINTS)
    first = player.infer(seen(10.0))
    assert first.shape == (player.spec.horizon, len(JOINTS))
    assert player.spec.instructions == (TRANSFER,)
    np.testing.assert_allclose(first, episode.actions[: len(first)], atol=1e-6)
    np.testing.assert_allclose(player.infer(seen(11.0))[0], episode.actions[50], atol=1e-6)
    np.testing.assert_allclose(player.infer(seen(99.0))[-1], episode.actions[-1], atol=1e-6)
    player.reset(1)
    np.testing.assert_allclose(player.infer(seen(99.0)), first, atol=1e-6)


def test_a_recording_of_other_joints_is_refused(tmp_path: Path, episode: Episode) -> None:
    path = tmp_path / "episode.npz"
    save_episode(path, episode)
    with pytest.raises(ValueError, match="recorded with the joints"):
        replay.make(replay.Config(file=path), JOINTS[::-1])
