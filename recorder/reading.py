"""Reading the files of a dataset, each as a whole: what cannot be read is said with what to do."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from recorder import advice, layout, origin
from recorder.errors import DatasetError, VersionError
from recorder.features import shown
from recorder.info import Info
from recorder.structure import EpisodeRow, whole
from runtime.shell import command

STATISTICS_COLUMN: Final = "stats/"

_JOURNAL: Final = "journal"
_ARROW_KINDS: Final = {
    "int64": (pa.types.is_integer,),
    "float64": (pa.types.is_floating, pa.types.is_integer),
    "bool": (pa.types.is_boolean,),
    "string": (pa.types.is_string, pa.types.is_large_string),
}


def unreadable(directory: Path, name: Path, error: Exception | None = None) -> DatasetError:
    """Return what to raise of a file of a dataset that cannot be read."""
    path = directory / name
    what = f"{path} {origin.why_unreadable(path, error)}"
    return DatasetError(what) if origin.is_pointer(path) else damage(directory, what)


def damage(directory: Path, what: str) -> DatasetError:
    """Return what to raise where a dataset is damaged: what is wrong, and what to do."""
    return DatasetError(f"{what}; {advice.remedy(directory)}")


def read_info(directory: Path) -> Info:
    """Return what `meta/info.json` says; raises DatasetError, and VersionError if it is older."""
    path = directory / layout.INFO
    if not path.exists() and not path.is_symlink():
        raise DatasetError(_no_dataset(directory))
    raw = read_json(directory, layout.INFO)
    try:
        return Info.of(raw)
    except VersionError as error:
        raise VersionError(f"{path}: {error}") from error
    except RecursionError as error:
        raise DatasetError(f"{path} is nested too deeply to be one of LeRobot's") from error
    except DatasetError as error:
        mended = "" if origin.unmendable(directory) else f"; {advice.remedy(directory)}"
        raise DatasetError(f"{path}: {error}{mended}") from error


def read_json(directory: Path, name: Path) -> dict[str, Any]:
    """Return the object in a JSON file of a dataset; raises DatasetError."""
    path = directory / name
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        json.dumps(raw, ensure_ascii=False).encode()  # `"\\ud800"` is no character for others
    except (OSError, ValueError, RecursionError) as error:
        raise unreadable(directory, name, error) from error
    if not isinstance(raw, dict):
        raise damage(directory, f"{path} holds {shown(raw)}, not an object")
    return raw


def read_schema(directory: Path, name: Path) -> pa.Schema:
    """Return the columns of a parquet file of a dataset; raises DatasetError."""
    try:
        schema = pq.read_schema(directory / name)
    except (OSError, pa.ArrowException) as error:
        raise unreadable(directory, name, error) from error
    if len(set(schema.names)) < len(schema.names):
        twice = next(column for column in schema.names if schema.names.count(column) > 1)
        raise damage(directory, f"{directory / name} has two columns {twice}")
    return schema


def read_table(
    directory: Path, name: Path, columns: Iterable[str] | None = None, episode: int | None = None
) -> pa.Table:
    """Return a parquet file of a dataset.

    Args:
        directory: of the dataset.
        name: of the file within.
        columns: to be read; all if not given. The file has them.
        episode: whose rows are wanted; all if not given.

    Raises:
        DatasetError: it is missing or damaged.
    """
    read_schema(directory, name)
    rows = None if episode is None else [("episode_index", "==", episode)]
    wanted = None if columns is None else list(columns)
    try:
        return pq.read_table(directory / name, columns=wanted, filters=rows, partitioning=None)
    except (OSError, pa.ArrowException) as error:
        raise unreadable(directory, name, error) from error


def episode_files(directory: Path) -> list[Path]:
    """Return the files of `meta/episodes`, by their names within the dataset, in order."""
    return sorted(
        path.relative_to(directory) for path in (directory / layout.EPISODES).glob("*/*.parquet")
    )


def read_rows(directory: Path, name: Path) -> list[EpisodeRow]:
    """Return what a file of `meta/episodes` says, but the statistics; raises DatasetError."""
    schema = read_schema(directory, name)
    wanted = [column for column in schema.names if not column.startswith(STATISTICS_COLUMN)]
    own = _JOURNAL in wanted
    for column in [column for column in wanted if column in layout.EPISODE_COLUMNS]:
        kinds = _ARROW_KINDS[layout.EPISODE_COLUMNS[column]]
        told = schema.field(column).type
        if not any(is_it(told) for is_it in (*kinds, pa.types.is_null)):
            if own:
                raise damage(directory, f"{directory / name}: {column} holds {told}")
            wanted.remove(column)  # somebody else's, who means something else by it
    rows = read_table(directory, name, wanted).to_pylist()
    return [_row(directory, name, raw) for raw in rows]


def _row(directory: Path, name: Path, raw: dict[str, Any]) -> EpisodeRow:
    counts = {}
    for column in ("episode_index", "length"):
        count = whole(raw.get(column))
        if count is None:
            told = shown(raw[column]) if column in raw else "missing"
            raise damage(directory, f"{directory / name}: {column} is {told}, no number")
        counts[column] = count
    tasks = raw.get("tasks")
    texts = [tasks] if isinstance(tasks, str) else [] if tasks is None else tasks
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise damage(directory, f"{directory / name}: tasks is {shown(tasks)}, no list of texts")
    return EpisodeRow(counts["episode_index"], counts["length"], tuple(texts), raw)


def read_texts(directory: Path, name: Path, number: str) -> dict[int, str]:
    """Return the texts in a file such as `meta/tasks.parquet` by their numbers.

    Args:
        directory: of the dataset.
        name: of the file within.
        number: the column of the numbers; the texts are in another, which LeRobot has no one name
            for.

    Raises:
        DatasetError: it is missing, damaged, or holds no such table.
    """
    table = read_table(directory, name)
    known = [
        column
        for column in (layout.TEXTS, number.removesuffix("_index"))
        if column in table.column_names
    ]
    others = [column for column in table.column_names if column != number]
    column = known[0] if known else others[0] if len(others) == 1 else None
    if number not in table.column_names or column is None:
        what = f"has the columns {', '.join(table.column_names)}; {number} and texts are expected"
        raise damage(directory, f"{directory / name} {what}")
    numbers, texts = table[number].to_pylist(), table[column].to_pylist()
    counted = [whole(each) for each in numbers]
    if None in counted or len(set(counted)) < len(counted):
        raise damage(
            directory, f"{directory / name}: {number} is {shown(numbers)}, not unique numbers"
        )
    if not all(isinstance(text, str) for text in texts):
        raise damage(directory, f"{directory / name}: {column} is {shown(texts)}, not texts")
    return {int(each): text for each, text in zip(numbers, texts, strict=True)}


def _no_dataset(directory: Path) -> str:
    if not directory.exists():
        recording = command("python launch.py --record", directory)
        return f"there is no {directory}; record one with {recording}"
    journals = len(list((directory / layout.JOURNALS).glob("*/")))
    if journals:
        return (
            f"{directory} has no episode yet, but {journals} journals: if nobody records there,"
            f" {advice.repair(directory)} makes episodes of them"
        )
    if not directory.is_dir():
        return f"{directory} is a file; a dataset is a folder, with {layout.INFO}"
    if (directory / "meta").is_dir() and not origin.unmendable(directory):
        return f"{directory} has no {layout.INFO}; {advice.remedy(directory)}"
    inside = sorted(path.name for path in directory.iterdir())[:8]
    return (
        f"{directory} is no dataset: it has no {layout.INFO}, but {', '.join(inside) or 'nothing'}"
    )
