"""Reading datasets: whole ones, LeRobot's own, and what is left of damaged ones."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dataset_scene import CAMERAS, FPS, ROBOT, Told, image_of, path_of, written

from recorder import layout
from recorder.dataset import Dataset, DatasetError, vectors
from recorder.decoding import VideoError, facts
from recorder.structure import ranges

FIRST, SECOND, THIRD = Told(), Told(0, 12, 0), Told(15, 0, 0, outcome="timeout", task="hold it")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("whole"), FIRST, SECOND, THIRD)


@pytest.fixture
def directory(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "recording"))


def changed_info(directory: Path, **changes: object) -> None:
    path = directory / layout.INFO
    path.write_text(
        json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8"
    )


def test_what_was_written_is_read(directory: Path) -> None:
    dataset = Dataset(directory)
    assert dataset.verify() == []
    assert dataset.info.joints == tuple(ROBOT.joints)
    assert dataset.info.cameras == CAMERAS
    assert [row.length for row in dataset.episodes()] == [40, 12, 15]
    assert [row.text("outcome_label") for row in dataset.episodes()] == [
        "success",
        "success",
        "timeout",
    ]
    assert set(dataset.tasks().values()) == {FIRST.task, "hold it"}
    state = vectors(dataset.table(1)[layout.STATE])
    np.testing.assert_allclose(state, path_of(SECOND, np.arange(12) / FPS), atol=1e-6)
    ticks = dataset.ticks(1)
    assert ticks is not None
    assert len(ticks) == 40


def test_every_image_is_the_one_of_its_row(directory: Path) -> None:
    dataset = Dataset(directory)
    for camera in CAMERAS:
        images = list(dataset.frames(0, camera))
        assert len(images) == FIRST.length
        for number, image in enumerate(images):
            assert abs(int(image[-1, -1, 0]) - int(image_of(number, camera)[-1, -1, 0])) <= 2


def test_episodes_that_share_files_are_told_apart(directory: Path) -> None:
    """LeRobot puts many episodes into one file of each kind."""
    dataset = Dataset(directory)
    tables = [dataset.table(number) for number in range(3)]
    shared = directory / layout.data_path(0)
    pq.write_table(pa.concat_tables(tables), shared)
    for number in (1, 2):
        (directory / layout.data_path(number)).unlink()
        path = directory / layout.episodes_path(number)
        row = pq.read_table(path).to_pylist()[0]
        pq.write_table(pa.Table.from_pylist([row | {"data/file_index": 0}]), path)
    again = Dataset(directory)
    assert again.verify() == []
    for number, table in enumerate(tables):
        assert again.table(number).equals(table)


def test_a_part_of_a_video_is_found_by_its_time(directory: Path) -> None:
    path = directory / layout.episodes_path(0)
    row = pq.read_table(path).to_pylist()[0]
    begin = {f"videos/{layout.CAMERA}{CAMERAS[0]}/from_timestamp": 10 / FPS}
    pq.write_table(pa.Table.from_pylist([row | begin | {"length": 20}]), path)
    images = list(Dataset(directory).frames(0, CAMERAS[0]))
    assert len(images) == 20
    assert abs(int(images[0][-1, -1, 0]) - int(image_of(10, CAMERAS[0])[-1, -1, 0])) <= 2


@pytest.mark.parametrize(
    ("break_it", "told"),
    [
        (lambda directory: changed_info(directory, codebase_version="v2.1"), "v2.1"),
        (
            lambda directory: (directory / layout.INFO).write_text("{", encoding="utf-8"),
            "is damaged",
        ),
        (
            lambda directory: (directory / layout.INFO).write_text("[]", encoding="utf-8"),
            "not an object",
        ),
        (
            lambda directory: (directory / layout.INFO).write_text(
                '{"codebase_version": "v3.0"}', encoding="utf-8"
            ),
            "`features` is None",
        ),
        (lambda directory: (directory / layout.INFO).unlink(), "has no meta/info.json.*repair"),
    ],
)
def test_what_is_no_dataset_is_refused_with_a_way_on(
    directory: Path, break_it: Callable[[Path], object], told: str
) -> None:
    break_it(directory)
    with pytest.raises(DatasetError, match=told):
        Dataset(directory)


def test_a_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"there is no .*launch.py --record"):
        Dataset(tmp_path / "nowhere")


def test_an_episode_or_camera_that_does_not_exist_is_refused_with_those_that_do(
    directory: Path,
) -> None:
    dataset = Dataset(directory)
    with pytest.raises(DatasetError, match=r"no episode 7 .* there are 0\.\.2"):
        dataset.table(7)
    with pytest.raises(DatasetError, match=r"no camera 'cam_low' .* cam_high, cam_left_wrist"):
        next(dataset.frames(0, "cam_low"))


def test_a_damaged_episodes_file_leaves_the_others_readable(directory: Path) -> None:
    path = directory / layout.episodes_path(1)
    path.write_bytes(path.read_bytes()[:-30])
    dataset = Dataset(directory)
    assert [row.episode for row in dataset.episodes()] == [0, 2]
    assert len(dataset.table(2)) == THIRD.length
    faults = dataset.verify()
    assert str(path) in faults[0].where
    assert any("1 missing" in fault.what for fault in faults)


@pytest.mark.parametrize("suffix", ["data", "video"])
def test_a_damaged_file_is_named(directory: Path, suffix: str) -> None:
    path = directory / (
        layout.data_path(1) if suffix == "data" else layout.video_path(CAMERAS[0], 1)
    )
    path.write_bytes(path.read_bytes()[:100])
    dataset = Dataset(directory)
    with pytest.raises(DatasetError, match=f"{path}.*repair"):
        dataset.table(1) if suffix == "data" else list(dataset.frames(1, CAMERAS[0]))
    assert len(dataset.table(0)) == FIRST.length


@pytest.mark.parametrize(
    "file", [layout.data_path(1), layout.video_path(CAMERAS[1], 1)], ids=["data", "video"]
)
def test_a_missing_file_is_a_fault(directory: Path, file: Path) -> None:
    (directory / file).unlink()
    faults = Dataset(directory).verify()
    assert [(fault.where, str(file) in fault.what) for fault in faults] == [("episode 1", True)]


def test_counts_that_contradict_the_episodes_are_faults(directory: Path) -> None:
    changed_info(directory, total_episodes=5, total_frames=99)
    faults = Dataset(directory).verify()
    assert ["total_episodes is 5" in fault.what for fault in faults] == [True, False]


def test_numbers_are_said_as_ranges() -> None:
    assert ranges([4, 0, 1, 2, 7]) == "0..2, 4, 7"
    assert ranges([]) == "none"


def test_a_video_of_a_codec_that_nobody_knows_is_named(directory: Path) -> None:
    path = directory / layout.video_path(CAMERAS[0], 1)
    path.write_bytes(path.read_bytes().replace(b"avc1", b"zzzz"))
    with pytest.raises(DatasetError, match=r"codec that is known"):
        list(Dataset(directory).frames(1, CAMERAS[0]))
    with pytest.raises(VideoError, match=r"codec that is known"):
        facts(path)
