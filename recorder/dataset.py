"""Reading a recorded dataset: LeRobot v3.0, whoever wrote it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from recorder import advice, decoding, edits, layout, structure
from recorder.layout import Success
from recorder.structure import EpisodeRow, Fault, Info, ranges
from runtime.shell import command

STATISTICS_COLUMN: Final = "stats/"
UNKNOWN: Final = "unknown"
SUCCESS_OF: Final = {
    "success": Success.SUCCESS,
    "failure": Success.FAILURE,
    "timeout": Success.FAILURE,
    "aborted": Success.UNKNOWN,
    UNKNOWN: Success.UNKNOWN,
}
_KEYS: Final = ("codebase_version", "fps", "features", "data_path")


class DatasetError(ValueError):
    """A dataset that cannot be read as asked; says what was given, what exists, what to do."""


class VersionError(DatasetError):
    """A dataset of another version; says which, and how to convert it."""


class Dataset:
    """A dataset on disk, read as far as it can be read."""

    def __init__(self, directory: Path) -> None:
        """Read what the dataset says of itself.

        Raises:
            DatasetError: no dataset there, one of another version, or its `info.json` is damaged.
        """
        self.directory = directory
        self.info = read_info(directory)
        self.damaged: tuple[Fault, ...] = ()  # files of `meta/episodes` that cannot be read
        self.rows = self._read_rows()  # by number

    def episodes(self) -> list[EpisodeRow]:
        """Return all episodes whose row can be read, by number."""
        return list(self.rows.values())

    def row(self, episode: int) -> EpisodeRow:
        """Return one episode's row; raises DatasetError if there is none."""
        if episode not in self.rows:
            raise DatasetError(
                f"no episode {episode} in {self.directory}; there are {ranges(self.rows)}"
                f" (list them with {command('python -m recorder info --episodes', self.directory)})"
            )
        return self.rows[episode]

    def table(self, episode: int) -> pa.Table:
        """Return one episode's frames, a row each, in order.

        Raises:
            DatasetError: there is no such episode, or its file is missing or damaged.
        """
        table = read_table(self.directory / self.row(episode).data_file(self.info))
        if "episode_index" in table.column_names:
            table = table.filter(pc.equal(table["episode_index"], episode))
        return table

    def ticks(self, episode: int) -> pa.Table | None:
        """Return every control tick of one episode, a row each; None if they were not kept."""
        path = self.directory / layout.ticks_path(self.row(episode).episode)
        return read_table(path) if path.exists() else None

    def frames(self, episode: int, camera: str) -> Iterator[NDArray[np.uint8]]:
        """Yield one camera's images of an episode, (height, width, 3) RGB, in order.

        Raises:
            DatasetError: there is no such episode or camera, or the video is missing or damaged.
        """
        path, begin_s, end_s = self.video(episode, camera)
        length, shown = self.row(episode).length, 0
        try:
            for image in decoding.frames(path, begin_s, end_s):
                yield image
                shown += 1
        except decoding.VideoError as error:
            raise DatasetError(f"{error}; {advice.spared(path)}") from error
        if shown < length:
            raise DatasetError(
                f"{path} ends after {shown} of {length} images; {advice.spared(path)}"
            )

    def video(self, episode: int, camera: str) -> tuple[Path, float, float]:
        """Return where one camera's video of an episode is: file, from, to, both in seconds."""
        row = self.row(episode)
        if camera not in self.info.cameras:
            known = ", ".join(self.info.cameras) or "none"
            raise DatasetError(f"no camera {camera!r} in {self.directory}; there are {known}")
        key = layout.CAMERA + camera
        path = self.directory / row.video_file(self.info, camera)
        if not path.exists():
            raise DatasetError(f"{path} is missing; {advice.spared(path)}")
        begin_s = float(row.raw.get(f"videos/{key}/from_timestamp") or 0.0)
        return path, begin_s, begin_s + row.length / self.info.fps

    def verify(self) -> list[Fault]:
        """Return what is damaged or contradicts itself, as far as that shows without decoding."""
        return [*self.damaged, *structure.faults(self.directory, self.info, self.rows)]

    def tasks(self) -> dict[int, str]:
        """Return the task texts by number; raises DatasetError."""
        return read_tasks(self.directory)

    def statistics(self) -> dict[str, dict[str, Any]]:
        """Return `meta/stats.json`, empty if there is none; raises DatasetError if damaged."""
        path = self.directory / layout.STATISTICS
        return read_json(path) if path.exists() else {}

    def _read_rows(self) -> dict[int, EpisodeRow]:
        rows: dict[int, EpisodeRow] = {}
        damaged = []
        for path in sorted((self.directory / layout.EPISODES).glob("*/*.parquet")):
            try:
                found = read_rows(path)
            except DatasetError as error:
                damaged.append(Fault(str(path), str(error), advice.mended(path)))
                continue
            rows.update({row.episode: row for row in found})
        self.damaged = tuple(damaged)
        said = edits.read(self.directory)
        return {number: edited(row, said) for number, row in sorted(rows.items())}


def read_info(directory: Path) -> Info:
    """Return what `meta/info.json` says; raises DatasetError."""
    path = directory / layout.INFO
    if not path.exists():
        raise DatasetError(_no_dataset(directory))
    raw = read_json(path)
    version = raw.get("codebase_version")
    if version != layout.CODEBASE_VERSION:
        raise VersionError(
            f"{directory} is a dataset of version {version!r}; this reads"
            f" {layout.CODEBASE_VERSION}. LeRobot's own"
            " `lerobot.datasets.v30.convert_dataset_v21_to_v30` converts older ones"
        )
    if missing := [key for key in _KEYS if key not in raw]:
        raise DatasetError(f"{path} lacks {', '.join(missing)}; {advice.mended(path)}")
    return Info.of(raw)


def read_json(path: Path) -> dict[str, Any]:
    """Return a JSON file's object; raises DatasetError."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path} cannot be read: {error}; {advice.mended(path)}") from error
    if not isinstance(raw, dict):
        raise DatasetError(
            f"{path} holds a {type(raw).__name__}, not an object; {advice.mended(path)}"
        )
    return raw


def read_table(path: Path, columns: list[str] | None = None) -> pa.Table:
    """Return a parquet file; raises DatasetError if it is missing or damaged."""
    if not path.exists():
        raise DatasetError(f"{path} is missing; {advice.spared(path)}")
    try:
        return pq.read_table(path, columns=columns, partitioning=None)
    except (OSError, pa.ArrowException) as error:
        raise DatasetError(f"{path} is damaged: {error}; {advice.spared(path)}") from error


def read_rows(path: Path) -> list[EpisodeRow]:
    """Return what a file of `meta/episodes` says, but the statistics; raises DatasetError."""
    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            wanted = [name for name in names if not name.startswith(STATISTICS_COLUMN)]
            rows = file.read(columns=wanted).to_pylist()
        return [
            EpisodeRow(int(raw["episode_index"]), int(raw["length"]), tuple(raw["tasks"]), raw)
            for raw in rows
        ]
    except (OSError, pa.ArrowException) as error:
        raise DatasetError(f"{path} is damaged: {error}; {advice.spared(path)}") from error
    except (KeyError, TypeError) as error:
        raise DatasetError(f"{path} has no usable {error}; {advice.mended(path)}") from error


def edited(row: EpisodeRow, said: list[edits.Edit]) -> EpisodeRow:
    """Return what is said of an episode with what people said after it was finished."""
    journal = row.text("journal")
    own = [edit for edit in said if edit.episode == journal]
    if not journal or not own:
        return row
    opinion = edits.opinion(own, journal)
    raw = dict(row.raw)
    if opinion.note:
        raw["note"] = opinion.note
    if opinion.outcome is not None:
        outcome = opinion.outcome or UNKNOWN
        raw |= {"outcome_label": outcome, "labelled_by": opinion.labelled_by}
        raw["episode_success"] = int(SUCCESS_OF.get(outcome, Success.UNKNOWN))
    return replace(
        row,
        raw=raw,
        relabelled=raw["outcome_label"] != row.raw["outcome_label"],
        discarded=journal in edits.discarded(own),
    )


def read_tasks(directory: Path) -> dict[int, str]:
    """Return the task texts by number; raises DatasetError."""
    path = directory / layout.TASKS
    table = read_table(path)
    texts = next((name for name in table.column_names if name != "task_index"), None)
    if texts is None or "task_index" not in table.column_names:
        raise DatasetError(f"{path} has columns {table.column_names}; {advice.mended(path)}")
    numbers = table["task_index"].to_pylist()
    return dict(zip(numbers, table[texts].to_pylist(), strict=True))


def vectors(column: pa.ChunkedArray) -> NDArray[Any]:
    """Return a column of equally long lists as (T, J)."""
    flat = column.combine_chunks()
    values = flat.flatten().to_numpy(zero_copy_only=False)
    return values.reshape(len(column), -1) if len(column) else np.empty((0, 0))


def numbers(column: pa.ChunkedArray) -> NDArray[Any] | None:
    """Return a column's values, (T,) or (T, J); None if it holds no numbers."""
    if pa.types.is_list(column.type) or pa.types.is_fixed_size_list(column.type):
        return vectors(column)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return None
    return np.asarray(column.to_numpy())


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
    inside = sorted(path.name for path in directory.iterdir())[:8]
    return (
        f"{directory} is no dataset: it has no {layout.INFO}, but {', '.join(inside) or 'nothing'};"
        f" if it was one, try {advice.repair(directory)}"
    )
