"""What a dataset says of itself, and whether that agrees with itself and with its files."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from recorder import layout, origin
from recorder.errors import DatasetError
from recorder.features import shown
from recorder.info import Info

_BEYOND: Final = 2**63  # LeRobot's columns of counts are int64
_PLACE: Final = ("chunk_index", "file_index")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a dataset, where, and what to do about it."""

    where: str
    what: str
    remedy: str


@dataclass(frozen=True, slots=True)
class EpisodeRow:
    """What `meta/episodes` says of one episode; `raw` has all of its columns.

    Attributes:
        relabelled: whether its outcome is another than when its rows were written.
        discarded: whether a person discarded it after it was written.
    """

    episode: int
    length: int
    tasks: tuple[str, ...]
    raw: dict[str, Any] = field(repr=False)
    relabelled: bool = False
    discarded: bool = False

    def count(self, column: str) -> int | None:
        """Return what a column counts or numbers; None if this dataset does not say it."""
        return whole(self.raw.get(column))

    def text(self, column: str) -> str:
        """Return an extra column as text, empty if this dataset does not have it."""
        return str(self.raw.get(column) or "")

    def data_file(self, info: Info) -> Path:
        """Return where its frames are, within the dataset; raises DatasetError if untold."""
        return self._file("the frames", info.data_path, "data")

    def video_file(self, info: Info, camera: str) -> Path:
        """Return where one camera's video of it is, within the dataset; raises DatasetError."""
        key = info.camera(camera).key
        return self._file(f"the video of {camera}", info.video_path, f"videos/{key}", video_key=key)

    def place(self, kind: str) -> list[int | None]:
        """Return chunk and file of its data, or of `videos/KEY`; None where that is untold."""
        return [self.count(f"{kind}/{part}") for part in _PLACE]

    def _file(self, what: str, template: str, kind: str, **names: str) -> Path:
        places = {}
        for part, place in zip(_PLACE, self.place(kind), strict=True):
            if place is None:
                column = f"{kind}/{part}"
                told = shown(self.raw[column]) if column in self.raw else "missing"
                raise DatasetError(
                    f"this dataset does not say in which file {what} of episode {self.episode} is:"
                    f" in {layout.EPISODES}, {column} is {told}"
                )
            places[part] = place
        return Path(template.format(**places, **names))


def whole(value: object) -> int | None:
    """Return a count that a table may keep as a number of any type; None if it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    is_one = math.isfinite(value) and 0 <= value < _BEYOND and value == int(value)
    return int(value) if is_one else None


def faults(directory: Path, info: Info, rows: Mapping[int, EpisodeRow]) -> Iterator[Fault]:
    """Yield what contradicts itself, without decoding anything: takes a millisecond an episode."""
    yield from miscounted(info, rows)
    yield from misnumbered(rows)
    for row in rows.values():
        yield from _files(directory, info, row)


def miscounted(info: Info, rows: Mapping[int, EpisodeRow]) -> Iterator[Fault]:
    """Yield which totals are not those of the episodes that can be read."""
    frames = sum(row.length for row in rows.values())
    for key, said, there in (
        ("total_episodes", info.total_episodes, len(rows)),
        ("total_frames", info.total_frames, frames),
    ):
        if said is not None and said != there:
            what = f"{key} is {said}, and meta/episodes speaks of {there}"
            yield Fault(str(layout.INFO), what, "repair writes it anew")


def misnumbered(rows: Mapping[int, EpisodeRow]) -> Iterator[Fault]:
    """Yield gaps in the numbers of episodes and frames: LeRobot finds both by position."""
    if list(rows) != list(range(len(rows))):
        runs = [(-1, -1), *_runs(rows)]
        missing = [(end + 1, begin - 1) for (_, end), (begin, _) in pairwise(runs)]
        gaps = _in_words((low, high) for low, high in missing if low <= high)
        what = f"the episodes are {ranges(rows)}: {gaps} missing"
        yield Fault(str(layout.EPISODES), what, "repair numbers them anew")
    expected = 0
    for row in rows.values():
        said = row.count("dataset_from_index"), row.count("dataset_to_index")
        if said != (expected, expected + row.length):
            what = (
                f"frames {said[0]} to {said[1]} of the dataset, but its {row.length} frames"
                f" follow {expected} others"
            )
            yield Fault(f"episode {row.episode}", what, "repair numbers them anew")
        expected = expected + row.length if said[1] is None else said[1]


def _files(directory: Path, info: Info, row: EpisodeRow) -> Iterator[Fault]:
    where = f"episode {row.episode}"
    aside = "repair puts the episode aside and keeps the others"
    for what in (*_data(directory, info, row), *_videos(directory, info, row)):
        yield Fault(where, what, aside)


def _data(directory: Path, info: Info, row: EpisodeRow) -> Iterator[str]:
    try:
        path = row.data_file(info)
        held = pq.read_metadata(directory / path).num_rows
    except DatasetError as error:
        yield str(error)
    except (OSError, pa.ArrowException) as error:
        yield f"{path} {origin.why_unreadable(directory / path, error)}"
    else:
        if held < row.length:
            yield f"{path} holds {held} frames, not {row.length}"


def _videos(directory: Path, info: Info, row: EpisodeRow) -> Iterator[str]:
    for feature in info.features.values():
        if feature.dtype != "video":
            continue
        try:
            path = row.video_file(info, feature.name)
        except DatasetError as error:
            yield str(error)
            continue
        if not (directory / path).exists() or origin.is_pointer(directory / path):
            yield f"{path} {origin.why_unreadable(directory / path)}"


def ranges(numbers: Iterable[int]) -> str:
    """Return whole numbers for people: "0..4, 7"."""
    return _in_words(_runs(numbers))


def _runs(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Return the first and the last of each row of numbers that follow one another."""
    found: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if found and number == found[-1][1] + 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


def _in_words(runs: Iterable[tuple[int, int]]) -> str:
    said = [str(low) if low == high else f"{low}..{high}" for low, high in runs]
    return ", ".join(said) or "none"
