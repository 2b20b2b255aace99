"""What a dataset says of itself, and whether that agrees with itself and with its files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from recorder import layout
from recorder.layout import Robot

_ARM: Final = layout.RECAP + "intervention_"


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

    @classmethod
    def of(cls, raw: dict[str, Any]) -> Info:
        """Return what the file's object says; raises KeyError if a key is missing."""
        return cls(
            robot=str(raw.get("robot_type") or ""),
            fps=int(raw["fps"]),
            features=raw["features"],
            total_episodes=int(raw.get("total_episodes", 0)),
            total_frames=int(raw.get("total_frames", 0)),
            data_path=raw["data_path"],
            video_path=raw.get("video_path") or "",
            raw=raw,
        )

    @property
    def cameras(self) -> tuple[str, ...]:
        """Cameras with a video, by the names that they have on the robot."""
        videos = (name for name, feature in self.features.items() if feature["dtype"] == "video")
        return tuple(name.removeprefix(layout.CAMERA) for name in videos)

    @property
    def recorded(self) -> bool:
        """Whether it has this recorder's columns: it may be LeRobot's own."""
        return layout.RECAP + "source" in self.features

    @property
    def joints(self) -> tuple[str, ...]:
        """Names of the joints that `action` commands, numbers if the dataset names none."""
        action = self.features.get(layout.ACTION, {})
        names = action.get("names") or ()
        if isinstance(names, dict):  # LeRobot's older habit: {"motors": [...]}
            names = next(iter(names.values()), ())
        numbered = (f"joint_{number}" for number in range(*action.get("shape", (0,))))
        return tuple(str(name) for name in names) or tuple(numbered)


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

    @property
    def first_index(self) -> int:
        """Number of its first frame within the dataset."""
        return int(self.raw["dataset_from_index"])

    def text(self, column: str) -> str:
        """Return an extra column as text, empty if this dataset does not have it."""
        return str(self.raw.get(column) or "")

    def data_file(self, info: Info) -> Path:
        """Return where its frames are, within the dataset."""
        return self._file(info.data_path, "data")

    def video_file(self, info: Info, camera: str) -> Path:
        """Return where one camera's video of it is, within the dataset."""
        key = layout.CAMERA + camera
        return self._file(info.video_path, f"videos/{key}", video_key=key)

    def _file(self, template: str, kind: str, **names: str) -> Path:
        chunk, number = (int(self.raw[f"{kind}/{part}_index"]) for part in ("chunk", "file"))
        return Path(template.format(chunk_index=chunk, file_index=number, **names))


def robot_of(info: Info) -> Robot:
    """Return what all episodes have in common, of a dataset that this software recorded."""
    arms = {
        name.removeprefix(_ARM): [
            joint for joint in info.joints if joint.startswith(name.removeprefix(_ARM) + "_")
        ]
        for name in info.features
        if name.startswith(_ARM) and name != _ARM + "id"
    }
    cameras = {}
    for camera in info.cameras:
        height, width = info.features[layout.CAMERA + camera]["shape"][:2]
        cameras[camera] = (int(height), int(width))
    return Robot(info.robot, info.fps, arms, cameras, info.raw.get("twin"))


def other_columns(info: Info) -> list[str]:
    """Return the columns by which a dataset differs from what this version records."""
    return sorted(set(info.features) ^ set(layout.features(robot_of(info))))


def faults(directory: Path, info: Info, rows: Mapping[int, EpisodeRow]) -> Iterator[Fault]:
    """Yield what contradicts itself, without decoding anything: takes a millisecond an episode."""
    yield from _counts(info, rows)
    yield from misnumbered(rows)
    for row in rows.values():
        yield from _files(directory, info, row)


def _counts(info: Info, rows: Mapping[int, EpisodeRow]) -> Iterator[Fault]:
    frames = sum(row.length for row in rows.values())
    for key, said, there in (
        ("total_episodes", info.total_episodes, len(rows)),
        ("total_frames", info.total_frames, frames),
    ):
        if said != there:
            what = f"{key} is {said}, and meta/episodes speaks of {there}"
            yield Fault(str(layout.INFO), what, "repair writes it anew")


def misnumbered(rows: Mapping[int, EpisodeRow]) -> Iterator[Fault]:
    """Yield gaps in the numbers of episodes and frames: LeRobot finds both by position."""
    if list(rows) != list(range(len(rows))):
        missing = set(range(max(rows) + 1)) - set(rows)
        what = f"the episodes are {ranges(rows)}: {ranges(missing)} missing"
        yield Fault(str(layout.EPISODES), what, "repair numbers them anew")
    expected = 0
    for row in rows.values():
        said = (row.first_index, int(row.raw["dataset_to_index"]))
        if said != (expected, expected + row.length):
            what = (
                f"frames {said[0]} to {said[1]} of the dataset, but its {row.length} frames"
                f" follow {expected} others"
            )
            yield Fault(f"episode {row.episode}", what, "repair numbers them anew")
        expected = said[1]


def _files(directory: Path, info: Info, row: EpisodeRow) -> Iterator[Fault]:
    where = f"episode {row.episode}"
    aside = "repair puts the episode aside and keeps the others"
    data = row.data_file(info)
    path = directory / data
    try:
        held = pq.read_metadata(path).num_rows
    except FileNotFoundError:
        yield Fault(where, f"{data} is missing", aside)
    except (OSError, pa.ArrowException) as error:
        yield Fault(where, f"{data} is damaged: {error}", aside)
    else:
        if held < row.length:
            yield Fault(where, f"{data} holds {held} frames, not {row.length}", aside)
    for camera in info.cameras:
        video = row.video_file(info, camera)
        if not (directory / video).exists():
            yield Fault(where, f"{video} is missing", aside)


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
