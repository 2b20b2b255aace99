"""Merging, splitting and repairing: what comes out is whole, and nothing is lost on the way."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from dataset_scene import CAMERAS, ROBOT, Told, written
from dataset_tools import ran

from recorder import edits, files, layout
from recorder.assembly import assembled
from recorder.dataset import Dataset, vectors
from recorder.layout import Robot

EPISODES = (
    Told(seed=1),
    Told(0, 12, 0, seed=2, outcome="failure"),
    Told(15, 0, 0, seed=3, outcome="timeout", task="hold it"),
    Told(20, 10, 0, seed=4),
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("made") / "made", *EPISODES)


@pytest.fixture(scope="module")
def whole(made: Path) -> Path:
    assert ran("merge", made.parent / "whole", made).code == 0
    return made.parent / "whole"


@pytest.fixture
def directory(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "recording"))


def seeds(directory: Path) -> list[int]:
    return [int(row.raw["seed"]) for row in Dataset(directory).episodes()]


def every_file(directory: Path) -> dict[str, bytes]:
    """Return the content of every file of a dataset, wherever it lies, by its name."""
    paths = [path for path in directory.rglob("*") if path.is_file() and path.suffix != ".lock"]
    return {str(path.relative_to(directory)): path.read_bytes() for path in paths}


def test_datasets_become_one(made: Path, whole: Path, tmp_path: Path) -> None:
    other = written(tmp_path / "other", Told(10, 0, 0, task="another", seed=9))
    assert ran("merge", tmp_path / "new", other, whole).code == 0
    assert ran("check", tmp_path / "new").code == 0
    assert seeds(tmp_path / "new") == [9, 1, 2, 3, 4]
    new, old = Dataset(tmp_path / "new"), Dataset(made)
    for number in range(4):
        before, after = old.table(number), new.table(number + 1)
        for name in (layout.STATE, layout.ACTION):
            np.testing.assert_array_equal(vectors(after[name]), vectors(before[name]))
        assert new.row(number + 1).tasks == old.row(number).tasks
        assert {new.tasks()[index] for index in after["task_index"].to_pylist()} == set(
            old.row(number).tasks
        )
        assert new.ticks(number + 1) == old.ticks(number)
        images = zip(
            new.frames(number + 1, CAMERAS[0]), old.frames(number, CAMERAS[0]), strict=True
        )
        assert max(np.abs(one.astype(int) - two).mean() for one, two in images) < 3


def test_a_recorded_video_is_copied_as_it_is(whole: Path, tmp_path: Path) -> None:
    assert ran("merge", tmp_path / "new", whole).code == 0
    for camera in CAMERAS:
        path = layout.video_path(camera, 2)
        assert (tmp_path / "new" / path).read_bytes() == (whole / path).read_bytes()
    assert Dataset(tmp_path / "new").statistics() == Dataset(whole).statistics()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"fps": 50}, "frames a second: 30 and 50"),
        ({"robot_type": "other"}, "robot: aloha and other"),
        ({"features": {}}, "lacks timestamp"),
    ],
)
def test_datasets_that_differ_are_not_merged(
    directory: Path, whole: Path, change: dict[str, object], said: str
) -> None:
    path = directory / layout.INFO
    path.write_text(
        json.dumps(json.loads(path.read_text(encoding="utf-8")) | change), encoding="utf-8"
    )
    done = ran("merge", directory.parent / "new", whole, directory)
    assert done.code == 1
    assert said in done.said
    assert not (directory.parent / "new").exists()


def test_other_cameras_are_named(whole: Path, tmp_path: Path) -> None:
    robot = Robot(ROBOT.name, ROBOT.fps, ROBOT.arms, {CAMERAS[0]: (48, 64)})
    other = written(tmp_path / "other", Told(5, 0, 0), robot=robot)
    done = ran("merge", tmp_path / "new", whole, other)
    assert done.code == 1
    assert "cameras (height, width)" in done.said


def test_what_the_twin_did_and_what_the_arms_did_stay_apart(whole: Path, tmp_path: Path) -> None:
    for name, twin in (("simulated", True), ("real", False)):
        written(tmp_path / name, Told(5, 0, 0), robot=replace(ROBOT, twin=twin))
    done = ran("merge", tmp_path / "new", tmp_path / "simulated", tmp_path / "real")
    assert done.code == 1
    assert "whether the twin simulated it: True and False" in done.said
    assert ran("merge", tmp_path / "new", whole, tmp_path / "simulated").code == 0  # does not say
    assert Dataset(tmp_path / "new").info.raw["twin"]


def test_a_new_dataset_never_covers_an_old_one(whole: Path) -> None:
    before = every_file(whole)
    done = ran("merge", whole, whole)
    assert done.code == 1
    assert "is there already" in done.said
    assert every_file(whole) == before


def test_a_dataset_that_cannot_be_finished_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), assembled(tmp_path / "new", ROBOT):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_a_discarded_episode_is_left_out_and_a_new_label_is_taken_over(directory: Path) -> None:
    for number, kind, text in ((1, edits.DISCARD, ""), (3, edits.LABEL, "failure")):
        journal = Dataset(directory).row(number).text("journal")
        edit = edits.Edit(at="", t_ns=0, who="ada", kind=kind, episode=journal, text=text)
        edits.append(directory, edit)
    done = ran("merge", directory.parent / "new", directory)
    assert "without 1 that were discarded" in done.said
    new = Dataset(directory.parent / "new")
    assert [row.text("outcome_label") for row in new.episodes()] == [
        "success",
        "timeout",
        "failure",
    ]
    assert new.table(2)["next.success"].to_pylist()[-1] is False
    assert ran("check", directory.parent / "new").code == 0


@pytest.mark.parametrize(
    ("words", "chosen"),
    [
        (["--episode", 3, "--episode", 0], [1, 4]),
        (["--outcome", "success"], [1, 4]),
        (["--outcome", "failure", "--outcome", "timeout"], [2, 3]),
        (["--type", "intervention", "--episode", 3], [4]),
    ],
)
def test_a_part_is_chosen(
    whole: Path, tmp_path: Path, words: list[object], chosen: list[int]
) -> None:
    rest = sorted({1, 2, 3, 4} - set(chosen))
    assert ran("split", whole, tmp_path / "new", *words, "--rest", tmp_path / "rest").code == 0
    assert seeds(tmp_path / "new") == chosen
    assert seeds(tmp_path / "rest") == rest
    assert ran("check", tmp_path / "rest").code == 0


def test_a_fraction_is_drawn_by_the_seed(whole: Path, tmp_path: Path) -> None:
    parts = {}
    for name, seed in (("one", 1), ("again", 1), ("two", 2)):
        ran("split", whole, tmp_path / name, "--fraction", 0.5, "--seed", seed)
        parts[name] = seeds(tmp_path / name)
    assert parts["one"] == parts["again"]
    assert parts["one"] != parts["two"]
    assert len(parts["one"]) == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--outcome", "triumph"], "there are failure, success, timeout"),
        (["--fraction", 1.5], "expected more than 0 and at most 1"),
        (["--episode", 8], "there are 0..3"),
        (["--outcome", "timeout", "--type", "demo"], "no episode is left"),
    ],
)
def test_a_choice_that_makes_no_sense_is_refused(
    whole: Path, tmp_path: Path, words: list[object], said: str
) -> None:
    done = ran("split", whole, tmp_path / "new", *words)
    assert done.code == 1
    assert said in done.said
    assert not (tmp_path / "new").exists()


def test_a_whole_dataset_needs_no_repair(directory: Path) -> None:
    before = every_file(directory)
    done = ran("repair", directory)
    assert (done.code, "nothing to repair" in done.said) == (0, True)
    assert every_file(directory) == before


def test_what_is_damaged_is_put_aside_and_the_rest_made_whole(directory: Path) -> None:
    broken = directory / layout.data_path(1)
    broken.write_bytes(broken.read_bytes()[:200])
    (directory / layout.INFO).write_text("{", encoding="utf-8")
    (directory / layout.TASKS).write_bytes(b"")
    (directory / layout.STATISTICS).unlink()
    before = every_file(directory)
    assert ran("check", directory).code == 1
    done = ran("repair", directory)
    assert done.code == 0
    assert "episode 1 is not whole" in done.said
    assert "3 episodes numbered anew" in done.said
    assert ran("check", directory).code == 0
    assert seeds(directory) == [1, 3, 4]
    assert Dataset(directory).row(1).tasks == ("hold it",)
    assert set(before.values()) <= set(every_file(directory).values())  # nothing was deleted
    assert "nothing to repair" in ran("repair", directory).said


def test_a_lost_last_episode_changes_no_other(directory: Path) -> None:
    (directory / layout.video_path(CAMERAS[0], 3)).unlink()
    kept = {name: data for name, data in every_file(directory).items() if "000.p" in name}
    assert "numbered anew" not in ran("repair", directory).said
    assert seeds(directory) == [1, 2, 3]
    assert kept.items() <= every_file(directory).items()


def test_orphans_of_an_episode_that_was_cut_off_are_put_aside(directory: Path) -> None:
    orphan = directory / layout.data_path(4)
    shutil.copy(directory / layout.data_path(0), orphan)
    done = ran("repair", directory)
    assert "it belongs to no episode" in done.said
    assert not orphan.exists()
    assert len(list((directory / "aside").rglob("file-004.parquet"))) == 1


def test_a_repair_that_was_cut_off_while_folders_changed_places_is_ended(directory: Path) -> None:
    anew = directory / "repaired"
    shutil.copytree(directory, directory.parent / "copy")
    (directory.parent / "copy").rename(anew)
    files.moved(directory / "meta", directory / "aside" / "before" / "meta")
    assert ran("repair", directory).code == 0
    assert not anew.exists()
    assert seeds(directory) == [1, 2, 3, 4]
    assert ran("check", directory).code == 0


def test_all_episodes_lost_leaves_an_empty_folder_and_says_so(directory: Path) -> None:
    for number in range(4):
        (directory / layout.data_path(number)).unlink()
    done = ran("repair", directory)
    assert "there is no episode left" in done.said
    assert not list((directory / "data").rglob("*.parquet"))


def test_a_dataset_in_use_is_not_repaired(directory: Path) -> None:
    with files.sole(directory / layout.RECORDER_LOCK, "recorder of aloha"):
        done = ran("repair", directory)
    assert done.code == 1
    assert "recorder of aloha" in done.said


def test_what_is_no_dataset_is_not_repaired(tmp_path: Path) -> None:
    done = ran("repair", tmp_path)
    assert done.code == 1
    assert "is no dataset" in done.said


def test_a_row_of_another_dataset_is_noticed_by_its_numbers(directory: Path) -> None:
    path = directory / layout.episodes_path(2)
    table = pq.read_table(path, partitioning=None)
    rows = table.to_pylist()
    rows[0]["dataset_from_index"] += 1
    pq.write_table(table.from_pylist(rows, schema=table.schema), path)
    assert "follow 52 others" in ran("check", directory, "--quick").said
    ran("repair", directory)
    assert ran("check", directory, "--quick").code == 0


def test_files_that_lerobot_put_together_are_left_to_lerobot(directory: Path) -> None:
    path = directory / layout.episodes_path(1)
    table = pq.read_table(path, partitioning=None)
    rows = table.to_pylist()
    rows[0]["data/file_index"] = 0
    pq.write_table(table.from_pylist(rows, schema=table.schema), path)
    before = every_file(directory)
    done = ran("repair", directory)
    assert done.code == 1
    assert "was written by other tools" in done.said
    assert every_file(directory) == before
