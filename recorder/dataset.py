"""Reading a recorded dataset: LeRobot v3.0, whoever wrote it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from recorder import decoding

VERSION: Final = "v3.0"
INFO: Final = Path("meta/info.json")
STATISTICS: Final = Path("meta/stats.json")
TASKS: Final = Path("meta/tasks.parquet")
EPISODES: Final = Path("meta/episodes")
CAMERA_PREFIX: Final = "observation.images."

_STATISTICS_COLUMN: Final = "stats/"
_KEYS: Final = ("codebase_version", "fps", "features", "data_path")


class DatasetError(ValueError):
    """A dataset that cannot be read as asked; says what was given, what exists, what to do."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a dataset, where, and what to do about it."""

    where: str
    what: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Info:
    """What `meta/info.json` says."""

    robot: str
    fps: int
    features: dict[str, dict[str, Any]]
    total_episodes: int
    total_frames: int
    data_path: str
    video_path: str
    raw: dict[str, Any] = field(repr=False)

    @property
    def cameras(self) -> tuple[str, ...]:
        """Cameras with a video, by the names that they have on the robot."""
        videos = (name for name, feature in self.features.items() if feature["dtype"] == "video")
        return tuple(name.removeprefix(CAMERA_PREFIX) for name in videos)

    @property
    def joints(self) -> tuple[str, ...]:
        """Names of the joints that `action` commands."""
        names = self.features.get("action", {}).get("names") or ()
        if isinstance(names, dict):  # LeRobot's older habit: {"motors": [...]}
            names = next(iter(names.values()), ())
        return tuple(str(name) for name in names)


@dataclass(frozen=True, slots=True)
class EpisodeRow:
    """What `meta/episodes` says of one episode; `raw` has all of its columns."""

    episode: int
    length: int
    tasks: tuple[str, ...]
    raw: dict[str, Any] = field(repr=False)

    @property
    def first_index(self) -> int:
        """Number of its first frame within the dataset."""
        return int(self.raw["dataset_from_index"])

    def text(self, column: str) -> str:
        """Return an extra column as text, empty if this dataset does not have it."""
        return str(self.raw.get(column) or "")

    def file(self, template: str, kind: str, **names: str) -> Path:
        """Return the path of its data, or of a camera's video, within the dataset."""
        chunk, number = (int(self.raw[f"{kind}/{part}_index"]) for part in ("chunk", "file"))
        return Path(template.format(chunk_index=chunk, file_index=number, **names))


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
        self._rows = self._read_rows()

    def episodes(self) -> list[EpisodeRow]:
        """Return all episodes whose row can be read, by number."""
        return list(self._rows.values())

    def row(self, episode: int) -> EpisodeRow:
        """Return one episode's row; raises DatasetError if there is none."""
        if episode not in self._rows:
            raise DatasetError(
                f"no episode {episode} in {self.directory}; there are {ranges(self._rows)}"
                " (list them with `python -m recorder info --episodes`)"
            )
        return self._rows[episode]

    def table(self, episode: int) -> pa.Table:
        """Return one episode's frames, a row each, in order.

        Raises:
            DatasetError: there is no such episode, or its file is missing or damaged.
        """
        table = read_table(self.directory / self.data_file(self.row(episode)))
        if "episode_index" in table.column_names:
            table = table.filter(pc.equal(table["episode_index"], episode))
        return table

    def ticks(self, episode: int) -> pa.Table | None:
        """Return every control tick of one episode, a row each; None if they were not kept."""
        path = self.directory / ticks_file(self.row(episode).episode)
        return read_table(path) if path.exists() else None

    def frames(self, episode: int, camera: str) -> Iterator[NDArray[np.uint8]]:
        """Yield one camera's images of an episode, (height, width, 3) RGB, in order.

        Raises:
            DatasetError: there is no such episode or camera, or the video is missing or damaged.
        """
        path, begin_s, end_s = self.video(episode, camera)
        try:
            yield from decoding.frames(path, begin_s, end_s)
        except decoding.VideoError as error:
            raise DatasetError(f"{error}; {_KEEP_ASIDE}") from error

    def video(self, episode: int, camera: str) -> tuple[Path, float, float]:
        """Return where one camera's video of an episode is: file, from, to, both in seconds."""
        row = self.row(episode)
        if camera not in self.info.cameras:
            known = ", ".join(self.info.cameras) or "none"
            raise DatasetError(f"no camera {camera!r} in {self.directory}; there are {known}")
        key = CAMERA_PREFIX + camera
        path = self.directory / self.video_file(row, camera)
        if not path.exists():
            raise DatasetError(f"{path} is missing; {_KEEP_ASIDE}")
        begin_s = float(row.raw.get(f"videos/{key}/from_timestamp") or 0.0)
        return path, begin_s, begin_s + row.length / self.info.fps

    def data_file(self, row: EpisodeRow) -> Path:
        """Return where an episode's frames are, within the dataset."""
        return row.file(self.info.data_path, "data")

    def video_file(self, row: EpisodeRow, camera: str) -> Path:
        """Return where one camera's video of an episode is, within the dataset."""
        key = CAMERA_PREFIX + camera
        return row.file(self.info.video_path, f"videos/{key}", video_key=key)

    def tasks(self) -> dict[int, str]:
        """Return the task texts by number; raises DatasetError."""
        return read_tasks(self.directory)

    def statistics(self) -> dict[str, dict[str, Any]]:
        """Return `meta/stats.json`, empty if there is none; raises DatasetError if damaged."""
        path = self.directory / STATISTICS
        return read_json(path) if path.exists() else {}

    def _read_rows(self) -> dict[int, EpisodeRow]:
        rows: dict[int, EpisodeRow] = {}
        damaged = []
        for path in sorted((self.directory / EPISODES).glob("*/*.parquet")):
            try:
                found = read_rows(path)
            except DatasetError as error:
                damaged.append(Fault(str(path), str(error), _REPAIR))
                continue
            rows.update({row.episode: row for row in found})
        self.damaged = tuple(damaged)
        return dict(sorted(rows.items()))


_REPAIR: Final = "`python -m recorder repair DIRECTORY` keeps what is readable and says the rest"
_KEEP_ASIDE: Final = f"the other episodes can be read; {_REPAIR}"


def read_info(directory: Path) -> Info:
    """Return what `meta/info.json` says; raises DatasetError."""
    path = directory / INFO
    if not path.exists():
        raise DatasetError(_no_dataset(directory))
    raw = read_json(path)
    version = raw.get("codebase_version")
    if version != VERSION:
        raise DatasetError(
            f"{directory} is a dataset of version {version!r}; this reads {VERSION}. LeRobot's own"
            " `lerobot.datasets.v30.convert_dataset_v21_to_v30` converts older ones"
        )
    if missing := [key for key in _KEYS if key not in raw]:
        raise DatasetError(f"{path} lacks {', '.join(missing)}; {_REPAIR}")
    return Info(
        robot=str(raw.get("robot_type") or ""),
        fps=int(raw["fps"]),
        features=raw["features"],
        total_episodes=int(raw.get("total_episodes", 0)),
        total_frames=int(raw.get("total_frames", 0)),
        data_path=raw["data_path"],
        video_path=raw.get("video_path") or "",
        raw=raw,
    )


def read_json(path: Path) -> dict[str, Any]:
    """Return a JSON file's object; raises DatasetError."""
    try:
        raw = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path} cannot be read: {error}; {_REPAIR}") from error
    if not isinstance(raw, dict):
        raise DatasetError(f"{path} holds a {type(raw).__name__}, not an object; {_REPAIR}")
    return raw


def read_table(path: Path, columns: list[str] | None = None) -> pa.Table:
    """Return a parquet file; raises DatasetError if it is missing or damaged."""
    if not path.exists():
        raise DatasetError(f"{path} is missing; {_KEEP_ASIDE}")
    try:
        return pq.read_table(path, columns=columns, partitioning=None)
    except (OSError, pa.ArrowException) as error:
        raise DatasetError(f"{path} is damaged: {error}; {_KEEP_ASIDE}") from error


def read_rows(path: Path, *, statistics: bool = False) -> list[EpisodeRow]:
    """Return the episodes that one file of `meta/episodes` speaks of; raises DatasetError.

    Args:
        path: the file.
        statistics: whether `raw` shall hold those of each episode too, which take longer.
    """
    try:
        names = pq.read_schema(path).names
    except (OSError, pa.ArrowException) as error:
        raise DatasetError(f"{path} is damaged: {error}; {_KEEP_ASIDE}") from error
    wanted = [name for name in names if statistics or not name.startswith(_STATISTICS_COLUMN)]
    rows = read_table(path, wanted).to_pylist()
    try:
        return [
            EpisodeRow(int(raw["episode_index"]), int(raw["length"]), tuple(raw["tasks"]), raw)
            for raw in rows
        ]
    except (KeyError, TypeError) as error:
        raise DatasetError(f"{path} has no usable {error}; {_REPAIR}") from error


def read_tasks(directory: Path) -> dict[int, str]:
    """Return the task texts by number; raises DatasetError."""
    table = read_table(directory / TASKS)
    texts = next((name for name in table.column_names if name != "task_index"), None)
    if texts is None or "task_index" not in table.column_names:
        raise DatasetError(f"{directory / TASKS} has columns {table.column_names}; {_REPAIR}")
    numbers = table["task_index"].to_pylist()
    return dict(zip(numbers, table[texts].to_pylist(), strict=True))


def ticks_file(episode: int) -> Path:
    """Return where every control tick of an episode is kept, within the dataset."""
    return Path(f"ticks/episode_{episode:06d}.parquet")


def ranges(numbers: Iterable[int]) -> str:
    """Return whole numbers for people: "0..4, 7"."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    said = [str(low) if low == high else f"{low}..{high}" for low, high in runs]
    return ", ".join(said) or "none"


def vectors(column: pa.ChunkedArray) -> NDArray[Any]:
    """Return a column of equally long lists as (T, J)."""
    flat = column.combine_chunks()
    values = flat.flatten().to_numpy(zero_copy_only=False)
    return values.reshape(len(column), -1) if len(column) else np.empty((0, 0))


def _no_dataset(directory: Path) -> str:
    if not directory.exists():
        return f"there is no {directory}; record one with `python launch.py --record {directory}`"
    inside = sorted(path.name for path in directory.iterdir())[:8]
    return (
        f"{directory} is no dataset: it has no {INFO}, but {', '.join(inside) or 'nothing'};"
        f" if a launch was cut off there, {_REPAIR}"
    )
