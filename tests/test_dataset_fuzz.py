"""Anything in the files of a dataset: it is read as what it is, or refused in one line."""

from __future__ import annotations

import copy
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dataset_scene import Told, written
from dataset_tools import ran
from foreign_dataset import foreign
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recorder import layout

EXAMPLES = int(os.environ.get("EVENHAND_FUZZ", "12"))  # of each file; thousands take minutes
THOROUGH = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
ODD: list[Any] = [None, True, 0, -1, 3, 1.5, float("nan"), 1e300, 10**30, "", "v2.1", "a/b", "{x}"]
ODD += [[], {}, [1], ["a"], {"a": 1}, [None], [[1]], "../x", {"motors": None}, "video", "image"]
TYPES = [pa.string(), pa.float64(), pa.int8(), pa.bool_(), pa.list_(pa.int64()), pa.null()]
TOOLS = ("info", "check", "view", "replay", "hdf5", "mcap", "merge", "split", "repair")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("made")
    recorded = written(folder / "recorded", Told(3, 2, 0), Told(0, 4, 0))
    assert ran("merge", folder / "own", recorded).code == 0
    return {"own": folder / "own", "foreign": foreign().write(folder / "foreign")}


@contextmanager
def a_copy(made: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(shutil.copytree(made, Path(folder) / "dataset"))


def used(directory: Path, tool: str) -> None:
    """Use a tool: anything but an exit code and a line that says something is a fault."""
    out = directory.parent / "out"
    words: dict[str, tuple[object, ...]] = {
        "info": ("info", directory, "--episodes"),
        "view": ("view", directory, 1, "--out", out),
        "replay": ("replay", directory, 1),
        "hdf5": ("export", "hdf5", directory, out),
        "mcap": ("export", "mcap", directory, out),
        "merge": ("merge", out, directory),
        "split": ("split", directory, out, "--episode", 0),
    }
    done = ran(*words.get(tool, (tool, directory)))
    assert done.code in (0, 1)
    assert done.said.strip()
    assert "Error" not in done.said
    if tool in ("merge", "split") and done.code == 0:
        assert ran("check", out).code in (0, 1)
    if tool == "hdf5" and done.code == 0:
        assert list(out.glob("*.hdf5"))
    foreign_one = "was not recorded by this software" in done.said
    assert not (foreign_one and "recorder repair" in done.said)


def means_the_same(info: dict[str, Any], directory: Path, out: Path) -> None:
    """What was exported has the commands, rate and cameras of the dataset."""
    commands = [
        np.stack(table["action"].to_numpy())
        for table in (pq.read_table(path) for path in sorted(directory.glob("data/*/*.parquet")))
    ]
    exported = []
    for path in sorted(out.glob("*.hdf5")):
        with h5py.File(path) as root:
            exported.append(root["/action"][:])
            assert root.attrs["fps"] == info["fps"]
            dtypes = [feature["dtype"] for feature in info["features"].values()]
            cameras = dtypes.count("video") + dtypes.count("image")
            assert len(root.get("/observations/images", ())) == cameras
    np.testing.assert_array_equal(np.concatenate(exported), np.concatenate(commands))


def places(value: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to every value in JSON."""
    if path:
        yield path
    if isinstance(value, dict | list):
        keys = value if isinstance(value, dict) else range(len(value))
        for key in keys:
            yield from places(value[key], (*path, key))


def mutated(data: st.DataObject, value: Any) -> Any:
    """Return JSON with one value taken away or replaced."""
    changed = copy.deepcopy(value)
    *way, last = data.draw(st.sampled_from(list(places(value))))
    within = changed
    for key in way:
        within = within[key]
    if data.draw(st.booleans()):
        del within[last]
    else:
        within[last] = data.draw(st.sampled_from(ODD))
    return changed


def changed_table(data: st.DataObject, table: pa.Table) -> pa.Table:
    """Return a table with one column gone, renamed, of another type or null, or with fewer rows."""
    at = data.draw(st.integers(0, table.num_columns - 1))
    name, column = table.column_names[at], table.column(at)
    change = data.draw(
        st.sampled_from(["drop", "rename", "retype", "null", "one null", "cut", "twice"])
    )
    if change == "drop":
        return table.remove_column(at)
    if change == "rename":
        names = [*table.column_names[:at], "surprise", *table.column_names[at + 1 :]]
        return table.rename_columns(names)
    if change == "cut":
        return table.slice(0, data.draw(st.integers(0, len(table) - 1)))
    if change == "twice":
        return pa.concat_tables([table, table])
    kind = data.draw(st.sampled_from(TYPES)) if change == "retype" else column.type
    if change == "retype":
        values = [_as(value, kind) for value in column.to_pylist()]
    else:
        kept = [] if change == "null" else column.to_pylist()[1:]
        values = [None] * (len(column) - len(kept)) + kept
    return table.set_column(at, name, pa.array(values, kind))


def _as(value: object, kind: pa.DataType) -> object:
    try:
        return pa.scalar(value, kind).as_py()
    except (pa.ArrowException, OverflowError, TypeError, ValueError):
        return pa.scalar(str(value), kind).as_py() if pa.types.is_string(kind) else None


@THOROUGH
@given(st.data())
def test_any_value_in_the_json_files(made: dict[str, Path], data: st.DataObject) -> None:
    with a_copy(made[data.draw(st.sampled_from(sorted(made)))]) as directory:
        path = directory / data.draw(st.sampled_from([layout.INFO, layout.INFO, layout.STATISTICS]))
        before = json.loads(path.read_text(encoding="utf-8")) or {"action": {"mean": [0.0] * 14}}
        after = mutated(data, before)
        path.write_text(json.dumps(after), encoding="utf-8")
        tool = data.draw(st.sampled_from(TOOLS))
        used(directory, tool)
        out = directory.parent / "out"
        if tool == "hdf5" and path.name == layout.INFO.name and list(out.glob("*.hdf5")):
            means_the_same(after, directory, out)


@THOROUGH
@given(st.data())
def test_any_schema_of_the_tables(made: dict[str, Path], data: st.DataObject) -> None:
    with a_copy(made[data.draw(st.sampled_from(sorted(made)))]) as directory:
        path = data.draw(st.sampled_from(sorted(directory.rglob("*.parquet"))))
        table = changed_table(data, pq.read_table(path, partitioning=None))
        pq.write_table(table, path)
        used(directory, data.draw(st.sampled_from(TOOLS)))


@THOROUGH
@given(st.data())
def test_any_bytes_in_any_file(made: dict[str, Path], data: st.DataObject) -> None:
    with a_copy(made[data.draw(st.sampled_from(sorted(made)))]) as directory:
        files = (
            path for path in directory.rglob("*") if path.suffix in (".json", ".parquet", ".mp4")
        )
        path = data.draw(st.sampled_from(sorted(files)))
        content = path.read_bytes()
        at = data.draw(st.integers(0, max(0, len(content) - 1)))
        path.write_bytes(content[:at] + data.draw(st.binary(max_size=8)) + content[at + 4 :])
        used(directory, data.draw(st.sampled_from(TOOLS)))
