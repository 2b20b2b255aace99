"""Whether the row of a recorded episode can be built on: what all episodes share is made of it."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from recorder import layout, statistics
from recorder.layout import Robot
from recorder.reading import STATISTICS_COLUMN
from recorder.structure import whole

_PLACES = ("dataset_from_index", "dataset_to_index", "data/chunk_index", "data/file_index")


def unusable(path: Path, robot: Robot | None) -> str:
    """Return what is wrong with the row at `path`, empty if nothing is.

    Args:
        path: of a file of `meta/episodes` that holds one row.
        robot: whose episode it is; None if that is lost.
    """
    try:
        with pq.ParquetFile(path) as file:
            rows = file.read().to_pylist()
    except (OSError, pa.ArrowException) as error:
        return f"{path} is damaged: {error}"
    if len(rows) != 1:
        return f"{path} holds {len(rows)} rows, not one"
    (row,) = rows
    if untold := [name for name in _PLACES if whole(row.get(name)) is None]:
        return f"{path} does not say {', '.join(untold)}"
    if not isinstance(row.get("journal"), str):
        return f"{path} does not say which journal it was made of"
    told: dict[str, dict[str, object]] = {}
    for column, value in row.items():
        if column.startswith(STATISTICS_COLUMN):
            feature, _, name = column.removeprefix(STATISTICS_COLUMN).rpartition("/")
            told.setdefault(feature, {})[name] = value
    if not told:
        return ""
    if robot is not None and (missing := set(layout.features(robot)) - set(told)):
        return f"{path} has no statistics of {', '.join(sorted(missing))}"
    try:
        found = statistics.parsed(told)
        statistics.merged_all(found, found)
    except (KeyError, TypeError, ValueError, IndexError):
        return f"{path} has damaged statistics"
    return ""
