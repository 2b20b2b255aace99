"""Images that a dataset keeps in its tables, as LeRobot does without videos."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_TO_RGB = {1: cv2.COLOR_GRAY2RGB, 3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGB}


class ImageError(ValueError):
    """An image in a table that cannot be decoded; says which and why."""


def pixels(column: pa.ChunkedArray, directory: Path) -> Iterator[NDArray[np.uint8]]:
    """Yield a column's images, (height, width, 3) RGB.

    Args:
        column: PNG or JPEG files, each as bytes, or with a path where it lies within the dataset.
        directory: of the dataset.

    Raises:
        ImageError: one cannot be decoded, or is not of 8 bits.
    """
    for number in range(len(column)):
        yield _decoded(_file(column[number].as_py(), directory, number), number)


def _file(kept: Any, directory: Path, number: int) -> bytes:
    """Return the content of an image's file."""
    if isinstance(kept, bytes):
        return kept
    if not isinstance(kept, dict):
        raise ImageError(f"image {number} is kept as {type(kept).__name__}, not as a file's bytes")
    data, path = kept.get("bytes"), kept.get("path")
    if isinstance(data, bytes):
        return data
    if not isinstance(path, str) or Path(path).is_absolute() or ".." in Path(path).parts:
        raise ImageError(f"image {number} is not in the table, and said to lie at {path!r}")
    try:
        return (directory / path).read_bytes()
    except OSError as error:
        said = f"nor at {path} ({error.strerror}): fetch it"
        raise ImageError(f"image {number} is not in the table, {said}") from error


def _decoded(data: bytes, number: int) -> NDArray[np.uint8]:
    try:
        image: Any = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        image = None
    if image is None:
        raise ImageError(f"image {number} in the table is no PNG or JPEG file that can be read")
    channels = 1 if image.ndim == 2 else image.shape[2]
    if image.dtype != np.uint8 or channels not in _TO_RGB:
        said = f"{channels} channels of {image.dtype}; images here are of 8 bits"
        raise ImageError(f"image {number} in the table has {said}")
    return np.asarray(cv2.cvtColor(image, _TO_RGB[channels]), np.uint8)
