"""Datasets of others: every tool reads them right, or says what this dataset has and what to do."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dataset_tools import ran
from foreign_dataset import (
    DATA,
    EPISODES,
    KEY,
    LENGTHS,
    Change,
    Foreign,
    extra,
    foreign,
    level,
    list_column,
    made_by,
    named,
    renamed_camera,
    row,
    told,
    with_images,
    without,
    without_camera,
)

from recorder import layout
from recorder.dataset import Dataset
from simulation.task import TRANSFER
from simulation.twin import JOINTS

TOTAL = sum(LENGTHS)


def untold_tasks(made: Foreign) -> None:
    del made.rows["tasks"]
    made.tasks = {"task_index": [0, 1], "__index_level_0__": ["wipe", TRANSFER]}
    made.data["task_index"] = pa.array([1] * LENGTHS[0] + [1] * (LENGTHS[1] - 1) + [0])


def scalars_in_lists(made: Foreign) -> None:
    for name in layout.MANDATORY:
        if name != "episode_index":
            values = made.data[name]
            made.data[name] = pa.array(
                [[each] for each in values.to_pylist()], pa.list_(values.type)
            )


def other_widths(made: Foreign) -> None:
    made.features[layout.STATE] |= {"shape": [2], "names": {"motors": ["x", "y"]}}
    made.data[layout.STATE] = list_column(np.ones((TOTAL, 2), np.float32))


def another_s_labels(made: Foreign) -> None:
    """Names as this recorder's, of another meaning."""
    extra("complementary_info.policy_action", "float32", [1], [0.0] * TOTAL)(made)
    extra("complementary_info.intervention_left", "float32", [1], [0.0] * TOTAL)(made)
    made.rows |= {"seed": ["a", "b"], "outcome_s": ["soon", "late"]}


READ: dict[str, Change] = {
    "as LeRobot writes it": lambda _: None,
    "a camera called image": lambda made: renamed_camera(made, "observation.image"),
    "a camera without a prefix": lambda made: renamed_camera(made, "front"),
    "images in the table": with_images,
    "images with channels first": lambda made: with_images(made, channels_first=True),
    "no camera": without_camera,
    "tasks of the frames only": untold_tasks,
    "tasks as one text": row("tasks", [TRANSFER, TRANSFER]),
    "joints numbered": named(list(range(len(JOINTS)))),
    "joints in an object": named({"motors": list(JOINTS)}),
    "joints in lists": named([list(JOINTS[:7]), list(JOINTS[7:])]),
    "joints with their places": named({name: place for place, name in enumerate(JOINTS)}),
    "joints without names": named(None),
    "whole rate with a point": told(fps=30.0),
    "totals untold": told(total_episodes=None, total_frames=None),
    "robot untold": told(robot_type=None),
    "texts": extra("language", "string", [1], ["pick"] * TOTAL),
    "matrices": extra("pose", "float32", [2, 2], [[[1.0, 2.0], [3.0, 4.0]]] * TOTAL),
    "scalars in lists": scalars_in_lists,
    "a state of another width": other_widths,
    "labels of somebody else": another_s_labels,
}


@pytest.mark.parametrize("case", READ)
def test_what_others_write_is_read_by_every_tool(case: str, tmp_path: Path) -> None:
    made = made_by(READ[case], tmp_path / "made")
    dataset = Dataset(made)
    assert ran("info", made).code == 0
    assert "all well" in ran("check", made).said
    cameras = dataset.info.cameras
    for number, length in enumerate(LENGTHS):
        out = tmp_path / f"{number}.html"
        assert ran("view", made, number, "--out", out).code == 0
        assert out.read_text(encoding="utf-8").count("data:video/mp4") == len(cameras)
        for camera in cameras:
            images = list(dataset.frames(number, camera))
            first = sum(LENGTHS[:number])
            seen = [float(image.mean()) for image in images]
            np.testing.assert_allclose(seen, [level(first + at) for at in range(length)], atol=4)
    for kind in ("hdf5", "mcap"):
        assert ran("export", kind, made, tmp_path / kind).code == 0
    with h5py.File(tmp_path / "hdf5" / "episode_1.hdf5") as root:
        assert len(root["/action"]) == LENGTHS[1]
        assert set(root.get("/observations/images", ())) == set(cameras)
    for words in (
        ("merge", tmp_path / "new", made),
        ("split", made, tmp_path / "new"),
        ("repair", made),
    ):
        done = ran(*words)
        assert (done.code, "not recorded by this software" in done.said) == (1, True)
    assert not (tmp_path / "new").exists()


def test_cameras_have_the_names_of_the_robot_and_never_one_for_two(tmp_path: Path) -> None:
    def second(made: Foreign) -> None:
        made.features["observation.top"] = made.features[KEY]
        made.films["observation.top"] = made.films[KEY]
        for column in [name for name in made.rows if KEY in name]:
            made.rows[column.replace(KEY, "observation.top")] = made.rows[column]

    assert Dataset(made_by(second, tmp_path / "two")).info.cameras == (KEY, "observation.top")
    renamed = made_by(lambda made: renamed_camera(made, "observation.image"), tmp_path / "one")
    assert Dataset(renamed).info.cameras == ("image",)


@pytest.mark.parametrize(
    ("names", "joints"),
    [
        (list(JOINTS), JOINTS),
        ({"motors": list(JOINTS)}, JOINTS),
        ({name: 13 - place for place, name in enumerate(JOINTS)}, JOINTS[::-1]),
        (list(range(14)), tuple(str(number) for number in range(14))),
        *(
            (odd, tuple(f"joint_{at}" for at in range(14)))
            for odd in (None, 14, "x", ["a"] * 14, [])
        ),
    ],
)
def test_joints_are_called_as_the_dataset_calls_them(
    names: Any, joints: tuple[str, ...], tmp_path: Path
) -> None:
    assert Dataset(made_by(named(names), tmp_path)).info.joints == joints


def test_a_rate_is_never_rounded(tmp_path: Path) -> None:
    made = foreign(fps=29.97).write(tmp_path / "made")
    assert "at 29.97 Hz" in ran("info", made).said
    assert "30 images a second, not 29.97" in ran("check", made).said
    assert ran("export", "hdf5", made, tmp_path / "out").code == 0
    with h5py.File(tmp_path / "out" / "episode_0.hdf5") as root:
        assert root.attrs["fps"] == 29.97
    assert ran("view", made, 1, "--out", tmp_path / "page.html").code == 0
    assert '"fps":29.97' in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_tasks_are_found_by_the_frames(tmp_path: Path) -> None:
    dataset = Dataset(made_by(untold_tasks, tmp_path))
    assert [each.tasks for each in dataset.episodes()] == [(TRANSFER,), ("wipe", TRANSFER)]


@pytest.mark.parametrize("key", [layout.ACTION, layout.STATE])
def test_what_a_dataset_lacks_is_said_and_the_rest_shown(key: str, tmp_path: Path) -> None:
    made = made_by(without(key), tmp_path / "made")
    assert "all well" in ran("check", made).said
    assert ran("view", made, 1, "--out", tmp_path / "page.html").code == 0
    done = ran("export", "mcap", made, tmp_path / "out")
    assert (done.code, key in done.said) == (0, True)
    for words in (("export", "hdf5", made, tmp_path / "out"), ("replay", made, 1)):
        done = ran(*words)
        assert (done.code, f"has nothing as `{key}`" in done.said) == (1, True)


def test_a_joint_has_one_plot_and_others_of_another_name_their_own(tmp_path: Path) -> None:
    for case, plots in (("as LeRobot writes it", 14), ("a state of another width", 16)):
        made = made_by(READ[case], tmp_path / str(plots))
        assert ran("view", made, 1, "--out", tmp_path / "page.html").code == 0
        text = (tmp_path / "page.html").read_text(encoding="utf-8")
        found = re.search(r'id="episode">(.*?)</script>', text)
        assert found is not None
        drawn = json.loads(found.group(1))
        assert [len(drawn["joints"]), len(drawn["state"][0]), len(drawn["action"][0])] == [
            plots
        ] * 3
        assert drawn["sources"][0]["title"] == "not told who commanded"


def depth(made: Foreign) -> None:
    made.features[KEY]["info"]["video.is_depth_map"] = True


def depth_in_the_table(made: Foreign) -> None:
    with_images(made, depth=16)
    made.features[KEY]["info"] = {"is_depth_map": True}


@pytest.mark.parametrize("change", [depth, depth_in_the_table])
def test_depth_is_said_and_never_shown_as_colours(change: Change, tmp_path: Path) -> None:
    made = made_by(change, tmp_path / "made")
    for words, code in (
        (("info", made), 0),
        (("check", made), 0),
        (("view", made, 0, "--out", tmp_path / "page.html"), 0),
        (("export", "hdf5", made, tmp_path / "out"), 1),
    ):
        done = ran(*words)
        assert (done.code, "depth" in done.said) == (code, True)
    assert "data:video" not in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_an_empty_dataset_is_one(tmp_path: Path) -> None:
    made = foreign(()).write(tmp_path / "made")
    assert "0 episodes" in ran("info", made).said
    assert ran("check", made).code == 0
    for words in (
        ("view", made, 0),
        ("replay", made, 0),
        ("export", "mcap", made, tmp_path / "out"),
    ):
        assert ran(*words).code == 1


def test_one_frame_is_too_short_to_replay(tmp_path: Path) -> None:
    made = foreign((1, 1)).write(tmp_path / "made")
    assert ran("view", made, 1, "--out", tmp_path / "page.html").code == 0
    assert "it has 1 row" in ran("replay", made, 1).said


def test_files_in_several_chunks_are_found(tmp_path: Path) -> None:
    made = foreign().write(tmp_path / "made")
    table, later = pq.read_table(made / DATA), Path("data/chunk-001/file-003.parquet")
    (made / later).parent.mkdir()
    pq.write_table(table.slice(LENGTHS[0]), made / later)
    pq.write_table(table.slice(0, LENGTHS[0]), made / DATA)
    first, second = pq.read_table(made / EPISODES).to_pylist()
    second |= {"data/chunk_index": 1, "data/file_index": 3}
    pq.write_table(pa.Table.from_pylist([first]), made / EPISODES)
    pq.write_table(pa.Table.from_pylist([second]), (made / EPISODES).with_name("file-001.parquet"))
    assert "2 episodes, all well" in ran("check", made).said
    assert f"policies.replay.file={made / later}" in ran("replay", made, 1).said
