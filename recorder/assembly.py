"""New datasets of episodes that are whole already: of other datasets, of other formats."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from recorder import decoding, files, statistics
from recorder.catalogue import Catalogue
from recorder.columns import numbers
from recorder.errors import DatasetError
from recorder.layout import (
    CAMERA,
    EPISODE_COLUMNS,
    RECAP,
    Robot,
    data_path,
    features,
    ticks_path,
    video_path,
)
from recorder.statistics import ImageStatistics, Statistics
from recorder.video import VideoWriter
from runtime.files import atomic_write, unfinished

LOOKED_AT: Final = 10  # every tenth image counts for the statistics

_DEFAULTS: Final[dict[str, Any]] = {"string": "", "int64": 0, "float64": 0.0, "bool": False}


@dataclass(frozen=True, slots=True)
class Episode:
    """An episode on its way into a dataset.

    Attributes:
        table: its rows, with every column of the dataset's features; whatever counts episodes,
            rows, tasks, subtasks and policies is counted anew.
        tasks: texts of the tasks that the table numbers.
        subtasks: likewise.
        task: the one that it is about.
        told: values of EPISODE_COLUMNS, as far as they are known.
        film: writes a camera's video to a path, and returns the statistics of its images.
        ticks: file of its control ticks, None if they were not kept.
    """

    table: pa.Table
    tasks: Mapping[int, str]
    subtasks: Mapping[int, str]
    task: str
    told: Mapping[str, Any]
    film: Callable[[str, Path], Statistics]
    ticks: Path | None = None


class Assembly:
    """Adds episodes to a dataset, each with its row in `meta/episodes` last."""

    def __init__(self, directory: Path, robot: Robot) -> None:
        self._directory = directory
        self._robot = robot
        self._catalogue = Catalogue(directory)
        self._episodes = 0
        self._frames = 0

    def add(self, episode: Episode) -> int:
        """Write an episode's files; returns its number.

        Raises:
            DatasetError: its videos cannot be read.
            OSError: a file cannot be written.
        """
        index = self._episodes
        told = self._told(episode.told)
        table = self._renumbered(episode, told["policy_version"])
        with atomic_write(self._directory / data_path(index)) as path:
            pq.write_table(table, path)
        found = of_table(table)
        for camera in self._robot.cameras:
            with atomic_write(self._directory / video_path(camera, index)) as path:
                found[CAMERA + camera] = episode.film(camera, path)
        if episode.ticks is not None:
            with atomic_write(self._directory / ticks_path(index)) as path:
                shutil.copyfile(episode.ticks, path)
        self._catalogue.add_episode(
            self._robot,
            {
                "episode_index": index,
                "length": len(table),
                "dataset_from_index": self._frames,
            },
            episode.task,
            told,
            found,
        )
        self._episodes += 1
        self._frames += len(table)
        return index

    def close(self) -> None:
        """Write what all episodes have in common; raises OSError."""
        self._catalogue.update(self._robot)

    def _told(self, given: Mapping[str, Any]) -> dict[str, Any]:
        told = {
            name: _DEFAULTS[kind] if given.get(name) is None else given[name]
            for name, kind in EPISODE_COLUMNS.items()
        }
        policy = self._catalogue.policy(told["policy"], told["checkpoint"]) if told["policy"] else 0
        return told | {"policy_version": policy}

    def _renumbered(self, episode: Episode, policy: int) -> pa.Table:
        """Return the rows with the numbers that they have here, in the order of the features."""
        given = episode.table
        count = np.arange(len(given))
        self._catalogue.subtask("")
        by_policy = given[RECAP + "policy_version"].to_numpy() > 0
        anew = {
            "frame_index": count,
            "episode_index": np.full(len(given), self._episodes),
            "index": self._frames + count,
            "timestamp": (count / self._robot.fps).astype(np.float32),
            "task_index": self._numbered(given["task_index"], episode.tasks, "task"),
            "subtask_index": self._numbered(given["subtask_index"], episode.subtasks, "subtask"),
            RECAP + "policy_version": np.where(by_policy, policy, 0),
        }
        names = [name for name in features(self._robot) if not name.startswith(CAMERA)]
        return pa.table(
            {name: pa.array(anew[name]) if name in anew else given[name] for name in names}
        )

    def _numbered(self, column: pa.ChunkedArray, texts: Mapping[int, str], kind: str) -> Any:
        """Return a column of numbers of texts as these are numbered here."""
        number = {"task": self._catalogue.task, "subtask": self._catalogue.subtask}[kind]
        given = column.to_numpy()
        here = {int(old): number(texts.get(int(old), "")) for old in np.unique(given)}
        return np.array([here[int(old)] for old in given], np.int64)


def of_table(table: pa.Table) -> dict[str, Statistics]:
    """Return the statistics of all columns that hold numbers."""
    found = {}
    for name in table.column_names:
        if (values := numbers(table[name])) is not None:
            found[name] = statistics.of_rows(np.asarray(values, np.float64))
    return found


def filmed(
    path: Path, images: Iterator[NDArray[np.uint8]], fps: int, size: tuple[int, int]
) -> Statistics:
    """Write images (height, width, 3) to a video; returns the statistics of what that shows.

    A video loses much of small or noisy images, and who learns from it sees what is left.

    Raises:
        ValueError: an image is not of `size`, its height and width.
        OSError: the file cannot be written.
    """
    seen = ImageStatistics()
    writer = VideoWriter(path, fps, *size)
    for image in images:
        writer.add(image)
    writer.close()
    for number, image in enumerate(decoding.frames(path)):
        if number % LOOKED_AT == 0:
            seen.add(image)
    return seen.result()


def refuse_taken(directory: Path) -> None:
    """Raise DatasetError if no new dataset can be made at `directory`, since something is there."""
    if directory.exists() and not (directory.is_dir() and not any(directory.iterdir())):
        raise DatasetError(f"{directory} is there already: choose another name for the new dataset")
    aside = unfinished(directory)
    if aside.exists():
        raise DatasetError(
            f"{aside} is left of an attempt that was cut off, or one runs: take it away"
        )


@contextmanager
def assembled(directory: Path, robot: Robot) -> Iterator[Assembly]:
    """Make a new dataset, which appears whole when the block ends, or not at all.

    Raises:
        DatasetError: something is there already.
        OSError: it cannot be written.
    """
    refuse_taken(directory)
    aside = unfinished(directory)
    aside.mkdir(parents=True)
    try:
        assembly = Assembly(aside, robot)
        yield assembly
        assembly.close()
        if directory.exists():
            directory.rmdir()
        files.moved(aside, directory)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
