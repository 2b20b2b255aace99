"""Datasets of others that contradict themselves: check says how, and nothing is exported of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from dataset_tools import ran
from foreign_dataset import (
    DATA,
    EPISODES,
    FPS,
    KEY,
    LENGTHS,
    POINTER,
    Change,
    Foreign,
    extra,
    foreign,
    list_column,
    made_by,
    named,
    row,
    told,
    with_images,
    without,
)

from recorder import layout

VIDEO = Path(f"videos/{KEY}/chunk-000/file-000.mp4")
TOTAL = sum(LENGTHS)
NONE_AT_ALL = pa.array([None] * len(LENGTHS), pa.int64())
REFUSED: dict[str, tuple[Change, str]] = {
    "no dtype": (lambda made: made.features[KEY].pop("dtype"), f"{KEY} has no dtype"),
    "no shape": (lambda made: made.features[KEY].pop("shape"), f"{KEY} has no shape"),
    "null rate": (told(fps=None), "fps is None"),
    "rate as text": (told(fps="30"), "fps is '30'"),
    "no rate": (told(fps=0), "fps is 0"),
    "boolean rate": (told(fps=True), "fps is True"),
    "version as number": (told(codebase_version=3.0), "codebase_version is 3.0"),
    "v2.1": (told(codebase_version="v2.1"), "convert_dataset_v21_to_v30"),
    "v2.0": (told(codebase_version="v2.0"), "convert_dataset_v20_to_v21"),
    "no place of videos": (told(video_path=None), "video_path is None"),
    "places of old": (told(data_path="data/{episode_chunk}/{episode_index}"), "data_path is"),
    "a place outside": (told(data_path="../{file_index}.parquet"), "data_path is"),
    "features as a list": (told(features=[]), "`features` is []"),
    "robot as number": (told(robot_type=5), "robot_type is 5"),
    "half a character": (told(robot_type="\ud800"), "surrogates not allowed"),
    "no column that counts": (without("index"), "lacks index"),
}


def numbered(*numbers: int) -> Change:
    def change(made: Foreign) -> None:
        made.rows["episode_index"] = list(numbers)
        made.data["episode_index"] = pa.array(np.repeat(numbers, LENGTHS))

    return change


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("tool", ["info", "check", "view", "replay", "export", "merge", "repair"])
def test_what_cannot_be_read_is_refused_by_every_tool_alike(
    case: str, tool: str, tmp_path: Path
) -> None:
    change, said = REFUSED[case]
    made, new = made_by(change, tmp_path / "made"), tmp_path / "new"
    words: dict[str, tuple[object, ...]] = {
        "view": (made, 0, "--out", new),
        "replay": (made, 0),
        "export": ("hdf5", made, new),
        "merge": (new, made),
    }
    done = ran(tool, *words.get(tool, (made,)))
    assert done.code == 1
    assert said in done.said or tool == "repair"
    assert "recorder repair" not in done.said
    assert not new.exists()


def replaced(name: Path, data: bytes) -> Callable[[Path], object]:
    return lambda made: (made / name).write_bytes(data)


def cut(name: Path) -> Callable[[Path], object]:
    return lambda made: (made / name).write_bytes((made / name).read_bytes()[:150])


def lost(name: Path) -> Callable[[Path], object]:
    return lambda made: (made / name).unlink()


@pytest.mark.parametrize("name", [DATA, EPISODES, VIDEO, layout.TASKS, layout.INFO])
@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda name: replaced(name, POINTER), "git lfs pull"),
        (lambda name: replaced(name, b"[" * 100_000), ""),
        (cut, ""),
        (lost, "missing"),
    ],
    ids=["pointer", "deep", "cut", "lost"],
)
def test_a_file_that_is_not_whole_is_named_and_nobody_advised_to_repair(
    name: Path, spoil: Callable[[Path], Callable[[Path], object]], said: str, tmp_path: Path
) -> None:
    made = foreign().write(tmp_path / "made")
    spoil(name)(made)
    done = ran("check", made)
    assert done.code == 1
    assert str(name) in done.said or name in (VIDEO, layout.INFO)
    assert said in done.said or name == layout.INFO
    assert "recorder repair" not in done.said
    for tool in ("hdf5", "mcap"):
        out = tmp_path / tool
        exported = ran("export", tool, made, out)
        if name != layout.TASKS:  # an episode has its own
            assert exported.code == 1
            assert not list(out.glob("*"))


FOUND: dict[str, tuple[Change, str]] = {
    "null chunk": (row(f"videos/{KEY}/chunk_index", NONE_AT_ALL), "chunk_index is None"),
    "no chunk": (lambda made: made.rows.pop(f"videos/{KEY}/file_index"), "file_index is missing"),
    "null chunk of data": (row("data/chunk_index", NONE_AT_ALL), "data/chunk_index is None"),
    "null begin": (row(f"videos/{KEY}/from_timestamp", NONE_AT_ALL), "from_timestamp is None"),
    "wrong length": (row("length", [5, 5]), "its 5 frames follow 0 others"),
    "no number": (row("length", [-1, 4]), "length is -1"),
    "an episode twice": (row("episode_index", [0, 0]), "episode 0 once more"),
    "null action": (
        lambda made: made.data.update(action=pa.array([None] * TOTAL, pa.list_(pa.float32()))),
        "action holds nothing in 6 of 6 rows",
    ),
    "short action": (
        lambda made: made.data.update(action=list_column(np.ones((TOTAL, 13), np.float32))),
        "action has 13 values in row 0, not 14",
    ),
    "action of nothing": (
        lambda made: made.data.update(action=list_column(np.full((TOTAL, 14), np.nan, np.float32))),
        "action is not finite",
    ),
    "rows in no order": (
        lambda made: made.data.update(frame_index=pa.array([0] * TOTAL)),
        "frame_index does not rise",
    ),
    "no number of an episode": (
        lambda made: made.rows.update(episode_index=pa.array([0, 2**64 - 1], pa.uint64())),
        "episode_index is 18446744073709551615, no number",
    ),
    "a video that never begins": (
        row(f"videos/{KEY}/from_timestamp", [0.0, 1e300]),
        "from_timestamp is 1e+300",
    ),
    "action as texts": (lambda made: made.data.update(action=pa.array(["x"] * TOTAL)), "string"),
    "no numbers of episodes": (
        lambda made: made.data.update(episode_index=pa.array(["x"] * TOTAL)),
        "no column episode_index of whole numbers",
    ),
    "images of 16 bits": (lambda made: with_images(made, depth=16), "uint16"),
    "images elsewhere": (lambda made: with_images(made, path_only=True), "not in the table"),
}


@pytest.mark.parametrize("case", FOUND)
def test_what_contradicts_itself_is_found_and_not_exported(case: str, tmp_path: Path) -> None:
    change, said = FOUND[case]
    made = made_by(change, tmp_path / "made")
    checked = ran("check", made)
    assert checked.code == 1
    assert said in " ".join(checked.said.split())
    assert ran("export", "hdf5", made, tmp_path / "out").code == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda made: made.data.update(surprise=pa.array([1] * TOTAL)), "columns surprise"),
        (extra("boxes", "float32", [1], [[1.0] * at for at in range(TOTAL)]), "boxes has"),
        (told(total_frames=99), "total_frames is 99"),
        (numbered(1, 2**40), f"the episodes are 1, {2**40}: 0, 2..{2**40 - 1} missing"),
        (lambda made: made.data.update(timestamp=pa.array([0.5] * TOTAL)), "timestamp of row"),
        (named(["a"]), "1 names for 14 values"),
    ],
)
def test_what_no_tool_needs_is_said_by_check_and_the_rest_read(
    change: Change, said: str, tmp_path: Path
) -> None:
    made = made_by(change, tmp_path / "made")
    checked = ran("check", made)
    assert (checked.code, said in " ".join(checked.said.split())) == (1, True)
    assert ran("view", made, 1, "--out", tmp_path / "page.html").code == 0
    assert ran("export", "mcap", made, tmp_path / "out").code == 0


def test_a_video_of_twice_the_rate_is_not_shown_as_if_it_were_slow(tmp_path: Path) -> None:
    made = foreign().write(tmp_path / "made")
    (made / VIDEO).write_bytes(foreign((20,), fps=2 * FPS).films[KEY])
    for kind in ("hdf5", "mcap"):
        assert "more images than" in ran("export", kind, made, tmp_path / kind).said
        assert not list((tmp_path / kind).glob("*"))
