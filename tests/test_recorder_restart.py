"""A recorder that was killed and is started again: what was recorded and what was asked is kept."""

from pathlib import Path

import pytest
from recorder_scene import Scene, told
from recorder_stage import Stage, stage

from recorder import recover
from recorder.catalogue import Catalogue
from recorder.dataset import Dataset
from recorder.finish import finished
from recorder.journal import journals
from recorder.layout import DISCARDED

pytestmark = pytest.mark.realtime

SCENE = Scene(seconds=0.6, cameras=("cam_high",))


def test_a_recorder_that_is_started_again_goes_on_in_the_same_journal(tmp_path: Path) -> None:
    first = Stage(tmp_path, SCENE)
    first.play(SCENE, until_s=0.3)
    first.kill()
    (line,) = recover.cut_off(tmp_path / "recording")
    assert "was cut off" in line
    with stage(tmp_path, SCENE) as second:
        running = next(message for _, name, message in told(SCENE) if name == "episode_state")
        second.say("episode_state", running)
        second.look()
        second.play(SCENE, from_s=0.4)
        (journal,) = second.journals()
    finished(Catalogue(second.directory), journal)
    dataset = Dataset(second.directory)
    assert dataset.episodes()[0].raw["outcome_label"] == "success"
    gap = dataset.table(0)["complementary_info.gap"].to_pylist()
    assert any(gap)
    assert not gap[-1]


def test_an_episode_that_ended_while_no_recorder_was_there_keeps_its_outcome(
    tmp_path: Path,
) -> None:
    first = Stage(tmp_path, SCENE)
    first.play(SCENE, until_s=0.4)
    first.kill()
    with stage(tmp_path, SCENE) as second:
        second.end(SCENE)
        assert second.ask("note", "the recorder was away").accepted
        assert not second.journals()[0].sealed  # it can be discarded still
    (journal,) = journals(second.directory)
    finished(Catalogue(second.directory), journal)
    dataset = Dataset(second.directory)
    assert dataset.verify() == []
    (row,) = dataset.episodes()
    assert (row.text("outcome_label"), row.text("labelled_by")) == ("success", "the task's rule")
    assert row.text("note") == "the recorder was away"
    gap = dataset.table(0)["complementary_info.gap"].to_pylist()
    assert gap[-1]
    assert not gap[5]


def test_a_label_that_was_taken_back_stays_so_when_the_recorder_is_started_again(
    tmp_path: Path,
) -> None:
    first = Stage(tmp_path, SCENE)
    first.play(SCENE)
    assert first.ask("undo").accepted
    first.kill()
    with stage(tmp_path, SCENE) as second:
        second.end(SCENE)
    (journal,) = journals(second.directory)
    finished(Catalogue(second.directory), journal)
    assert Dataset(second.directory).row(0).text("outcome_label") == "unknown"


@pytest.mark.parametrize("comes_back", [True, False])
def test_a_discarding_outlives_the_recorder(tmp_path: Path, comes_back: bool) -> None:
    first = Stage(tmp_path, SCENE)
    first.play(SCENE, until_s=0.3)
    assert first.ask("discard").accepted
    first.kill()
    with stage(tmp_path, SCENE) as second:
        if comes_back:
            second.end(SCENE)
    assert journals(second.directory) == []
    assert len(list((second.directory / DISCARDED).iterdir())) == 1
