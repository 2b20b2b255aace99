"""The images of one camera in a file of ACT, in each of the ways in which its forks keep them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from recorder.assembly import LOOKED_AT
from station.recorder_tools.act.hdf5 import ChannelOrder, dataset_at, library, reading, refused

if TYPE_CHECKING:
    import h5py

_CHANNELS: Final = (1, 3, 4)  # grey, colours, colours with alpha
_LARGEST: Final = 8192  # pixels along a side
_SMALLEST: Final = 2
_BYTE: Final = 255.0
_UINT16: Final = 65535.0
_TWELVE_BITS: Final = 4095
_DARK: Final = 8.0  # floats that reach less than that are neither 0..1 nor sensible 0..255
_TINT: Final = 24.0  # light tints what is grey by less
_ENDS: Final = {b"\xff\xd8\xff": b"\xff\xd9", b"\x89PNG": b"IEND\xaeB`\x82"}  # JPEG, PNG
_EXPECTED: Final = (
    "(T, height, width, 3), (T, 3, height, width) or (T, height, width) numbers, or T JPEG or PNG"
    " files as (T, bytes) or of variable length"
)


class Axes(Enum):
    """What the axes of what is stored of an image are."""

    FILE = "JPEG or PNG files"
    LAST = "arrays"
    FIRST = "arrays, channels first"
    GREY = "grey arrays"


@dataclass(frozen=True, slots=True)
class Camera:
    """How a camera's images are stored, after all of them were looked at.

    Attributes:
        key: where in the file.
        axes: of what is stored.
        kind: dtype of arrays.
        scale: what a stored number is multiplied by to lie in 0..255.
        size: height and width as stored.
        alpha: whether there is a fourth channel, which is left out.
        warmth: how much red outweighs blue where it does clearly, and blue red, as image files show
            them; (0, 0) of arrays.
        order: of the channels; None as long as nobody said or guessed it.
    """

    key: str
    axes: Axes
    kind: str
    scale: float
    size: tuple[int, int]
    alpha: bool
    warmth: tuple[float, float]
    order: ChannelOrder | None = None

    @property
    def kept_size(self) -> tuple[int, int]:
        """Height and width of the video, which have to be even."""
        height, width = self.size
        return height - height % 2, width - width % 2

    @property
    def description(self) -> str:
        """How the images are stored and what is done with them, for people."""
        height, width = self.size
        said = [f"{width} x {height} {self.axes.value}"]
        if self.axes is not Axes.FILE:
            said[0] += f" of {self.kind}"
        if self.scale != 1.0:
            said.append(f"0..{_BYTE / self.scale:g} taken as 0..255")
        if self.alpha:
            said.append("alpha left out")
        if self.kept_size != self.size:
            lost = [name for name, size in (("row", height), ("column", width)) if size % 2]
            said.append(f"the last {' and '.join(lost)} left out, as video has even sizes")
        return ", ".join(said)


def inspect_camera(root: h5py.File, key: str, path: Path, length: int) -> Camera:
    """Look at all images of a camera; returns how they are stored.

    Raises:
        ToolError: they are not as many as rows, differ in size, or cannot be read as images.
    """
    store = dataset_at(root, key, path)
    if len(store) != length:
        raise refused(path, key, f"has {len(store)} images", f"{length}, as many as rows of qpos")
    with reading(path, key):
        axes = _axes(store, path, key)
    kind, channels, scale, warmth = "", 3, 1.0, (0.0, 0.0)
    if axes is Axes.FILE:
        size, warmth = _inspect_files(store, path, key)
    else:
        kind = str(store.dtype)
        size, channels = _measures(axes, store.shape[1:])
        scale = _inspect_arrays(store, path, key)
    if min(size) < _SMALLEST or max(size) > _LARGEST:
        expected = f"{_SMALLEST} to {_LARGEST} pixels along each side"
        raise refused(path, key, f"has images of {size[0]} x {size[1]}", expected)
    return Camera(key, axes, kind, scale, size, channels == 4, warmth)


def _inspect_files(
    store: h5py.Dataset, path: Path, key: str
) -> tuple[tuple[int, int], tuple[float, float]]:
    """Return size and warmth of image files, all of which are whole and equally large."""
    first: tuple[int, int] | None = None
    warmth = []
    for number in range(len(store)):
        where = f"{key}, image {number},"
        with reading(path, where):
            stored = store[number]
        image = _decoded(stored, path, where)
        height, width = image.shape[:2]
        first = first or (height, width)
        if (height, width) != first:
            found, expected = f"is {height} x {width} pixels", f"{first[0]} x {first[1]}"
            raise refused(path, where, found, f"{expected} as the first of this camera")
        if number % LOOKED_AT == 0:
            warmth.append(_warmth(image))
    warm, cold = np.mean(warmth, axis=0)
    return first or (0, 0), (float(warm), float(cold))


def _inspect_arrays(store: h5py.Dataset, path: Path, key: str) -> float:
    """Return what all numbers are multiplied by to lie in 0..255; raises ToolError."""
    low, high = np.inf, -np.inf
    for number in range(len(store)):
        with reading(path, f"{key}, image {number},"):
            stored = store[number]
        low, high = np.minimum(low, stored.min()), np.maximum(high, stored.max())  # NaN stays
    if low >= 0.0:
        dtype = store.dtype
        if dtype.kind == "f" and high <= 1.0:
            return _BYTE
        if high <= _BYTE and (dtype.kind != "f" or high >= _DARK):
            return 1.0
        if dtype == np.uint16 and high > _TWELVE_BITS:
            return _BYTE / _UINT16
    expected = (
        "0..255, floats of 0..1, or uint16 of 0..65535: convert the images to uint8, or take what"
        " is no picture out of the group"
    )
    raise refused(path, key, f"holds {store.dtype} from {low:g} to {high:g}", expected)


def read_images(path: Path, camera: Camera) -> Iterator[NDArray[np.uint8]]:
    """Yield the images of a camera that was looked at, (height, width, 3) RGB, of even size.

    Raises:
        ToolError: the file changed meanwhile.
    """
    height, width = camera.kept_size
    with reading(path, camera.key), library().File(path, "r") as root:
        store = root[camera.key]
        for number in range(len(store)):
            stored = store[number]
            if camera.axes is Axes.FILE:
                image = _decoded(stored, path, f"{camera.key}, image {number},")
            else:
                image = _pixels(stored, camera)
            if camera.order is ChannelOrder.BGR:
                image = image[..., ::-1]
            yield image[:height, :width]


def _axes(store: h5py.Dataset, path: Path, key: str) -> Axes:
    """Return what the axes of an image are; raises ToolError if that cannot be told."""
    shape, kind = store.shape, store.dtype.kind
    if kind in "SV" and store.dtype.names is None and len(shape) == 1:
        return Axes.FILE
    if kind == "O":
        base = library().check_vlen_dtype(store.dtype)
        is_bytes = base is not None and np.dtype(base) == np.uint8
        if len(shape) == 1 and (is_bytes or library().check_string_dtype(store.dtype)):
            return Axes.FILE
    if len(shape) == 2 and kind in "ui" and store.dtype.itemsize == 1:
        return Axes.FILE
    if kind in "uif" and 0 not in shape:
        if len(shape) == 3:
            return Axes.GREY
        fits = [axes for axes, at in ((Axes.LAST, 3), (Axes.FIRST, 1)) if _has_channels(shape, at)]
        if len(fits) == 1:
            return fits[0]
    raise refused(path, key, f"is {shape} of {store.dtype}", _EXPECTED)


def _has_channels(shape: tuple[int, ...], at: int) -> bool:
    return len(shape) == 4 and shape[at] in _CHANNELS


def _measures(axes: Axes, shape: tuple[int, ...]) -> tuple[tuple[int, int], int]:
    """Return height and width, and how many channels there are, of an array of that shape."""
    if axes is Axes.GREY:
        return (shape[0], shape[1]), 1
    if axes is Axes.FIRST:
        return (shape[1], shape[2]), shape[0]
    return (shape[0], shape[1]), shape[2]


def _pixels(stored: NDArray[Any], camera: Camera) -> NDArray[np.uint8]:
    """Return what is stored as (height, width, 3)."""
    if camera.axes is Axes.FIRST:
        stored = np.moveaxis(stored, 0, -1)
    if camera.axes is Axes.GREY:
        stored = stored[..., None]
    if stored.shape[-1] == 1:
        stored = np.repeat(stored, 3, axis=-1)
    if stored.dtype == np.uint8:
        return np.asarray(stored[..., :3], np.uint8)
    scaled = np.rint(stored[..., :3].astype(np.float64) * camera.scale)
    return np.asarray(scaled, np.uint8)


def _decoded(stored: Any, path: Path, what: str) -> NDArray[np.uint8]:
    """Return an image file's pixels with red first, as a viewer shows it; raises ToolError."""
    # Padding is zeros, and no image file ends in one: /compress_len is not needed, and which of
    # its rows is whose nothing says. OpenCV takes half a JPEG for a whole one, grey from there on.
    data = np.asarray(stored).tobytes() if not isinstance(stored, bytes) else stored
    data = data.rstrip(b"\0")
    if not data:
        raise refused(path, what, "is empty", "a JPEG or PNG file: leave the file out")
    end = next((end for begin, end in _ENDS.items() if data.startswith(begin)), None)
    if end is None:
        raise refused(path, what, f"begins with {data[:4].hex(' ')}", "a JPEG or PNG file")
    image: Any = None
    if data.endswith(end):
        try:
            image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        except cv2.error:
            image = None
    if image is None:
        found = f"is damaged or cut off after {len(data)} bytes"
        raise refused(path, what, found, "a whole JPEG or PNG file: leave the file out")
    return np.asarray(image[..., ::-1], np.uint8)


def _warmth(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return how much more red there is than blue where it is much, and blue than red; means."""
    few = image[::4, ::4].astype(np.float64)
    redder = few[..., 0] - few[..., 2]
    excess = np.maximum(np.stack([redder, -redder]) - _TINT, 0.0)
    return np.asarray(excess.mean(axis=(1, 2)))
