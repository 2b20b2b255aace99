"""What the columns and cameras of a dataset are: LeRobot's `features`, whoever wrote them.

All else here asks a `Feature`: how others name their cameras and joints is known in this file only.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Final

from recorder.errors import DatasetError

_CAMERAS: Final = ("observation.images.", "observation.image.", "observation.")
_DEPTH: Final = ("video.is_depth_map", "is_depth_map")
_CHANNELS: Final = (1, 3, 4)
_LARGEST: Final = 1 << 20  # of any axis: beyond it a shape is nonsense


class Kind(Enum):
    """How a feature is kept."""

    NUMBERS = "numbers"  # in the table, a number or an array of them a frame
    TEXT = "text"  # in the table
    VIDEO = "video"  # of a camera
    IMAGE = "images in the table"  # of a camera
    DEPTH = "depth"  # distances as a video or as images, which no tool here decodes
    OTHER = "other"  # in the table, and no tool here knows what it is


_NUMBERS: Final = frozenset(
    [
        *("bool", "float16", "float32", "float64"),
        *(f"{sign}int{8 << n}" for sign in ("", "u") for n in range(4)),
    ]
)
_PICTURES: Final = {"video": Kind.VIDEO, "image": Kind.IMAGE}


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature of a dataset.

    Attributes:
        key: its name in `info.json`, and of its column or its folder of videos.
        name: what it is called here: of a camera without "observation.images."; else the key.
        kind: how it is kept.
        dtype: as the dataset says it.
        shape: of what there is a frame; height, width and channels of a camera.
        names: of the values of a vector, numbers where the dataset names none or not all.
        doubt: why its names are not the dataset's; empty if there is no doubt.
        codec: of a video, as the dataset says it.
    """

    key: str
    name: str
    kind: Kind
    dtype: str
    shape: tuple[int, ...]
    names: tuple[str, ...] = ()
    doubt: str = ""
    codec: str = field(default="", compare=False)

    @property
    def is_vector(self) -> bool:
        """Whether it is one number or a row of numbers a frame."""
        return self.kind is Kind.NUMBERS and len(self.shape) <= 1

    @property
    def width(self) -> int:
        """How many values it has a frame."""
        return math.prod(self.shape)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of a camera's images."""
        return self.shape[0], self.shape[1]

    @property
    def in_table(self) -> bool:
        """Whether the data files have a column of it."""
        return self.dtype != "video"


def features_of(given: object) -> dict[str, Feature]:
    """Return the features of `info.json` by key, in its order.

    Raises:
        DatasetError: one is not described as LeRobot v3.0 describes features; says which and how.
    """
    if not isinstance(given, dict):
        raise DatasetError(f"`features` is {shown(given)}; an object is expected there")
    found = {key: _feature(key, told) for key, told in given.items()}
    names = _camera_names(found.values())
    return found | {key: replace(found[key], name=name) for key, name in names}


def shown(value: object) -> str:
    """Return a wrong value for people, not at any length."""
    text = repr(value)
    return text if len(text) < 40 else f"{text[:36]}..."


def _feature(key: str, told: object) -> Feature:
    if not key or "/" in key:
        raise DatasetError(f"a feature is called {key!r}: LeRobot has no slash in names")
    if not isinstance(told, dict):
        raise DatasetError(f"feature {key} is {shown(told)}, an object is expected")
    dtype = told.get("dtype")
    if not isinstance(dtype, str):
        what = "has no dtype" if dtype is None else f"has the dtype {shown(dtype)}"
        raise DatasetError(
            f'feature {key} {what}: write what it is, such as "float32", "video" or "image"'
        )
    if dtype in _PICTURES:
        return _picture(key, dtype, told)
    if dtype not in _NUMBERS:
        return Feature(key, key, Kind.TEXT if dtype == "string" else Kind.OTHER, dtype, ())
    shape = _shape(key, told.get("shape"))
    if len(shape) > 1:
        return Feature(key, key, Kind.NUMBERS, dtype, shape)
    names, doubt = _value_names(told.get("names"), math.prod(shape))
    return Feature(key, key, Kind.NUMBERS, dtype, shape, names, doubt)


def _picture(key: str, dtype: str, told: Mapping[str, Any]) -> Feature:
    shape, names = _shape(key, told.get("shape")), told.get("names")
    if len(shape) not in (2, 3):
        raise DatasetError(
            f"feature {key} is a {dtype} of shape {list(shape)}: 3 axes are expected"
        )
    notes: dict[str, Any] = {}
    for place in ("video_info", "info"):
        if isinstance(more := told.get(place), dict):
            notes |= more
    depth = any(notes.get(mark) is True for mark in _DEPTH)
    return Feature(
        key,
        key,
        Kind.DEPTH if depth else _PICTURES[dtype],
        dtype,
        _upright(shape, names),
        codec=str(notes.get("video.codec") or ("unknown" if dtype == "video" else "")),
    )


def _shape(key: str, given: object) -> tuple[int, ...]:
    if not isinstance(given, list | tuple) or not all(
        isinstance(axis, int) and not isinstance(axis, bool) and 0 < axis < _LARGEST
        for axis in given
    ):
        what = "no shape" if given is None else f"the shape {shown(given)}"
        raise DatasetError(f"feature {key} has {what}: a list of whole numbers is expected")
    return tuple(given)


def _upright(shape: tuple[int, ...], names: object) -> tuple[int, ...]:
    """Return a picture's shape as height, width, channels, in which order it may be told."""
    axes = [str(name) for name in names] if isinstance(names, list) else []
    if len(axes) == len(shape) and {"height", "width"} <= set(axes):
        height, width = axes.index("height"), axes.index("width")
        return shape[height], shape[width], math.prod(shape) // (shape[height] * shape[width])
    if len(shape) == 2:
        return *shape, 1
    if shape[0] in _CHANNELS and shape[2] not in _CHANNELS:
        return shape[1], shape[2], shape[0]
    return shape


def _value_names(given: object, width: int) -> tuple[tuple[str, ...], str]:
    """Return a name for each value of a vector, and why they are not the dataset's, if so."""
    numbered = tuple(f"joint_{number}" for number in range(width))
    found = tuple(_flat(given))
    if not found:
        return numbered, ""
    if len(found) != width:
        return numbered, f"{len(found)} names for {width} values"
    if repeated := [name for name, times in Counter(found).items() if times > 1]:
        return numbered, f"two values are called {repeated[0]!r}"
    return found, ""


def _flat(given: object) -> Iterator[str]:
    """Yield the names in what a dataset gives as names: a list, lists in lists, an object."""
    if isinstance(given, dict):
        places = list(given.values())
        if all(isinstance(place, int) for place in places):  # each with its place in the vector
            if sorted(places) == list(range(len(places))):
                yield from sorted(given, key=lambda name: int(given[name]))
            return
        for part in places:
            yield from _flat(part)
    elif isinstance(given, list | tuple):
        for part in given:
            if isinstance(part, list | tuple | dict):
                yield from _flat(part)
            else:
                yield str(part)


def _camera_names(found: Iterable[Feature]) -> Iterator[tuple[str, str]]:
    """Yield what each camera is called on the robot, its whole key where two would be the same."""
    cameras = (feature.key for feature in found if feature.dtype in _PICTURES)
    short = {key: _short(key) for key in cameras}
    times = Counter(short.values())
    for key, name in short.items():
        yield key, name if times[name] == 1 else key


def _short(key: str) -> str:
    for prefix in _CAMERAS:
        if key.startswith(prefix) and key != prefix:
            return key.removeprefix(prefix)
    return key
