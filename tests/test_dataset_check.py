"""`python -m recorder check`: a whole dataset passes, and each fault is found and named."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dataset_scene import CAMERAS, Told, write_video, written
from dataset_tools import ran

from recorder import edits, layout
from recorder.dataset import Dataset
from recorder.layout import Source

RECAP = layout.RECAP
FIRST_CORRECTED = Told().auto  # row of episode 0


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checked")
    written(folder / "made", Told(), Told(0, 12, 0), Told(15, 0, 0, outcome="timeout"))
    assert ran("merge", folder / "recording", folder / "made").code == 0
    return folder / "recording"


@pytest.fixture
def directory(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "recording"))


def with_values(path: Path, **columns: object) -> None:
    """Change a parquet file's columns: to a list, or by a function of the old values."""
    table = pq.read_table(path, partitioning=None)
    for name, change in columns.items():
        place = table.column_names.index(name)
        old = table[name].to_pylist()
        new = change(old) if callable(change) else change
        table = table.set_column(place, name, pa.array(new, table.schema.field(name).type))
    pq.write_table(table, path)


def changed_rows(column: str, change: Callable[[list[Any]], list[Any]]) -> Callable[[Path], None]:
    def change_rows(directory: Path) -> None:
        with_values(directory / layout.data_path(0), **{column: change})

    return change_rows


def changed_episode(column: str, value: object) -> Callable[[Path], None]:
    def change_episode(directory: Path) -> None:
        with_values(directory / layout.episodes_path(0), **{column: [value]})

    return change_episode


def at(row: int, value: object) -> Callable[[list[Any]], list[Any]]:
    """Return a change of the value in one row."""
    return lambda old: [*old[:row], value, *old[row + 1 :]] if row >= 0 else [*old[:row], value]


def test_a_whole_dataset_passes(whole: Path) -> None:
    done = ran("check", whole)
    assert done.code == 0
    assert "3 episodes, all well" in done.said


def test_going_back_is_part_of_the_correction_that_it_leads_to(directory: Path) -> None:
    changed_rows(RECAP + "source", at(FIRST_CORRECTED, int(Source.REWIND)))(directory)
    for name in ("is_intervention", "intervention_left", "intervention_right"):
        changed_rows(RECAP + name, at(FIRST_CORRECTED, False))(directory)
    assert "all well" in ran("check", directory, "--quick", "--episode", 0).said


@pytest.mark.parametrize(
    ("break_it", "told", "left"),
    [
        (changed_rows("frame_index", at(3, 9)), "to write anew: ", 3),
        (changed_rows("action", at(6, [float("nan")] * 14)), "to leave out: ", 2),
    ],
)
def test_the_command_that_is_told_makes_a_sound_dataset(
    directory: Path, break_it: Callable[[Path], None], told: str, left: int
) -> None:
    break_it(directory)
    said = ran("check", directory).said
    line = next(line for line in said.splitlines() if line.startswith(told))
    words = shlex.split(line.removeprefix(told).strip("`"))
    assert words[:3] == ["python", "-m", "recorder"]
    assert ran(*words[3:]).code == 0
    new = next(path for path in directory.parent.iterdir() if path != directory)
    assert f"{left} episodes, all well" in ran("check", new).said


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (changed_rows("frame_index", at(3, 9)), "frame_index of row 3 is 9, expected 3"),
        (changed_rows("index", at(0, 1)), "index of row 0 is 1, expected 0"),
        (changed_rows("episode_index", at(5, 7)), "39 rows, said to be 40"),
        (changed_rows("timestamp", at(4, 0.5)), "timestamp of row 4"),
        (changed_rows("action", at(6, [float("nan")] * 14)), "action is not finite in 1 rows"),
        (changed_rows(RECAP + "t_mono_ns", at(7, 0)), "off the 30 Hz"),
        (
            changed_rows(RECAP + f"t_{CAMERAS[0]}_ns", lambda old: [t + 90_000_000 for t in old]),
            "captured 87.0 ms after its moment",
        ),
        (
            changed_rows(
                RECAP + f"t_{CAMERAS[1]}_ns", lambda old: [*old[:20], *[old[20]] * 5, *old[25:]]
            ),
            "3 rows show an image of long before",
        ),
        (changed_rows(RECAP + "source", at(2, 12)), "source has the values [12]"),
        (changed_rows(RECAP + "is_intervention", at(2, True)), "is_intervention contradicts"),
        (changed_rows(RECAP + "intervention_left", at(2, True)), "person moves arm left in row 2"),
        (changed_rows(RECAP + "intervention_id", at(25, -1)), "intervention_id is not set"),
        (changed_rows(RECAP + "intervention_id", at(25, 5)), "2 corrections, said to be 1"),
        (changed_rows(RECAP + "segment_id", at(39, 0)), "segment_id goes down"),
        (changed_rows(RECAP + "chunk_obs_index", at(8, 30)), "row 8 follows a chunk of row 30"),
        (changed_rows("next.done", at(8, True)), "next.done is not true in just the last row"),
        (changed_rows("next.success", at(8, True)), "next.success is true before the last row"),
        (changed_rows("next.success", at(-1, False)), "next.success ends False"),
        (changed_episode("episode_success", 0), "its outcome is success, and episode_success is 0"),
        (changed_episode("outcome_label", "great"), "its outcome is 'great'"),
        (changed_episode("data_type", "auto"), "its type is auto, and intervention commands in it"),
        (changed_episode("data_type", ""), "its type is 'empty'"),
        (changed_episode("ticks_lost", 3), "0 are missing, said to be 3"),
        (changed_episode("length", 39), ""),
    ],
)
def test_a_fault_is_named(directory: Path, break_it: Callable[[Path], None], said: str) -> None:
    break_it(directory)
    done = ran("check", directory, "--quick", "--episode", 0)
    assert done.code == 1
    assert said in done.said


def test_a_column_that_is_missing_is_named(directory: Path) -> None:
    path = directory / layout.data_path(0)
    pq.write_table(pq.read_table(path, partitioning=None).drop_columns([RECAP + "source"]), path)
    done = ran("check", directory, "--quick", "--episode", 0)
    assert done.code == 1
    assert f"the columns {RECAP}source are missing" in done.said


def test_a_gap_that_is_flagged_is_none(directory: Path) -> None:
    stamp, path = RECAP + f"t_{CAMERAS[1]}_ns", directory / layout.data_path(0)
    with_values(path, **{stamp: lambda old: [*old[:20], *[old[20]] * 5, *old[25:]]})
    with_values(path, **{RECAP + "gap": lambda old: [*old[:20], *[True] * 5, *old[25:]]})
    done = ran("check", directory, "--episode", 0)
    assert "long before" not in done.said


@pytest.mark.parametrize(("images", "code"), [(40, 0), (39, 1), (41, 1)])
def test_a_video_needs_an_image_for_each_row(directory: Path, images: int, code: int) -> None:
    write_video(directory / layout.video_path(CAMERAS[0], 0), images, CAMERAS[0])
    done = ran("check", directory, "--quick")
    assert done.code == code
    assert (f"{images} images in file-000.mp4, 40 needed" in done.said) is bool(code)


def test_a_video_of_another_rate_is_a_fault(directory: Path) -> None:
    write_video(directory / layout.video_path(CAMERAS[0], 0), 40, CAMERAS[0], fps=50)
    assert "50 images a second, not 30" in ran("check", directory, "--quick").said


def test_a_video_that_is_damaged_inside_is_found_by_decoding(directory: Path) -> None:
    path = directory / layout.video_path(CAMERAS[0], 0)
    data = bytearray(path.read_bytes())
    begin = data.index(b"mdat") + 40
    data[begin : begin + 900] = np.random.default_rng(0).bytes(900)
    path.write_bytes(bytes(data))
    done = ran("check", directory)
    assert done.code == 1
    assert f"episode 0, {CAMERAS[0]}" in done.said


@pytest.mark.parametrize(("name", "value"), [("mean", [9.0] * 14), ("count", [1]), ("std", [1.0])])
def test_statistics_that_are_not_those_of_the_rows_are_a_fault(
    directory: Path, name: str, value: list[float]
) -> None:
    path = directory / layout.STATISTICS
    told = json.loads(path.read_text(encoding="utf-8"))
    told["action"][name] = value
    path.write_text(json.dumps(told), encoding="utf-8")
    done = ran("check", directory, "--quick")
    assert done.code == 1
    assert f"{name} of action is" in done.said
    assert "repair writes the statistics anew" in done.said


def test_statistics_of_images_are_compared_too(directory: Path) -> None:
    path = directory / layout.STATISTICS
    told = json.loads(path.read_text(encoding="utf-8"))
    told[layout.CAMERA + CAMERAS[0]]["mean"] = [[[0.9]]] * 3
    del told["index"]
    path.write_text(json.dumps(told), encoding="utf-8")
    done = ran("check", directory)
    assert f"mean of {layout.CAMERA}{CAMERAS[0]}" in done.said
    assert "index has none" in done.said


def test_lost_or_damaged_files_are_faults_and_the_rest_is_checked(directory: Path) -> None:
    (directory / layout.data_path(1)).unlink()
    (directory / layout.STATISTICS).write_text("{", encoding="utf-8")
    done = ran("check", directory, "--quick")
    assert done.code == 1
    assert "data/chunk-000/file-001.parquet is missing" in done.said
    assert f"to repair: `python -m recorder repair {directory}`" in done.said


def test_a_label_that_a_person_changed_later_is_no_contradiction(directory: Path) -> None:
    journal = Dataset(directory).row(0).text("journal")
    for kind, text in ((edits.LABEL, "failure"), (edits.NOTE, "slipped"), (edits.DISCARD, "")):
        edits.append(
            directory, edits.Edit(at="", t_ns=0, who="ada", kind=kind, episode=journal, text=text)
        )
    row = Dataset(directory).row(0)
    assert (row.text("outcome_label"), row.raw["episode_success"]) == ("failure", 0)
    assert (row.text("note"), row.discarded) == ("slipped", True)
    assert ran("check", directory, "--quick").code == 0
    back = edits.Edit(at="", t_ns=0, who="ada", kind=edits.RESTORE, episode=journal)
    edits.append(directory, back)
    edits.append(directory, back.model_copy(update={"kind": edits.UNLABEL}))
    row = Dataset(directory).row(0)
    assert (row.text("outcome_label"), row.raw["episode_success"]) == ("unknown", -1)
    assert not row.discarded


def test_lerobots_own_dataset_is_checked_as_far_as_it_goes(directory: Path) -> None:
    """One without this recorder's columns, ticks and labels."""
    for number in range(3):
        path = directory / layout.data_path(number)
        table = pq.read_table(path, partitioning=None)
        foreign = [name for name in table.column_names if not name.startswith((RECAP, "next."))]
        pq.write_table(table.select(foreign), path)
    shutil.rmtree(directory / "ticks")
    info = json.loads((directory / layout.INFO).read_text(encoding="utf-8"))
    info["features"] = {
        name: feature
        for name, feature in info["features"].items()
        if not name.startswith((RECAP, "next."))
    }
    for name in (layout.STATE, layout.ACTION):
        info["features"][name]["names"] = None
    (directory / layout.INFO).write_text(json.dumps(info), encoding="utf-8")
    told = json.loads((directory / layout.STATISTICS).read_text(encoding="utf-8"))
    told[layout.CAMERA + CAMERAS[0]]["mean"] = [[[0.9]]] * 3  # of images drawn in another way
    (directory / layout.STATISTICS).write_text(json.dumps(told), encoding="utf-8")
    assert Dataset(directory).info.joints[-1] == "joint_13"
    assert ran("check", directory).code == 0
    assert "No interventions are marked" in ran("info", directory).said
