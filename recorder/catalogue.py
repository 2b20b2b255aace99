"""The `meta` folder of a dataset: what its episodes are, and what all of them have in common."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from recorder import statistics
from recorder.layout import (
    CAMERA,
    CODEBASE_VERSION,
    DATA_PATH,
    EPISODE_COLUMNS,
    EPISODES,
    FILES_A_CHUNK,
    INFO,
    NO_SUBTASK,
    POLICIES,
    REPAIRED,
    STATISTICS,
    SUBTASKS,
    TASKS,
    TEXTS,
    VIDEO_PATH,
    Robot,
    episode_at,
    episodes_path,
    features,
    place,
)
from recorder.statistics import Statistics
from recorder.structure import ranges
from runtime.files import atomic_write, atomic_write_text

_STATS: Final = "stats/"
_ROWS: Final = "index"  # a feature that every row has, by whose count statistics are recognised
_MARK: Final = b"PAR1"  # ends a parquet file
_NEEDED: Final = ("episode_index", "dataset_to_index", "journal")  # by which an episode is added


class DamagedError(ValueError):
    """A file of `meta/episodes` that cannot be read; says which."""


class Catalogue:
    """Reads and extends the `meta` folder; each file appears whole or not at all.

    Args:
        directory: of the dataset, which need not be there yet.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._rows: dict[Path, list[dict[str, Any]]] = {}  # of files read before: they never change

    def episodes(self) -> list[dict[str, Any]]:
        """Return the episodes' rows without their statistics, in order; raises DamagedError."""
        paths = self._row_files()
        self._rows = {path: self._rows.get(path) or _read_rows(path) for path in paths}
        return [row for path in paths for row in self._rows[path]]

    def trouble(self) -> str:
        """Return why no episode may be added before a repair, empty if nothing is wrong.

        An episode gets the number of those that are there: were one missing, it would be written
        over another. Goes by names and ends of files: to read a thousand takes seconds.
        """
        if (self.directory / REPAIRED).exists():
            return f"a repair of {self.directory} was cut off"
        try:
            numbers = [_number_of_whole(path) for path in self._row_files()]
        except ValueError as error:
            return str(error)
        if numbers != list(range(len(numbers))):
            return (
                f"{self.directory} holds the episodes {ranges(numbers)}; expected were"
                f" {len(numbers)}, numbered from 0 on"
            )
        return ""

    def _row_files(self) -> list[Path]:
        return sorted((self.directory / EPISODES).glob("*/*.parquet"))

    def cameras(self) -> dict[str, tuple[int, int]]:
        """Return height and width of each camera's images, empty while there is no dataset."""
        path = self.directory / INFO
        if not path.exists():
            return {}
        table = json.loads(path.read_text(encoding="utf-8"))["features"]
        return {
            name.removeprefix(CAMERA): (feature["shape"][0], feature["shape"][1])
            for name, feature in table.items()
            if feature["dtype"] == "video"
        }

    def task(self, text: str) -> int:
        """Return the number of a task, which is new if need be; raises OSError."""
        return self._numbered(TASKS, "task_index", [], text)

    def subtask(self, text: str) -> int:
        """Return the number of a subtask, which is new if need be; raises OSError."""
        return self._numbered(SUBTASKS, "subtask_index", [NO_SUBTASK], text)

    def policy(self, policy: str, checkpoint: str) -> int:
        """Return the number of a policy with its parameters, from 1 on; raises OSError."""
        path = self.directory / POLICIES
        known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
        entry = {"policy": policy, "checkpoint": checkpoint}
        if entry not in known:
            known.append(entry)
            atomic_write_text(path, json.dumps(known, indent=2) + "\n")
        return int(known.index(entry)) + 1

    def add_episode(
        self,
        robot: Robot,
        numbers: Mapping[str, int],
        task: str,
        told: Mapping[str, Any],
        found: Mapping[str, Statistics],
    ) -> None:
        """Write the row of an episode, with which it is part of the dataset; raises OSError.

        Args:
            robot: of the dataset.
            numbers: `episode_index`, `length` and `dataset_from_index`.
            task: its text.
            told: values of EPISODE_COLUMNS.
            found: statistics of every feature.
        """
        index, length = numbers["episode_index"], numbers["length"]
        chunk, file = place(index)
        row: dict[str, Any] = {
            "episode_index": index,
            "tasks": [task],
            "length": length,
            "data/chunk_index": chunk,
            "data/file_index": file,
            "dataset_from_index": numbers["dataset_from_index"],
            "dataset_to_index": numbers["dataset_from_index"] + length,
        }
        for camera in robot.cameras:
            key = f"videos/{CAMERA}{camera}/"
            row |= {key + "chunk_index": chunk, key + "file_index": file}
            row |= {key + "from_timestamp": 0.0, key + "to_timestamp": length / robot.fps}
        row |= {"meta/episodes/chunk_index": chunk, "meta/episodes/file_index": file}
        columns = {name: pa.array([value]) for name, value in row.items()}
        for name, kind in EPISODE_COLUMNS.items():
            columns[name] = pa.array([told[name]], kind)
        for feature, values in statistics.plain(found).items():
            for name, value in values.items():
                columns[f"{_STATS}{feature}/{name}"] = pa.array([value])
        write_table(self.directory / episodes_path(index), pa.table(columns))

    def update(self, robot: Robot) -> None:
        """Bring `stats.json`, then `info.json` up to the episodes that are there.

        Raises:
            OSError: they cannot be written; they are then as they were.
        """
        episodes = self.episodes()
        if not episodes:
            return
        self._update_statistics(episodes)
        frames = episodes[-1]["dataset_to_index"]
        info = {
            "codebase_version": CODEBASE_VERSION,
            "robot_type": robot.name,
            "total_episodes": len(episodes),
            "total_frames": frames,
            "total_tasks": len(self._texts(TASKS, [])),
            "chunks_size": FILES_A_CHUNK,
            "data_files_size_in_mb": 100,
            "video_files_size_in_mb": 200,
            "fps": robot.fps,
            "splits": {"train": f"0:{len(episodes)}"},
            "data_path": DATA_PATH,
            "video_path": VIDEO_PATH if robot.cameras else None,
            "features": features(robot),
        }
        if robot.twin is not None:
            info["twin"] = robot.twin  # LeRobot reads on past keys that it does not know
        atomic_write_text(self.directory / INFO, json.dumps(info, indent=4) + "\n")

    def _update_statistics(self, episodes: Sequence[Mapping[str, Any]]) -> None:
        path = self.directory / STATISTICS
        total, known = self._known_statistics()
        begins = [episode["dataset_from_index"] for episode in episodes]
        ends = [episode["dataset_to_index"] for episode in episodes]
        if known == ends[-1]:
            return
        # Usually one episode is missing. Statistics of rows that are not there start anew.
        first = begins.index(known) if known in begins else 0
        total = total if first else {}
        for episode in episodes[first:]:
            found = self._statistics_of(int(episode["episode_index"]))
            total = statistics.merged_all(total, found) if total else found
        atomic_write_text(path, json.dumps(statistics.plain(total), indent=4) + "\n")

    def _known_statistics(self) -> tuple[dict[str, Statistics], int]:
        """Return what `stats.json` says, and of how many rows that is."""
        try:
            told = json.loads((self.directory / STATISTICS).read_text(encoding="utf-8"))
            total = statistics.parsed(told)
            return total, int(total[_ROWS]["count"][0])
        except (OSError, ValueError, KeyError, TypeError):
            return {}, 0

    def _statistics_of(self, index: int) -> dict[str, Statistics]:
        with pq.ParquetFile(self.directory / episodes_path(index)) as file:
            row = file.read().to_pylist()[0]
        told: dict[str, dict[str, Any]] = {}
        for column, value in row.items():
            if column.startswith(_STATS):
                feature, _, name = column.removeprefix(_STATS).rpartition("/")
                told.setdefault(feature, {})[name] = value
        return statistics.parsed(told)

    def _numbered(self, path: Path, number: str, first: list[str], text: str) -> int:
        texts = self._texts(path, first)
        if text not in texts:
            texts.append(text)
        if len(texts) > len(self._texts(path, [])):
            self._write_texts(path, number, texts)
        return texts.index(text)

    def _texts(self, path: Path, first: list[str]) -> list[str]:
        if not (self.directory / path).exists():
            return list(first)
        with pq.ParquetFile(self.directory / path) as file:
            return list(file.read()[TEXTS].to_pylist())

    def _write_texts(self, path: Path, number: str, texts: list[str]) -> None:
        table = pa.table({number: pa.array(range(len(texts)), pa.int64()), TEXTS: texts})
        pandas = {
            "index_columns": [TEXTS],
            "column_indexes": [],
            "columns": [
                _pandas_column(number, number, "int64"),
                _pandas_column(None, TEXTS, "unicode"),
            ],
            "pandas_version": "2.2.0",
        }
        table = table.replace_schema_metadata({"pandas": json.dumps(pandas)})
        write_table(self.directory / path, table)


def _number_of_whole(path: Path) -> int:
    """Return the number of the episode whose row is at `path`; raises ValueError if it is cut."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - len(_MARK)))
        if file.read() != _MARK:
            raise DamagedError(f"{path} is damaged: it was cut off")
    return episode_at(path)


def _read_rows(path: Path) -> list[dict[str, Any]]:
    try:
        with pq.ParquetFile(path) as file:
            names = [name for name in file.schema_arrow.names if not name.startswith(_STATS)]
            rows: list[dict[str, Any]] = file.read(names).to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise DamagedError(f"{path} is damaged: {error}") from error
    if missing := [name for name in _NEEDED if name not in names]:
        raise DamagedError(f"{path} lacks the columns {', '.join(missing)}")
    return rows


def _pandas_column(name: str | None, field: str, kind: str) -> dict[str, Any]:
    numpy_kind = "int64" if kind == "int64" else "object"
    return {
        "name": name,
        "field_name": field,
        "pandas_type": kind,
        "numpy_type": numpy_kind,
        "metadata": None,
    }


def write_table(path: Path, table: pa.Table) -> None:
    """Write a parquet file, whole or not at all; raises OSError."""
    with atomic_write(path) as aside:
        # Hundreds of columns of one value: what parquet says about each would be most of the file.
        pq.write_table(table, aside, use_dictionary=len(table) > 1, write_statistics=False)
