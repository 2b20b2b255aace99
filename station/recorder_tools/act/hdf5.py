"""The HDF5 library, what lies where in a file of ACT, and files that a full disk cannot crash.

/observations/qpos, qvel, effort (T, 14); /observations/images/CAMERA, (T, height, width, 3), or if
`compress` (T, bytes) JPEG files, padded, whose lengths are in /compress_len (cameras, T); /action.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from station.recorder_tools.task import ToolError

if TYPE_CHECKING:
    import h5py

QPOS: Final = "/observations/qpos"
QVEL: Final = "/observations/qvel"
EFFORT: Final = "/observations/effort"
IMAGES: Final = "/observations/images"
ACTION: Final = "/action"
LENGTHS: Final = "/compress_len"
COLOURS: Final = "colours"  # attribute: a ChannelOrder


class ChannelOrder(StrEnum):
    """What an array's last axis is, or what a viewer shows as red, green, blue of a JPEG file."""

    RGB = "rgb"
    BGR = "bgr"


def refused(path: Path, key: str, found: str, expected: str) -> ToolError:
    """Return the error that says where in a file what is not as it should be, and what would be."""
    said = f"{path}: {key} {found}; expected {expected}"
    return ToolError(said.encode("utf-8", "backslashreplace").decode())


@contextmanager
def reading(path: Path, what: str) -> Iterator[None]:
    """Raise a ToolError that names the file and `what` of it if the library cannot read that."""
    try:
        yield
    except (OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        if isinstance(error, ToolError):
            raise
        expected = f"a whole file; the library says: {error}"
        raise refused(path, what, "cannot be read", expected) from error


def dataset_at(root: h5py.File, key: str, path: Path) -> h5py.Dataset:
    """Return the array at `key`; raises ToolError if there is none that holds anything."""
    with reading(path, key):
        if root.get(key, getlink=True) is None:
            inside = ", ".join(sorted(root)) or "nothing"
            raise refused(path, key, "is missing", f"it beside what the file holds: {inside}")
        found = root.get(key)
        if found is None:
            raise refused(path, key, "is a link that leads nowhere", "an array: mend the link")
        if not isinstance(found, library().Dataset):
            raise refused(path, key, "is a group", "an array there: move it, or leave the file out")
        if not found.shape:
            raise refused(path, key, "is no array but a single value or nothing", "an array")
        if not found.shape[0]:
            raise refused(path, key, "is empty", "at least one row: leave the file out")
        if found.is_virtual:  # what of it is missing would be read as zeros
            raise refused(path, key, "is put together of other files", "an array: use h5repack")
        if found.size and not _is_written(found):
            raise refused(path, key, "was never written, or not all of it", "a whole array")
        return found


def _is_written(store: h5py.Dataset) -> bool:
    """Return whether all of an array was written: the rest would be read as zeros."""
    if store.chunks is None:
        return bool(store.id.get_storage_size() > 0)
    whole = math.prod(
        -(-size // part) for size, part in zip(store.shape, store.chunks, strict=True)
    )
    return bool(store.id.get_num_chunks() == whole)


def library() -> Any:
    """Return h5py; raises ToolError if it is not installed."""
    try:
        import h5py
    except ImportError as error:
        raise ToolError("HDF5 needs its library: pip install 'evenhand[hdf5]'") from error
    return h5py


@contextmanager
def new_file(path: Path) -> Iterator[tuple[h5py.File, FileForHdf5]]:
    """Create an HDF5 file, which is closed when the block ends.

    Raises:
        ToolError: the library is not installed.
        OSError: the file cannot be written.
    """
    h5py = library()
    with path.open("w+b", buffering=0) as raw:
        file = FileForHdf5(raw)
        with h5py.File(file, "w") as root:
            yield root, file
        file.raise_failure()


class FileForHdf5:
    """A file that hides failures from HDF5, whose library crashes as it closes after one.

    From the first failure on it keeps nothing of what is written to it: ask `raise_failure` often.
    """

    def __init__(self, raw: FileIO) -> None:
        self._raw = raw
        self._failure: OSError | KeyboardInterrupt | None = None
        self.read, self.readinto, self.seek, self.tell = raw.read, raw.readinto, raw.seek, raw.tell

    def raise_failure(self) -> None:
        """Raise the first failure, if there was one."""
        if self._failure is not None:
            raise self._failure

    def write(self, data: memoryview) -> int:
        """Write all of `data`, or keep why that failed."""
        rest = memoryview(data).cast("B")
        try:
            while rest and self._failure is None:
                rest = rest[self._raw.write(rest) :]
        except (OSError, KeyboardInterrupt) as failure:
            self._failure = failure
        return len(data)

    def truncate(self, size: int) -> int:
        """Set the file's length, or keep why that failed."""
        try:
            return self._raw.truncate(size)
        except (OSError, KeyboardInterrupt) as failure:
            self._failure = self._failure or failure
            return size

    def flush(self) -> None:
        """Do nothing: nothing is buffered."""
