"""A recorded episode once more: through the guard and the twin, and as a policy of a launch."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dataset_scene import FPS, Told, path_of, written
from dataset_tools import ran

from policy_worker.policies import replay
from policy_worker.policies.scripted import Scripted
from policy_worker.policy import Observation
from recorder import layout
from recorder.dataset import Dataset
from simulation.lockstep import EpisodeResult, Lockstep
from simulation.scene import scene_model
from simulation.task import FIRST_EVALUATION_SEED, TRANSFER
from simulation.twin import JOINTS, Twin
from station.recorder_tools.replay import recorded_path

TOLD = Told()


@pytest.fixture(scope="module")
def episode() -> EpisodeResult:
    twin = Twin(scene_model())
    return Lockstep(twin, Scripted(twin.model, JOINTS)).run(FIRST_EVALUATION_SEED, TRANSFER)


@pytest.fixture(scope="module")
def recorded(episode: EpisodeResult, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a dataset of what a lockstep run commanded."""
    frames = len(episode.commands) * FPS // 100
    told = Told(frames, 0, 0, seed=0, commands=episode.commands)
    return written(tmp_path_factory.mktemp("made") / "made", told)


@pytest.fixture
def made(tmp_path: Path) -> Path:
    return written(tmp_path / "made", TOLD)


def seen(plan_time_s: float) -> Observation:
    return Observation(
        t_obs_ns=0,
        plan_time_s=plan_time_s,
        episode=0,
        instruction=TRANSFER,
        images={},
        position=np.zeros(14),
    )


def test_a_recorded_success_succeeds_again_and_no_guard_acts(recorded: Path) -> None:
    done = ran("replay", recorded, 0)
    assert done.code == 0
    assert "recorded: success; replayed: success" in done.said
    assert "held" not in done.said
    file = recorded / layout.data_path(0)
    assert f"launch.py --policy replay --instruction '{TRANSFER}'" in done.said
    assert f"--set policies.replay.file={file}" in done.said


def test_commands_beyond_the_limits_are_held_by_the_guard(
    recorded: Path, episode: EpisodeResult, tmp_path: Path
) -> None:
    wild = episode.commands.copy()
    wild[200:, 1] += 0.5
    frames = Dataset(recorded).row(0).length
    made = written(tmp_path / "made", Told(frames, 0, 0, commands=wild))
    done = ran("replay", made, 0)
    assert done.code == 1
    assert "left arm: command beyond the limits" in done.said


def test_frames_alone_are_enough_to_replay(made: Path) -> None:
    with_ticks = recorded_path(Dataset(made), 0)
    (made / layout.ticks_path(0)).unlink()
    without = recorded_path(Dataset(made), 0)
    both = min(len(with_ticks.command), len(without.command))
    np.testing.assert_allclose(without.measured[:both], with_ticks.measured[:both], atol=1e-4)


def test_another_robot_than_the_twin_is_refused(made: Path) -> None:
    path = made / layout.INFO
    path.write_text(
        path.read_text(encoding="utf-8").replace("left_waist", "left_hip"), encoding="utf-8"
    )
    done = ran("replay", made, 0)
    assert done.code == 1
    assert "left_hip" in done.said


def test_the_policy_plays_an_episode_of_a_dataset(made: Path) -> None:
    player = replay.make(replay.Config(file=made / layout.data_path(0)), JOINTS)
    assert player.spec.instructions == (TRANSFER,)
    assert player.spec.dt_ns == round(1e9 / FPS)
    expected = path_of(TOLD, np.arange(TOLD.length) / FPS) + 0.001
    np.testing.assert_allclose(player.infer(seen(3.0))[:40], expected, atol=1e-6)
    np.testing.assert_allclose(player.infer(seen(9.0))[0], expected[-1], atol=1e-6)


def test_the_policy_does_the_task_again_through_the_whole_controller(recorded: Path) -> None:
    player = replay.make(replay.Config(file=recorded / layout.data_path(0)), JOINTS)
    result = Lockstep(Twin(scene_model()), player).run(FIRST_EVALUATION_SEED, TRANSFER)
    assert result.success
    assert not [name for name in result.counters if name.startswith(("dropped", "limit"))]


def test_one_of_several_episodes_in_a_file_is_named(tmp_path: Path) -> None:
    made = written(tmp_path / "made", TOLD, Told(12, 0, 0, seed=5))
    dataset = Dataset(made)
    shared = made / layout.data_path(0)
    pq.write_table(pa.concat_tables([dataset.table(0), dataset.table(1)]), shared)
    with pytest.raises(ValueError, match=r"holds the episodes \[0, 1\]"):
        replay.make(replay.Config(file=shared), JOINTS)
    player = replay.make(replay.Config(file=shared, episode=1), JOINTS)
    expected = path_of(Told(seed=5), np.arange(12) / FPS) + 0.001
    np.testing.assert_allclose(player.infer(seen(0.0))[:12], expected, atol=1e-6)


def test_what_is_no_recording_is_refused_by_the_policy(made: Path) -> None:
    path = made / layout.data_path(0)
    with pytest.raises(FileNotFoundError, match="python -m recorder info"):
        replay.make(replay.Config(file=path.with_name("file-009.parquet")), JOINTS)
    with pytest.raises(ValueError, match=r"expected a demonstration's \.npz"):
        replay.make(replay.Config(file=made / layout.INFO), JOINTS)
    with pytest.raises(ValueError, match="was recorded with the joints"):
        replay.make(replay.Config(file=path), JOINTS[::-1])
    info = json.loads((made / layout.INFO).read_text(encoding="utf-8"))
    del info["features"]["action"]
    (made / layout.INFO).write_text(json.dumps(info), encoding="utf-8")
    with pytest.raises(ValueError, match="python -m recorder check"):
        replay.make(replay.Config(file=path), JOINTS)
