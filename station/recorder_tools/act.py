"""The HDF5 files of ACT, in which the first ALOHA's episodes are kept: written and read.

/observations/qpos, qvel, effort (T, 14); /observations/images/CAMERA, (T, height, width, 3), or if
`compress` (T, bytes) JPEG files, padded, whose lengths are in /compress_len (cameras, T); /action.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from recorder import layout
from recorder.dataset import Dataset, DatasetError, vectors
from station.recorder_tools.task import ToolError

if TYPE_CHECKING:
    import h5py

_JPEG_QUALITY: Final = 90
_USUAL_FPS: Final = 50.0  # of ACT, whose files do not say it
_QPOS: Final = "/observations/qpos"
_IMAGES: Final = "/observations/images"
_ACTION: Final = "/action"
_LENGTHS: Final = "/compress_len"


def write(dataset: Dataset, episode: int, path: Path, *, compress: bool = True) -> None:
    """Write one episode to `path`.

    Velocities are the differences of positions; effort, which no dataset here holds, is 0.

    Raises:
        ToolError: the library is not installed.
        DatasetError: there is no such episode, or it cannot be read.
    """
    row = dataset.row(episode)
    table = dataset.table(episode)
    state = vectors(table[layout.STATE]).astype(np.float64)
    with _library().File(path, "w") as root:
        root.attrs["sim"] = bool(dataset.info.raw.get("twin", False))
        root.attrs["compress"] = compress
        root.attrs["fps"] = float(dataset.info.fps)
        root.attrs["task"] = "; ".join(row.tasks)
        root.attrs["outcome"] = row.text("outcome_label")
        root.attrs["joints"] = list(dataset.info.joints)
        root[_QPOS] = state
        root["/observations/qvel"] = np.gradient(state, axis=0) * dataset.info.fps
        root["/observations/effort"] = np.zeros_like(state)
        root[_ACTION] = vectors(table[layout.ACTION]).astype(np.float64)
        lengths = [
            _write_images(root, camera, dataset.frames(episode, camera), row.length, compress)
            for camera in dataset.info.cameras
        ]
        if compress:
            root[_LENGTHS] = np.array(lengths, np.float64).reshape(-1, row.length)


def _write_images(
    root: h5py.File,
    camera: str,
    images: Iterator[NDArray[np.uint8]],
    length: int,
    compress: bool,
) -> list[int]:
    """Write one camera's images; returns the lengths of the JPEG files."""
    place = f"{_IMAGES}/{camera}"
    if not compress:
        store: Any = None
        for number, image in enumerate(images):
            if store is None:
                shape = (length, *image.shape)
                store = root.create_dataset(place, shape, "uint8", chunks=(1, *image.shape))
            store[number] = image
        return [0] * length
    files = [_jpeg(image) for image in images]
    longest = max((len(file) for file in files), default=0)
    padded = np.zeros((length, longest), np.uint8)
    for number, file in enumerate(files):
        padded[number, : len(file)] = file
    root.create_dataset(place, data=padded, chunks=(1, longest))
    return [len(file) for file in files]


@dataclass(frozen=True, slots=True)
class Recording:
    """One file of ACT, whose images are read when they are wanted."""

    path: Path
    fps: float
    state: NDArray[np.float64]  # (T, J)
    action: NDArray[np.float64]  # (T, J)
    sizes: dict[str, tuple[int, int]]  # camera -> height and width
    task: str
    outcome: str
    joints: tuple[str, ...]  # empty if the file does not name them
    sim: bool
    said: frozenset[str]  # what the file says besides

    def images(self, camera: str) -> Iterator[NDArray[np.uint8]]:
        """Yield a camera's images, (height, width, 3) RGB; raises DatasetError if damaged."""
        with _library().File(self.path, "r") as root:
            store = root[f"{_IMAGES}/{camera}"]
            for number in range(len(self.state)):
                yield _pixels(store[number], f"image {number} of {camera} in {self.path}")


def read(path: Path) -> Recording:
    """Return what a file of ACT holds.

    Raises:
        ToolError: the library is not installed.
        DatasetError: there is no such file, or it is none of ACT's.
    """
    library = _library()
    if not path.exists():
        raise DatasetError(f"there is no {path}")
    try:
        with library.File(path, "r") as root:
            return _recording(path, root)
    except (OSError, KeyError) as error:
        raise DatasetError(
            f"{path} is no whole HDF5 file of ACT, with {_QPOS}, {_ACTION} and {_IMAGES}: {error}"
        ) from error


def _recording(path: Path, root: h5py.File) -> Recording:
    state, action = np.asarray(root[_QPOS], np.float64), np.asarray(root[_ACTION], np.float64)
    cameras = root.get(_IMAGES, {})
    for name, values in (("action", action), *((name, cameras[name]) for name in cameras)):
        if len(values) != len(state):
            raise DatasetError(f"{path}: {len(values)} of {name} for {len(state)} of qpos")
    sizes = {}
    for name in cameras:
        height, width, _ = _pixels(cameras[name][0], f"the first image of {name} in {path}").shape
        sizes[str(name)] = (height, width)
    return Recording(
        path=path,
        fps=float(root.attrs.get("fps", _USUAL_FPS)),
        state=state,
        action=action,
        sizes=sizes,
        task=str(root.attrs.get("task", "")),
        outcome=str(root.attrs.get("outcome", "")),
        joints=tuple(str(name) for name in root.attrs.get("joints", ())),
        sim=bool(root.attrs.get("sim", False)),
        said=frozenset(root.attrs),
    )


def _pixels(stored: NDArray[np.uint8], what: str) -> NDArray[np.uint8]:
    if stored.ndim != 1:
        return np.asarray(stored, np.uint8)
    image: Any = cv2.imdecode(stored, cv2.IMREAD_COLOR)
    if image is None:
        raise DatasetError(f"{what} is no JPEG file that can be read")
    return np.asarray(image, np.uint8)


def _jpeg(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return RGB as a JPEG file of ACT: red and blue exchanged, as its tools do and undo."""
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return np.asarray(data, np.uint8).reshape(-1)


def _library() -> Any:
    try:
        import h5py
    except ImportError as error:
        raise ToolError("HDF5 needs its library: pip install 'evenhand[hdf5]'") from error
    return h5py
