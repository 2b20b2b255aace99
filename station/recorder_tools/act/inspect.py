"""What a file of ACT holds: all of it is looked at, and what does not fit is refused by name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from recorder.dataset import SUCCESS_OF
from recorder.origin import is_pointer, why_unreadable
from station.recorder_tools.act.hdf5 import (
    ACTION,
    COLOURS,
    IMAGES,
    LENGTHS,
    QPOS,
    ChannelOrder,
    dataset_at,
    library,
    reading,
    refused,
)
from station.recorder_tools.act.images import Camera, inspect_camera
from station.recorder_tools.task import ToolError

if TYPE_CHECKING:
    import h5py

T = TypeVar("T")

_MOST_ROWS: Final = 1_000_000  # more than five hours at 50 Hz
MOST_FPS: Final = 1000
_CACHE_BYTES: Final = 64_000_000  # of chunks that hold several images
_CAMERA_NAME: Final = re.compile(r"[\w .-]{1,100}")
_ATTRIBUTES: Final = ("fps", "task", "outcome", "joints", "sim", COLOURS, "compress")
_TRUTHS: Final = {"true": True, "1": True, "1.0": True} | {"false": False, "0": False, "0.0": False}


@dataclass(frozen=True, slots=True)
class Recording:
    """One file of ACT, whole and fit to be imported; None is what it does not say.

    Attributes:
        path: of the file.
        state: measured positions, (T, J).
        action: commanded positions, (T, J).
        cameras: by name.
        fps: rows a second.
        task: what was done.
        outcome: a key of SUCCESS_OF.
        joints: their names.
        sim: whether it was simulated.
        colours: order of the channels of all images.
        left_out: what of the file has no place in a dataset.
    """

    path: Path
    state: NDArray[np.float64]
    action: NDArray[np.float64]
    cameras: Mapping[str, Camera]
    fps: int | None
    task: str | None
    outcome: str | None
    joints: tuple[str, ...] | None
    sim: bool | None
    colours: ChannelOrder | None
    left_out: tuple[str, ...]


def inspect(path: Path, given: Mapping[str, Any]) -> Recording:
    """Look at everything in a file of ACT.

    Args:
        path: of the file.
        given: values of `fps`, `task`, `outcome`, `colours` that count where the file says
            nothing that can be used, None where there are none.

    Raises:
        ToolError: it is none of ACT's, or something in it does not fit; says which, what was
            found and what was expected. Or the library is not installed.
    """
    h5py = library()
    try:
        if path.exists() and not path.is_file():
            raise ToolError(f"{path} is no file: name files, such as {path / '*.hdf5'}")
        path.open("rb").close()  # which says more clearly than the library why that fails
        if is_pointer(path):
            raise ToolError(f"{path} {why_unreadable(path)}")
        root = h5py.File(path, "r", rdcc_nbytes=_CACHE_BYTES)
    except OSError as error:
        expected = f"a whole HDF5 file of ACT, with {QPOS}, {ACTION} and {IMAGES}"
        raise refused(path, "the file", f"cannot be opened ({error})", expected) from error
    with root, reading(path, "the file"):
        return _recording(path, root, given)


def _recording(path: Path, root: h5py.File, given: Mapping[str, Any]) -> Recording:
    state, action = _positions(root, QPOS, path), _positions(root, ACTION, path)
    if action.shape != state.shape:
        remedy = "cut what is no joint, such as a base's velocities"
        if len(action) != len(state):
            remedy = "a row of each for every moment; which belong together nothing says"
        raise refused(path, ACTION, f"is {action.shape}", f"{state.shape} as {QPOS}: {remedy}")
    cameras = {
        name: inspect_camera(root, f"{IMAGES}/{name}", path, len(state))
        for name in _camera_names(root, path)
    }
    attributes = _Attributes(root, path, given)
    return Recording(
        path=path,
        state=state,
        action=action,
        cameras=cameras,
        fps=attributes.read("fps", _rate),
        task=attributes.read("task", _text),
        outcome=attributes.read("outcome", _outcome),
        joints=attributes.read("joints", _names),
        sim=attributes.read("sim", _flag),
        colours=attributes.read(COLOURS, _order),
        left_out=tuple(_left_out(root, path, {QPOS, ACTION, LENGTHS, *_keys(cameras)})),
    )


def _keys(cameras: Mapping[str, Camera]) -> set[str]:
    return {camera.key for camera in cameras.values()}


def _positions(root: h5py.File, key: str, path: Path) -> NDArray[np.float64]:
    """Return (T, J) finite numbers; raises ToolError."""
    store = dataset_at(root, key, path)
    with reading(path, key):
        if store.dtype.kind not in "uif" or store.ndim != 2 or not store.shape[1]:
            found = f"is {store.shape} of {store.dtype}"
            raise refused(path, key, found, "(rows, joints) of numbers")
        if len(store) > _MOST_ROWS:
            raise refused(path, key, f"has {len(store)} rows", f"at most {_MOST_ROWS}")
        with np.errstate(over="ignore"):
            values = np.asarray(store[()], np.float64)
    unfit = np.argwhere(~np.isfinite(values))
    if len(unfit):
        row, joint = unfit[0]
        rows = len(np.unique(unfit[:, 0]))
        found = f"is {values[row, joint]} in row {row}, joint {joint}, and unfit in {rows} rows"
        raise refused(path, key, found, "finite numbers: cut these rows off, or leave the file out")
    return values


def _camera_names(root: h5py.File, path: Path) -> list[str]:
    with reading(path, IMAGES):
        if root.get(IMAGES, getlink=True) is None:
            return []
        group = root.get(IMAGES)
        if not isinstance(group, library().Group):
            raise refused(path, IMAGES, "is no group", "one with an array for each camera")
        names = [str(name) for name in group]
    for name in names:
        if not _CAMERA_NAME.fullmatch(name):
            expected = "a camera's name of letters, digits, space, dot, dash and underscore"
            raise refused(path, f"{IMAGES}/{name}", "is no name for a video", expected)
    return names


class _Attributes:
    """What the attributes of a file say, or the command line where they say nothing."""

    def __init__(self, root: h5py.File, path: Path, given: Mapping[str, Any]) -> None:
        self._root, self._path, self._given = root, path, given

    def read(self, name: str, parse: Callable[[Any], T | None]) -> T | None:
        """Return an attribute, parsed; raises ToolError if it cannot be used and none is given."""
        given: T | None = self._given.get(name)
        if name not in self._root.attrs:
            return given
        try:
            value = self._root.attrs[name]
            if isinstance(value, np.ndarray) and value.size == 1 and parse is not _names:
                value = value.reshape(-1)[0]
            empty = isinstance(value, library().Empty)
            said = None if empty else parse(value)
        except (OSError, TypeError, ValueError) as error:
            if given is None:
                option = f", or give --{name}" if name in self._given else ""
                expected = f"{_EXPECTED_OF[name]}: mend it{option}"
                found = f"is {_shown(self._root, name)}"
                raise refused(self._path, f"attribute {name}", found, expected) from error
            return given
        return given if said is None else said


_EXPECTED_OF: Final = {
    "fps": f"a whole number of rows a second, 1 to {MOST_FPS}",
    "task": "a text in UTF-8",
    "outcome": f"one of {', '.join(SUCCESS_OF)}",
    "joints": "a list of names in UTF-8",
    "sim": "true or false",
    COLOURS: f"one of {', '.join(ChannelOrder)}",
}


def _shown(root: h5py.File, name: str) -> str:
    try:
        value = root.attrs[name]
        return repr(value.item() if isinstance(value, np.generic) else value)[:80]
    except (OSError, TypeError, ValueError):
        return "of a type that cannot be read"


def _text(value: Any) -> str | None:
    """Return a text, None if it is empty; raises ValueError."""
    if isinstance(value, bytes):
        value = value.decode("utf-8")
    if not isinstance(value, str):
        raise TypeError
    value.encode("utf-8")  # the library lets bytes that are no UTF-8 pass
    return str(value).strip() or None


def _rate(value: Any) -> int:
    number = float(value.decode() if isinstance(value, bytes) else value)
    if not (1 <= number <= MOST_FPS and number.is_integer()) or isinstance(value, np.bool_):
        raise ValueError
    return int(number)


def _outcome(value: Any) -> str | None:
    text = _text(value)
    if text is not None and text not in SUCCESS_OF:
        raise ValueError
    return text


def _order(value: Any) -> ChannelOrder | None:
    text = _text(value)
    return None if text is None else ChannelOrder(text)


def _names(value: Any) -> tuple[str, ...] | None:
    names = tuple(_text(name) or "" for name in np.atleast_1d(value).tolist())
    return names or None


def _flag(value: Any) -> bool | None:
    text = _text(value) if isinstance(value, str | bytes) else str(value)
    if text is None:
        return None
    if text.lower() not in _TRUTHS:
        raise ValueError
    return _TRUTHS[text.lower()]


def _left_out(root: h5py.File, path: Path, used: set[str], group: str = "") -> Iterator[str]:
    """Yield what is not used: groups of which nothing is, single arrays, attributes of the file."""
    if not group:
        for name in root.attrs:
            if name not in _ATTRIBUTES:
                yield f"attribute {name}"
    with reading(path, group or "/"):
        names = list(root[group or "/"])
    for name in names:
        key = f"{group}/{name}"
        if any(each.startswith(key + "/") for each in used):
            yield from _left_out(root, path, used, key)
        elif key not in used:
            yield key
