"""Making a damaged dataset whole again, without deleting anything."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from recorder import decoding, files, layout, origin, structure
from recorder.assembly import assembled
from recorder.catalogue import Catalogue
from recorder.dataset import Dataset, DatasetError, VersionError
from recorder.layout import Robot
from recorder.reading import (
    episode_files,
    read_info,
    read_rows,
    read_schema,
    read_table,
    read_texts,
)
from recorder.structure import EpisodeRow, ranges
from runtime.files import atomic_write, unfinished
from station.config import load, robot_file
from station.recorder_tools.copying import OTHERS_TOOL, copied, own_robot
from station.recorder_tools.row_check import unusable
from station.recorder_tools.task import ToolError, counted


class Mending:
    """One repair.

    Args:
        directory: of the dataset.
        aside: where to put what is taken out.
        say: is told what was done.
    """

    def __init__(self, directory: Path, aside: Path, say: Callable[[str], None]) -> None:
        self._directory = directory
        self._anew = directory / layout.REPAIRED
        self._aside = aside
        self._say = say

    def possible(self) -> bool:
        """Return whether there is a dataset, or a repair that only has to be ended."""
        return (self._directory / "meta").is_dir() or self._swap_is_under_way()

    def _swap_is_under_way(self) -> bool:
        return self._anew.is_dir()

    def mend(self, robot_name: str) -> None:
        """Do all that is needed.

        Args:
            robot_name: of a config, whose joints are taken where `info.json` is lost.

        Raises:
            DatasetError: the dataset is of another version.
            ToolError: it was not recorded by this software.
        """
        shutil.rmtree(unfinished(self._anew), ignore_errors=True)  # copies, not all of them
        if self._swap_is_under_way():
            self._swap()
            self._say("a repair that was cut off was ended")
        robot = self._robot(robot_name)
        self._put_rows_aside(robot)
        catalogue = Catalogue(self._directory)
        self._mend_texts(catalogue)
        if robot is None or not catalogue.episodes():
            for path in (layout.INFO, layout.STATISTICS):
                self._put_aside(path, "there is no episode left")
            self._put_orphans_aside([], ())
            return
        self._recount(catalogue, robot)
        dataset = Dataset(self._directory)
        self._put_orphans_aside(dataset.episodes(), robot.cameras)
        if any(structure.misnumbered(dataset.rows)):
            self._renumber(dataset, robot)

    def demand_own_files(self) -> None:
        """Raise ToolError where somebody else wrote the files, or keeps them for all."""
        if why := origin.unmendable(self._directory):
            raise ToolError(
                f"{self._directory} cannot be repaired: {why}. This repairs recordings of this"
                f" software, in a folder of their own: {OTHERS_TOOL} makes new datasets of others',"
                " and `cp -rL` copies what is linked"
            )
        for row in self._rows():
            place = row.raw.get("data/chunk_index"), row.raw.get("data/file_index")
            if place != layout.place(row.episode):
                raise ToolError(
                    f"{self._directory} was written by other tools: episode {row.episode} is in"
                    f" file {place[1]} of chunk {place[0]}; this repairs recordings, with a file"
                    " for each episode"
                )

    def _robot(self, name: str) -> Robot | None:
        """Return whose dataset it is: by `info.json`, or if that is lost by what else there is.

        None if there is nothing to go by: a first episode that was never finished.
        """
        path = self._directory / layout.INFO
        if path.exists():
            try:
                return own_robot(read_info(self._directory), self._directory)
            except VersionError:
                raise
            except DatasetError:
                self._put_aside(layout.INFO, "it is damaged")
        for row in self._rows():
            return _robot_by(self._directory, row, name)
        return None

    def _rows(self) -> Iterator[EpisodeRow]:
        """Yield the episodes whose row can be read."""
        for path in episode_files(self._directory):
            try:
                yield from read_rows(self._directory, path)
            except DatasetError:
                continue

    def _put_rows_aside(self, robot: Robot | None) -> None:
        """Take out every episode that is not whole, or whose row cannot be read."""
        for path in episode_files(self._directory):
            try:
                rows = read_rows(self._directory, path)
            except DatasetError as error:
                self._put_episode_aside(path, _first(str(error)))
                continue
            cameras = tuple(robot.cameras) if robot else ()
            said = unusable(self._directory / path, robot)
            faults = [said] if said else []
            faults += [what for row in rows for what in self._faults(row, cameras)]
            if faults:
                numbers = ranges(row.episode for row in rows)
                why = f"episode {numbers} is not whole: {_first(faults[0])}"
                self._put_episode_aside(path, why)

    def _put_episode_aside(self, row: Path, why: str) -> None:
        """Take out the files of an episode, its row last.

        Without its row its number is free for another episode, whose files have the same names.
        """
        number = layout.episode_at(row)
        cameras = sorted(path.name for path in self._directory.glob(f"videos/{layout.CAMERA}*"))
        for name in (
            layout.data_path(number),
            *(layout.video_path(camera.removeprefix(layout.CAMERA), number) for camera in cameras),
            layout.ticks_path(number),
            row,
        ):
            self._put_aside(name, why)

    def _faults(self, row: EpisodeRow, cameras: Iterable[str]) -> Iterator[str]:
        """Yield what keeps an episode from being used."""
        path = layout.data_path(row.episode)
        try:
            held = len(read_table(self._directory, path, ["index"]))
        except DatasetError as error:
            yield str(error)
            return
        if held != row.length:
            yield f"{path} holds {held} rows, not {row.length}"
        for camera in cameras:
            film = self._directory / layout.video_path(camera, row.episode)
            try:
                images = decoding.facts(film).frames
            except decoding.VideoError as error:
                yield str(error)
                continue
            if images != row.length:
                yield f"{film} holds {images} images, not {row.length}"

    def _mend_texts(self, catalogue: Catalogue) -> None:
        """Write the tasks anew if their file is lost, and subtasks, which nothing else knows."""
        for path, column, number in (
            (layout.TASKS, "task_index", catalogue.task),
            (layout.SUBTASKS, "subtask_index", catalogue.subtask),
        ):
            try:
                read_texts(self._directory, path, column)
                if layout.TEXTS in read_schema(self._directory, path).names:
                    continue
            except DatasetError:
                pass
            self._put_aside(path, "it is damaged")
            known = self._numbered(column)
            if not known:
                continue
            for index in range(max(known) + 1):
                if index or path == layout.TASKS:  # subtask 0 is none, and has its text already
                    number(known.get(index, f"unknown {index}"))
            self._say(f"{path} was written anew")

    def _numbered(self, column: str) -> dict[int, str]:
        """Return which numbers the rows use for tasks, or subtasks, and the texts of tasks."""
        known: dict[int, str] = {}
        for row in self._rows():
            path = layout.data_path(row.episode)
            used = set(read_table(self._directory, path, [column])[column].to_pylist())
            if column == "task_index" and len(used) == 1:
                known[used.pop()] = row.tasks[0]
            else:
                known |= {number: f"unknown {number}" for number in used - known.keys()}
        return known

    def _recount(self, catalogue: Catalogue, robot: Robot) -> None:
        """Write statistics and `info.json` anew, and say so if they differ."""
        for path in (layout.STATISTICS, layout.INFO):
            place = self._directory / path
            if place.exists():
                self._aside.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(place, self._aside / path.name)
        (self._directory / layout.STATISTICS).unlink(missing_ok=True)
        catalogue.update(robot)
        for path in (layout.STATISTICS, layout.INFO):
            before = self._aside / path.name
            after = (self._directory / path).read_bytes()
            if before.exists() and before.read_bytes() == after:
                before.unlink()
            else:
                self._say(f"{path} was written anew")
        if self._aside.exists() and not any(self._aside.iterdir()):
            self._aside.rmdir()

    def _put_orphans_aside(self, rows: list[EpisodeRow], cameras: Iterable[str]) -> None:
        """Take out files that belong to no episode: of one that was taken out, or of none ever."""
        wanted = {layout.data_path(row.episode) for row in rows}
        wanted |= {layout.ticks_path(row.episode) for row in rows}
        wanted |= {layout.video_path(camera, row.episode) for row in rows for camera in cameras}
        for part in origin.PARTS[1:]:
            for path in sorted((self._directory / part).rglob("*")):
                name = path.relative_to(self._directory)
                if path.is_file() and name not in wanted:
                    self._put_aside(name, "it belongs to no episode")

    def _renumber(self, dataset: Dataset, robot: Robot) -> None:
        """Close the gaps that episodes left which were taken out."""
        rows = dataset.episodes()
        with assembled(self._anew, robot) as assembly:
            for row in rows:
                assembly.add(copied(dataset, row))
        self._swap()
        self._say(
            f"{counted(len(rows), 'episode')} numbered anew, from 0 on; what was derived from the"
            " old numbers, such as labels of a training, has to be derived again"
        )

    def _swap(self) -> None:
        """Put the folders made anew in the place of the old ones; can be repeated."""
        self._keep_edits()
        for part in origin.PARTS:
            if not (self._anew / part).exists():
                continue
            if (self._directory / part).exists():
                files.moved(self._directory / part, self._aside / "before" / part)
            files.moved(self._anew / part, self._directory / part)
        self._anew.rmdir()

    def _keep_edits(self) -> None:
        """Copy what people said of episodes to those made anew, unless these have it already."""
        edits = self._directory / layout.EDITS
        if (self._anew / "meta").exists() and edits.exists():
            with atomic_write(self._anew / layout.EDITS) as path:
                shutil.copyfile(edits, path)

    def _put_aside(self, name: Path, why: str) -> None:
        if (self._directory / name).exists():
            files.moved(self._directory / name, self._aside / name)
            self._say(f"{name} put aside: {why}")


def _first(text: str) -> str:
    """Return what is wrong, without what to do about it: that is being done."""
    return text.split(";", maxsplit=1)[0]


def _robot_by(directory: Path, row: EpisodeRow, name: str) -> Robot:
    """Return the robot of an episode: joints by a config, all else by the episode's files."""
    config = load(robot_file(name), [])
    arms = {arm: [f"{arm}_{joint}" for joint in of.joints] for arm, of in config.arms.items()}
    stamps_s = read_table(directory, layout.data_path(row.episode))["timestamp"].to_numpy()
    fps = round(float(1.0 / np.diff(stamps_s).mean())) if len(stamps_s) > 1 else 30
    key, end = f"videos/{layout.CAMERA}", "/file_index"
    cameras = {}
    for column in row.raw:
        if column.startswith(key) and column.endswith(end):
            camera = column.removeprefix(key).removesuffix(end)
            facts = decoding.facts(directory / layout.video_path(camera, row.episode))
            cameras[camera] = (facts.height, facts.width)
    return Robot(config.robot, fps, arms, cameras)
