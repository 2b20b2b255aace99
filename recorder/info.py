"""What `meta/info.json` of a dataset says, whoever wrote it."""

from __future__ import annotations

import string
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Final

from recorder import layout
from recorder.errors import DatasetError, VersionError
from recorder.features import Feature, Kind, features_of, shown
from recorder.layout import Robot

_ARM: Final = layout.RECAP + "intervention_"
_SOURCE: Final = layout.RECAP + "source"
_FASTEST_HZ: Final = 1000.0
_PLACES: Final = frozenset(["chunk_index", "file_index"])
_CONVERTER: Final = "python -m lerobot.datasets.v30.convert_dataset_v21_to_v30 --repo-id=OWNER/NAME"


@dataclass(frozen=True, slots=True)
class Info:
    """What `meta/info.json` says.

    Attributes:
        robot: the `robot_type`, empty if it is not said.
        fps: rows a second, an `int` where they are whole.
        features: by key.
        total_episodes: None if it is not said.
        total_frames: likewise.
        data_path: template of the data files.
        video_path: template of the videos, empty if there are none.
        twin: whether it was simulated; None if it is not said.
        raw: the whole object.
    """

    robot: str
    fps: float
    features: dict[str, Feature]
    total_episodes: int | None
    total_frames: int | None
    data_path: str
    video_path: str
    twin: bool | None
    raw: dict[str, Any] = field(repr=False)

    @classmethod
    def of(cls, raw: dict[str, Any]) -> Info:
        """Return what the file's object says.

        Raises:
            VersionError: it is of another version of the format, or of this software's columns.
            DatasetError: a value is missing or is none that LeRobot v3.0 has there.
        """
        _demand_version(raw.get("codebase_version"))
        features = features_of(raw.get("features"))
        if missing := [name for name in layout.MANDATORY if name not in features]:
            raise DatasetError(
                f"`features` lacks {', '.join(missing)}, which LeRobot v3.0 has in every dataset"
            )
        if wrong := [name for name in layout.MANDATORY if not features[name].is_vector]:
            raise DatasetError(f"feature {wrong[0]} is no number: LeRobot v3.0 counts by it")
        films = any(feature.dtype == "video" for feature in features.values())
        info = cls(
            robot=_optional(raw, "robot_type", str) or "",
            fps=_rate(raw.get("fps")),
            features=features,
            total_episodes=_optional(raw, "total_episodes", int),
            total_frames=_optional(raw, "total_frames", int),
            data_path=_template(raw, "data_path", _PLACES),
            video_path=_template(raw, "video_path", _PLACES | {"video_key"}) if films else "",
            twin=_optional(raw, "twin", bool),
            raw=raw,
        )
        if info.recorded:
            _demand_own_columns(info)
        return info

    @property
    def cameras(self) -> tuple[str, ...]:
        """Cameras with images of colours, by the names that they have on the robot."""
        return self._pictures(Kind.VIDEO, Kind.IMAGE)

    @property
    def depth_cameras(self) -> tuple[str, ...]:
        """Cameras that show distances, which no tool here decodes."""
        return self._pictures(Kind.DEPTH)

    def _pictures(self, *kinds: Kind) -> tuple[str, ...]:
        return tuple(feature.name for feature in self.features.values() if feature.kind in kinds)

    def camera(self, name: str) -> Feature:
        """Return a camera of `cameras`; raises KeyError."""
        return {feature.name: feature for feature in self.features.values()}[name]

    @property
    def recorded(self) -> bool:
        """Whether it has this recorder's columns: it may be LeRobot's own."""
        return _SOURCE in self.features

    def vector(self, key: str) -> Feature | None:
        """Return a feature that is a vector; None if there is none or it is something else."""
        feature = self.features.get(key)
        return feature if feature is not None and feature.is_vector else None

    @property
    def joints(self) -> tuple[str, ...]:
        """Names of what `action` commands, or else of what `observation.state` holds."""
        known = self.vector(layout.ACTION) or self.vector(layout.STATE)
        return known.names if known else ()


def robot_of(info: Info) -> Robot:
    """Return what all episodes have in common, of a dataset that this software recorded."""
    arms = {
        name.removeprefix(_ARM): [
            joint for joint in info.joints if joint.startswith(name.removeprefix(_ARM) + "_")
        ]
        for name in info.features
        if name.startswith(_ARM) and name != _ARM + "id"
    }
    cameras = {camera: info.camera(camera).size for camera in info.cameras}
    return Robot(info.robot, round(info.fps), arms, cameras, info.twin)


def other_columns(info: Info) -> list[str]:
    """Return the features by which a recording differs from what this version records."""
    own = features_of(layout.features(robot_of(info)))
    names = info.features.keys() | own.keys()
    return sorted(name for name in names if info.features.get(name) != own.get(name))


def _demand_own_columns(info: Info) -> None:
    """Raise VersionError where a dataset has this recorder's labels, but not as they are now.

    More columns than these are no harm: a dataset may have been added to.
    """
    own = features_of(layout.features(robot_of(info)))
    differing = [name for name in own if info.features.get(name) != own[name]]
    if differing or info.fps != round(info.fps):
        raise VersionError(
            "it has the labels of this software's recordings, but of another version or changed:"
            f" it differs in the columns {', '.join(differing) or 'fps'}; nothing here can tell"
            " what they mean by now"
        )


def _demand_version(version: object) -> None:
    if version == layout.CODEBASE_VERSION:
        return
    if version is None:
        raise DatasetError(f"there is no codebase_version; this reads {layout.CODEBASE_VERSION}")
    if not isinstance(version, str) or not version.startswith("v"):
        raise VersionError(
            f"codebase_version is {shown(version)}; a text such as"
            f' "{layout.CODEBASE_VERSION}" is expected, which is the version that this reads'
        )
    remedy = {
        "v2.1": f"LeRobot converts it: {_CONVERTER}",
        "v2.0": "LeRobot converts it to v2.1 (lerobot.datasets.v21.convert_dataset_v20_to_v21),"
        f" and then: {_CONVERTER}",
    }
    raise VersionError(
        f"it is a dataset of version {version}; this reads {layout.CODEBASE_VERSION}."
        f" {remedy.get(version, 'Write it as that with the LeRobot that wrote it')}"
    )


def _optional(raw: dict[str, Any], key: str, kind: type[Any]) -> Any:
    """Return a value that may be missing or null; raises DatasetError if it is something else."""
    value = raw.get(key)
    if value is None or type(value) is kind:
        return value
    raise DatasetError(f"{key} is {shown(value)}; expected was {_KINDS[kind]} or null")


_KINDS: Final = {str: "a text", int: "a whole number", bool: "true or false"}


def _rate(value: object) -> float:
    """Return the rows a second, an `int` if they are whole."""
    rate = value if isinstance(value, int | float) and not isinstance(value, bool) else 0
    if 0 < rate <= _FASTEST_HZ:
        return int(rate) if rate == int(rate) else rate
    raise DatasetError(f"fps is {shown(value)}; expected were frames a second, such as 30")


def _template(raw: dict[str, Any], key: str, places: frozenset[str]) -> str:
    """Return a path's template, which can be filled in and stays within the dataset."""
    given = raw.get(key)
    if isinstance(given, str) and _fits(given, places):
        return given
    raise DatasetError(
        f"{key} is {shown(given)}; expected was a path within the dataset, such as"
        f" {layout.DATA_PATH if key == 'data_path' else layout.VIDEO_PATH}"
    )


def _fits(template: str, places: frozenset[str]) -> bool:
    try:
        parts = list(string.Formatter().parse(template))
        for _, name, spec, conversion in parts:
            if name is not None and (name not in places or len(spec or "") > len("03d")):
                return False
            if conversion:
                return False
        path = PurePosixPath(template.format(chunk_index=0, file_index=0, video_key="camera"))
    except (ValueError, KeyError, IndexError):
        return False
    return bool(parts) and not path.is_absolute() and ".." not in path.parts
