"""A journal that was cut off at any byte becomes an episode of all that was before."""

from pathlib import Path

import numpy as np
import pytest
import recorder_scene
from hypothesis import given, settings
from hypothesis import strategies as st
from recorder_scene import BEGIN_NS, TICK_NS, Scene

from messaging.messages import JointCommand
from recorder import edits
from recorder.catalogue import Catalogue
from recorder.dataset import Dataset
from recorder.finish import finished
from recorder.journal import STREAM_LOG, Journal, journals
from recorder.layout import DISCARDED
from recorder.recover import cut_off, resumable, seal_all

SCENE = Scene(seconds=1.0, cameras=("cam_high",))
LOST_NS = 200_000_000


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Journal:
    return recorder_scene.write(tmp_path_factory.mktemp("whole"), SCENE)


def last_tick_ns(journal: Journal) -> int:
    return max(
        (
            item.message.t_command_ns
            for item in journal.said(only="joint_command")
            if isinstance(item.message, JointCommand)
        ),
        default=0,
    )


@settings(deadline=None, max_examples=30)
@given(share=st.floats(0.2, 1.0))
def test_all_ticks_before_the_cut_are_there(
    whole: Journal, tmp_path_factory: pytest.TempPathFactory, share: float
) -> None:
    data = (whole.folder / STREAM_LOG).read_bytes()
    copy = Journal(tmp_path_factory.mktemp("cut"))
    said = list(whole.said())
    (copy.folder / STREAM_LOG).write_bytes(data[: int(share * len(data))])
    count = len(list(copy.said()))
    torn_ns = said[min(count, len(said) - 1)].t_arrival_ns
    assert torn_ns - last_tick_ns(copy) <= TICK_NS + 1_000


@pytest.mark.parametrize("seed", range(3))
def test_the_episode_is_finished_as_aborted(whole: Journal, tmp_path: Path, seed: int) -> None:
    data = (whole.folder / STREAM_LOG).read_bytes()
    cut = int(np.random.default_rng(seed).integers(len(data) // 3, len(data) - 2000))
    journal = recorder_scene.write(tmp_path, SCENE)
    (journal.folder / STREAM_LOG).write_bytes(data[:cut])
    end_ns = last_tick_ns(journal)
    finished(Catalogue(tmp_path), journal)
    dataset = Dataset(tmp_path)
    assert dataset.verify() == []
    (row,) = dataset.episodes()
    assert row.raw["aborted"]
    assert row.length >= (end_ns - BEGIN_NS) * 30e-9 - 1
    assert (end_ns - row.raw["t_begin_ns"]) * 1e-9 - row.raw["outcome_s"] < LOST_NS * 1e-9


def test_what_is_left_from_a_crash_is_told_and_can_be_gone_on_with(tmp_path: Path) -> None:
    cut = recorder_scene.write(tmp_path, Scene(seconds=1.0, cameras=(), outcome=""), sealed=False)
    ended = Scene(number=4, seconds=0.3, cameras=(), begin_ns=BEGIN_NS + 1)
    recorder_scene.write(tmp_path, ended, sealed=False)
    recorder_scene.write(tmp_path, Scene(number=5, seconds=0.3, cameras=()))
    first, second = cut_off(tmp_path)
    assert "episode_000003 was cut off: saved its first 1.09 s" in first
    assert second == "episode_000004: success, to be finished"
    assert resumable(tmp_path)[3, BEGIN_NS] == cut


def test_what_was_discarded_while_it_ran_is_put_aside_with_the_others_finished(
    tmp_path: Path,
) -> None:
    for number, kind in ((3, edits.DISCARD), (4, edits.NOTE)):
        name = recorder_scene.write(tmp_path, Scene(number, 0.3, cameras=()), sealed=False).name
        edit = edits.Edit(at="", t_ns=0, who="ada", kind=kind, episode=name)
        edits.append(tmp_path, edit)
    first, _ = cut_off(tmp_path)
    assert first == "episode_000003 is discarded, to be put aside"
    seal_all(tmp_path)
    assert [(journal.name, journal.sealed) for journal in journals(tmp_path)] == [
        ("episode_000004", True)
    ]
    assert [path.name for path in (tmp_path / DISCARDED).iterdir()] == ["episode_000003"]


def test_a_journal_that_cannot_be_read_is_told_too(tmp_path: Path) -> None:
    journal = recorder_scene.write(tmp_path, SCENE, sealed=False)
    (journal.folder / "episode.json").write_text("{", encoding="utf-8")
    (line,) = cut_off(tmp_path)
    assert "cannot be read" in line
    assert resumable(tmp_path) == {}


def test_a_journal_of_another_version_is_told_and_the_others_are_too(tmp_path: Path) -> None:
    recorder_scene.age(recorder_scene.write(tmp_path, SCENE, sealed=False))
    recorder_scene.write(tmp_path, Scene(number=4, seconds=0.3, cameras=()), sealed=False)
    first, second = cut_off(tmp_path)
    assert "was written by another version" in first
    assert second == "episode_000004: success, to be finished"
