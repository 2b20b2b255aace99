"""Episodes of recorded datasets, on their way into another one."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from recorder import layout, statistics
from recorder.assembly import Episode, filmed
from recorder.dataset import Dataset
from recorder.info import Info, other_columns, robot_of
from recorder.layout import Robot, Success
from recorder.reading import STATISTICS_COLUMN, damage, read_texts
from recorder.statistics import Statistics
from recorder.structure import EpisodeRow
from station.recorder_tools.task import ToolError, listed

OTHERS_TOOL: Final = "LeRobot's `lerobot-edit-dataset`"


def own_robot(info: Info, where: Path) -> Robot:
    """Return what all episodes of a recorded dataset have in common.

    Raises:
        ToolError: it was not recorded by this software, so that its columns are others.
    """
    if not info.recorded:
        raise ToolError(
            f"{where} was not recorded by this software, which copies recordings with all their"
            f" labels; {OTHERS_TOOL} does this with others' datasets"
        )
    if different := other_columns(info):
        raise ToolError(
            f"{where} was recorded by another version of this software, or changed: it differs in"
            f" the columns {listed(different)}; {OTHERS_TOOL} can edit it"
        )
    return robot_of(info)


def copied(dataset: Dataset, row: EpisodeRow) -> Episode:
    """Return an episode of a dataset, as people say it is by now; raises DatasetError."""
    if not row.tasks:
        what = f"episode {row.episode} of {dataset.directory} has no task"
        raise damage(dataset.directory, what)
    dataset.ticks(row.episode)  # says what is wrong with them
    ticks = dataset.directory / layout.ticks_path(row.episode)
    subtasks = (dataset.directory / layout.SUBTASKS).exists()

    def film(camera: str, path: Path) -> Statistics:
        return _film(dataset, row, camera, path)

    return Episode(
        table=_relabelled(dataset.table(row.episode), row),
        tasks=dataset.tasks(),
        subtasks=read_texts(dataset.directory, layout.SUBTASKS, "subtask_index")
        if subtasks
        else {},
        task=row.tasks[0],
        told=row.raw,
        film=film,
        ticks=ticks if ticks.exists() else None,
    )


def _relabelled(table: pa.Table, row: EpisodeRow) -> pa.Table:
    """Return the rows with the success that they have by what people said afterwards."""
    if not row.relabelled:
        return table
    won = np.zeros(len(table), bool)
    won[-1:] = row.raw["episode_success"] == Success.SUCCESS
    for name, values in (("next.success", won), ("next.reward", won.astype(np.float32))):
        table = table.set_column(table.column_names.index(name), name, pa.array(values))
    return table


def _film(dataset: Dataset, row: EpisodeRow, camera: str, path: Path) -> Statistics:
    """Copy a camera's video, or cut it out of one that several episodes share."""
    source, begin_s, _ = dataset.video(row.episode, camera)
    known = _known_statistics(dataset, row, layout.CAMERA + camera)
    if known and begin_s == 0.0 and row.text("journal"):
        shutil.copyfile(source, path)
        return known
    images = dataset.frames(row.episode, camera)
    return filmed(path, images, round(dataset.info.fps), dataset.info.camera(camera).size)


def _known_statistics(dataset: Dataset, row: EpisodeRow, feature: str) -> Statistics | None:
    path = dataset.directory / layout.episodes_path(row.episode)
    if not path.exists():
        return None
    names = {name: f"{STATISTICS_COLUMN}{feature}/{name}" for name in layout.STATISTIC_NAMES}
    with pq.ParquetFile(path) as file:
        if not set(names.values()) <= set(file.schema_arrow.names):
            return None
        rows = file.read(columns=["episode_index", *names.values()]).to_pylist()
    for told in rows:
        values = {name: told[column] for name, column in names.items()}
        if told["episode_index"] == row.episode and None not in values.values():
            return statistics.parsed({feature: values})[feature]
    return None
