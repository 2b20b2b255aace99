"""Reading a recorded dataset: LeRobot v3.0, whoever wrote it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recorder import columns, decoding, edits, images, layout, reading, structure
from recorder.columns import ColumnError, vectors
from recorder.errors import DatasetError, VersionError
from recorder.features import Feature, Kind, features_of
from recorder.info import robot_of
from recorder.layout import Success
from recorder.structure import EpisodeRow, Fault, ranges
from runtime.shell import command

__all__ = ["Dataset", "DatasetError", "VersionError", "vectors"]

UNKNOWN: Final = "unknown"
SUCCESS_OF: Final = {
    "success": Success.SUCCESS,
    "failure": Success.FAILURE,
    "timeout": Success.FAILURE,
    "aborted": Success.UNKNOWN,
    UNKNOWN: Success.UNKNOWN,
}
_EPISODE: Final = "episode_index"
_TASK: Final = "task_index"
_LONGEST_VIDEO_S: Final = 1e9  # a decoder counts in 64 bits


class Dataset:
    """A dataset on disk, read as far as it can be read."""

    def __init__(self, directory: Path) -> None:
        """Read what the dataset says of itself.

        Raises:
            DatasetError: no dataset there, one of another version, or its `info.json` is damaged.
        """
        self.directory = directory
        self.info = reading.read_info(directory)
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
        """Return one episode's frames, a row each, in order, without the images among them.

        What counts frames, the state, the action, and in a recording every column are of the type
        that `info.json` declares; other columns are as they are.

        Raises:
            DatasetError: there is no such episode, its file is missing or damaged, or it is not
                what `info.json` and `meta/episodes` say.
        """
        row = self.row(episode)
        name = row.data_file(self.info)
        there = reading.read_schema(self.directory, name)
        wanted = [feature for feature in self.info.features.values() if feature.in_table]
        if missing := [feature.key for feature in wanted if feature.key not in there.names]:
            what = f"the columns {', '.join(missing)} are missing, which info.json speaks of"
            raise self._wrong(row, what)
        self._demand_number(row, there)
        read = [each.key for each in wanted if each.kind not in (Kind.IMAGE, Kind.DEPTH)]
        table = reading.read_table(self.directory, name, read, episode)
        if len(table) != row.length:
            raise self._wrong(row, f"{len(table)} rows, said to be {row.length}")
        needed = read if self.info.recorded else (*layout.MANDATORY, layout.STATE, layout.ACTION)
        columns = {
            key: self._conformed(row, table[key], self.info.features[key])
            if key in needed
            else table[key]
            for key in read
        }
        if not self.info.recorded:  # `check` says it of a recording, and `repair` counts anew
            counted = np.asarray(columns["frame_index"]).reshape(-1)
            if (counted[1:] <= counted[:-1]).any():
                what = "frame_index does not rise from row to row: no image has a row of its own"
                raise self._wrong(row, what)
        return pa.table(columns)

    def undeclared(self, episode: int) -> list[str]:
        """Return the columns of an episode's file that `info.json` does not speak of."""
        schema = reading.read_schema(self.directory, self.row(episode).data_file(self.info))
        return [name for name in schema.names if name not in self.info.features]

    def ticks(self, episode: int) -> pa.Table | None:
        """Return every control tick of one episode, a row each; None if they were not kept.

        Raises:
            DatasetError: there is no such episode, or the file is not as this recorder writes it.
        """
        row = self.row(episode)
        name = layout.ticks_path(row.episode)
        if not self.info.recorded or not (self.directory / name).exists():
            return None
        table = reading.read_table(self.directory, name)
        declared = features_of(layout.tick_features(robot_of(self.info)))
        if missing := [key for key in declared if key not in table.column_names]:
            raise self._wrong(row, f"{name} lacks the columns {', '.join(missing)}")
        return pa.table(
            {
                key: self._conformed(row, table[key], declared[key])
                if key in declared
                else table[key]
                for key in table.column_names
            }
        )

    def frames(self, episode: int, camera: str) -> Iterator[NDArray[np.uint8]]:
        """Yield one camera's images of an episode, (height, width, 3) RGB, in order.

        Raises:
            DatasetError: there is no such episode or camera, its images are missing or damaged, or
                there are not as many as frames.
        """
        row, shown = self.row(episode), 0
        feature = self._camera(camera)
        for image in self._images(row, feature):
            if shown == row.length:
                raise self._wrong(row, f"{camera} has more images than the {row.length} frames")
            yield image
            shown += 1
        if shown < row.length:
            raise self._wrong(row, f"{camera} ends after {shown} of {row.length} images")

    def _images(self, row: EpisodeRow, feature: Feature) -> Iterator[NDArray[np.uint8]]:
        try:
            if feature.kind is Kind.IMAGE:
                name = row.data_file(self.info)
                there = reading.read_schema(self.directory, name)
                self._demand_number(row, there)
                if feature.key not in there.names:
                    raise self._wrong(row, f"the column {feature.key} is missing")
                table = reading.read_table(self.directory, name, [feature.key], row.episode)
                yield from images.pixels(table[feature.key], self.directory)
            else:
                yield from decoding.frames(*self.video(row.episode, feature.name))
        except images.ImageError as error:
            said = f"episode {row.episode} of {self.directory}, {feature.name}: {error}"
            raise DatasetError(said) from error
        except decoding.VideoError as error:
            raise reading.damage(self.directory, str(error)) from error

    def video(self, episode: int, camera: str) -> tuple[Path, float, float]:
        """Return where one camera's video of an episode is: file, from, to, both in seconds.

        Raises:
            DatasetError: there is no such episode or video, or it is not said where.
        """
        row = self.row(episode)
        feature = self._camera(camera)
        name = row.video_file(self.info, camera)
        if not (self.directory / name).exists():
            raise reading.unreadable(self.directory, name)
        column = f"videos/{feature.key}/from_timestamp"
        begin_s = row.raw.get(column)
        if begin_s is None and not self.shared(row, camera):
            begin_s = 0.0
        if not isinstance(begin_s, int | float) or not 0.0 <= begin_s < _LONGEST_VIDEO_S:
            raise self._wrong(row, f"{column} is {begin_s!r}, and not when its images begin")
        return self.directory / name, float(begin_s), float(begin_s) + row.length / self.info.fps

    def shared(self, row: EpisodeRow, camera: str) -> bool:
        """Return whether a camera's video of an episode holds others too."""
        kind = f"videos/{self._camera(camera).key}"
        others = (other for other in self.rows.values() if other is not row)
        return any(other.place(kind) == row.place(kind) for other in others)

    def verify(self) -> list[Fault]:
        """Return what is damaged or contradicts itself, as far as that shows without decoding."""
        found = [*self.damaged, *structure.faults(self.directory, self.info, self.rows)]
        try:
            self.tasks()
        except DatasetError as error:
            found.append(Fault(str(layout.TASKS), str(error), "repair writes it anew"))
        return found

    def tasks(self) -> dict[int, str]:
        """Return the task texts by number; raises DatasetError."""
        return reading.read_texts(self.directory, layout.TASKS, _TASK)

    def instruction(self, episode: int) -> str:
        """Return the task of an episode's first frame; raises DatasetError."""
        row, table = self.row(episode), self.table(episode)
        number, texts = table[_TASK][0].as_py() if len(table) else None, self.tasks()
        if number not in texts:
            raise self._wrong(row, f"its task is {number}; {layout.TASKS} knows {ranges(texts)}")
        return texts[number]

    def statistics(self) -> dict[str, Any]:
        """Return `meta/stats.json`, empty if there is none; raises DatasetError if damaged."""
        there = (self.directory / layout.STATISTICS).exists()
        return reading.read_json(self.directory, layout.STATISTICS) if there else {}

    def _camera(self, name: str) -> Feature:
        if name not in self.info.cameras:
            known = ", ".join(self.info.cameras) or "none"
            raise DatasetError(f"no camera {name!r} in {self.directory}; there are {known}")
        return self.info.camera(name)

    def _wrong(self, row: EpisodeRow, what: str) -> DatasetError:
        return reading.damage(self.directory, f"episode {row.episode} of {self.directory}: {what}")

    def _demand_number(self, row: EpisodeRow, there: pa.Schema) -> None:
        """Raise DatasetError where rows cannot be told apart by their episode."""
        if _EPISODE not in there.names or not pa.types.is_integer(there.field(_EPISODE).type):
            raise self._wrong(row, f"its file has no column {_EPISODE} of whole numbers")

    def _conformed(
        self, row: EpisodeRow, column: pa.ChunkedArray, feature: Feature
    ) -> pa.ChunkedArray:
        try:
            return columns.conformed(column, feature)
        except ColumnError as error:
            raise self._wrong(row, f"{feature.key} {error}") from error

    def _read_rows(self) -> dict[int, EpisodeRow]:
        rows: dict[int, EpisodeRow] = {}
        damaged = []
        names = reading.episode_files(self.directory)
        if self.info.total_episodes and not names:
            lost = reading.unreadable(self.directory, layout.episodes_path(0))
            damaged.append(Fault(str(layout.EPISODES), str(lost), "repair finds what there is"))
        for name in names:
            try:
                for row in reading.read_rows(self.directory, name):
                    if row.episode in rows:
                        what = f"{self.directory / name} speaks of episode {row.episode} once more"
                        raise reading.damage(self.directory, what)
                    rows[row.episode] = row
            except DatasetError as error:
                damaged.append(
                    Fault(str(self.directory / name), str(error), "repair puts it aside")
                )
        said = edits.read(self.directory)
        self.damaged = tuple(damaged)
        told = self._with_tasks(dict(sorted(rows.items())))
        return {number: edited(row, said) for number, row in told.items()}

    def _with_tasks(self, rows: dict[int, EpisodeRow]) -> dict[int, EpisodeRow]:
        """Return the rows, with the tasks of their frames where `meta/episodes` tells none."""
        untold = defaultdict(list)
        try:
            for row in rows.values():
                if not row.tasks:
                    untold[row.data_file(self.info)].append(row)
            texts = self.tasks() if untold else {}
            for name, untold_rows in untold.items():
                table = reading.read_table(self.directory, name, [_EPISODE, _TASK])
                pairs = set(
                    zip(*(table[column].to_pylist() for column in (_EPISODE, _TASK)), strict=True)
                )
                for row in untold_rows:
                    own = sorted(task for episode, task in pairs if episode == row.episode)
                    tasks = tuple(texts[task] for task in own if task in texts)
                    rows[row.episode] = replace(row, tasks=tasks)
        except (DatasetError, KeyError, TypeError):
            return rows  # whoever reads these files next says what is wrong with them
        return rows


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
        relabelled=raw.get("outcome_label") != row.raw.get("outcome_label"),
        discarded=journal in edits.discarded(own),
    )
