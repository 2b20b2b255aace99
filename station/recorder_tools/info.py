"""`info`: what a dataset holds."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
from rich.table import Table

from recorder import layout, structure
from recorder.dataset import Dataset, DatasetError
from recorder.features import Feature, Kind
from recorder.info import robot_of
from recorder.structure import EpisodeRow
from station.arm_tools.tables import plain_table, titled
from station.recorder_tools.task import Task, add_directory, counted

_OUTCOMES: Final = ("success", "failure", "timeout", "aborted", "unknown")
_PARTS: Final = ("data", "videos", "ticks", "meta", "journal", "discarded")
_FROM_MONTH: Final = len("2026-")
_TO_MINUTE: Final = len("2026-01-02T03:04")
_INTERVENTION: Final = layout.RECAP + "intervention_"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what this command takes."""
    add_directory(parser)
    parser.add_argument("--episodes", action="store_true", help="list every episode too")


def run(task: Task) -> int:
    """Print the tables; returns 0, or 1 if something could not be read."""
    dataset = task.dataset()
    info = dataset.info
    rows = dataset.episodes()
    frames = sum(row.length for row in rows)
    task.say(
        f"{task.directory}: {counted(len(rows), 'episode')} of robot {info.robot or 'unnamed'}, "
        f"{_hours(frames / info.fps)} at {info.fps} Hz, {len(info.joints)} joints",
        style="bold",
    )
    task.console.print(titled("\nEpisodes by type and outcome", _outcomes(rows, info.fps)))
    damaged = _tell_interventions(task, dataset)
    task.console.print(titled("\nCameras", _cameras(dataset)))
    others = _others(dataset)
    if not info.recorded and others.row_count:
        task.console.print(titled("\nOther features, which no tool here reads", others))
    task.console.print(titled("\nTasks", _tasks(rows, info.fps)))
    task.console.print(titled("\nOn disk", _sizes(task.directory)))
    if task.options.episodes:
        task.console.print(titled("\nEpisodes", _episodes(rows, info.fps)))
    for fault in (found := list(structure.miscounted(info, dataset.rows))):
        task.say(f"\n{fault.where}: {fault.what}", style="yellow")
    return int(bool(dataset.damaged or damaged or found))


def _outcomes(rows: list[EpisodeRow], fps: float) -> Table:
    numbers: Counter[tuple[str, str]] = Counter()
    frames: Counter[str] = Counter()
    for row in rows:
        kind = row.text("data_type") or "unlabelled"
        outcome = row.text("outcome_label")
        numbers[kind, outcome if outcome in _OUTCOMES else "unknown"] += 1
        frames[kind] += row.length
    seen = [each for each in _OUTCOMES if any(outcome == each for _, outcome in numbers)]
    table = plain_table("type", "episodes", *seen, "time", right=("episodes", *seen, "time"))
    for kind in sorted(frames):
        of_kind = [numbers[kind, outcome] for outcome in seen]
        table.add_row(kind, str(sum(of_kind)), *map(str, of_kind), _hours(frames[kind] / fps))
    of_all = [sum(numbers[kind, outcome] for kind in frames) for outcome in seen]
    total = _hours(sum(frames.values()) / fps)
    table.add_row("all", str(len(rows)), *map(str, of_all), total, style="bold")
    return table


def _tell_interventions(task: Task, dataset: Dataset) -> int:
    """Print how much a person commanded, by arm; returns how many episodes cannot be read."""
    arms = list(robot_of(dataset.info).arms)
    if not dataset.info.recorded:
        task.say("\nNo interventions are marked in this dataset.")
        return 0
    frames, sources, damaged = 0, Counter[int](), 0
    moved = dict.fromkeys(arms, 0)
    for row in task.following("reading labels", dataset.episodes()):
        try:
            table = dataset.table(row.episode)
        except DatasetError as error:
            task.say(f"left out: {error}", style="yellow")
            damaged += 1
            continue
        frames += len(table)
        sources.update(table[layout.RECAP + "source"].to_pylist())
        for arm in arms:
            moved[arm] += _true(table[_INTERVENTION + arm])
    task.console.print(titled("\nWho commanded", _shares(sources, moved, frames, dataset.info.fps)))
    return damaged


def _shares(sources: Counter[int], moved: dict[str, int], frames: int, fps: float) -> Table:
    table = plain_table("frames", "of all", "time", right=("of all", "time"))
    for number, count in sorted(sources.items()):
        known = number in layout.Source.__members__.values()
        name = layout.Source(number).name.lower() if known else f"source {number}"
        table.add_row(name, _percent(count, frames), _hours(count / fps))
    for arm, count in moved.items():
        table.add_row(f"a person moved arm {arm}", _percent(count, frames), _hours(count / fps))
    return table


def _cameras(dataset: Dataset) -> Table:
    table = plain_table("camera", "size", "codec", "bytes a frame", right=("bytes a frame",))
    frames = max(1, sum(row.length for row in dataset.episodes()))
    for camera in (*dataset.info.cameras, *dataset.info.depth_cameras):
        feature = dataset.info.camera(camera)
        height, width = feature.size
        size = folder_bytes(dataset.directory / "videos" / feature.key)
        each = _bytes(size / frames) if feature.dtype == "video" else "in the data"
        table.add_row(camera, f"{width} x {height}", _codec(feature), each)
    return table


def _codec(feature: Feature) -> str:
    if feature.kind is Kind.VIDEO:
        return feature.codec
    return ", ".join(filter(None, (str(feature.kind.value), feature.codec)))


def _others(dataset: Dataset) -> Table:
    """Return the features that no tool here reads; they stay as they are."""
    table = plain_table("feature", "type", "shape")
    known = {*layout.MANDATORY, layout.STATE, layout.ACTION}
    for feature in dataset.info.features.values():
        if feature.key not in known and feature.name not in dataset.info.cameras:
            shape = " x ".join(map(str, feature.shape)) or "-"
            table.add_row(feature.key, feature.dtype, shape)
    return table


def _tasks(rows: list[EpisodeRow], fps: float) -> Table:
    table = plain_table("task", "episodes", "time", right=("episodes", "time"))
    numbers = Counter(text for row in rows for text in row.tasks)
    for text, number in numbers.most_common():
        frames = sum(row.length for row in rows if text in row.tasks)
        table.add_row(text, str(number), _hours(frames / fps))
    return table


def _sizes(directory: Path) -> Table:
    table = plain_table("folder", "size", right=("size",))
    for part in _PARTS:
        if (directory / part).is_dir():
            table.add_row(part, _bytes(folder_bytes(directory / part)))
    return table


def _episodes(rows: list[EpisodeRow], fps: float) -> Table:
    right = ("episode", "seconds", "corrections")
    table = plain_table(*right[:2], "type", "outcome", right[2], "by", "begun", "task", right=right)
    for column in table.columns[:-1]:
        column.no_wrap = True
    for row in rows:
        table.add_row(
            str(row.episode),
            f"{row.length / fps:.1f}",
            row.text("data_type"),
            row.text("outcome_label"),
            str(row.count("n_interventions") or 0),
            row.text("operator") or row.text("policy"),
            row.text("t_start_wall")[_FROM_MONTH:_TO_MINUTE].replace("T", " "),
            "; ".join(row.tasks),
        )
    return table


def folder_bytes(folder: Path) -> int:
    """Return how much the files in a folder and in those below hold."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _true(column: pa.ChunkedArray) -> int:
    return int(np.count_nonzero(column.to_numpy()))


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"


def _bytes(number: float) -> str:
    for unit in ("B", "kB", "MB"):
        if number < 1000:
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:.3g} GB"


def _hours(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    if seconds < 3600:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:.2f} h"
