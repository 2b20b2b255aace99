"""The pixels of an image, whichever way its camera gave it."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

_START = b"\xff\xd8"
_END = b"\xff\xd9"
_SCAN = 0xDA  # the marker before the compressed pixels
_FILE_RANK = 1


class ImageError(ValueError):
    """An image that cannot be read; says what it looks like."""


def encoding(image: NDArray[np.uint8]) -> str:
    """Return how an image is written, for people: "jpeg" or "rgb"."""
    return "jpeg" if image.ndim == _FILE_RANK else "rgb"


def pixels(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return an image as (height, width, 3), RGB.

    Pixels are passed through as they are; a JPEG file is decoded, which takes about a millisecond
    for 640x480, so whoever needs the pixels more than once keeps them.

    Raises:
        ImageError: neither pixels nor a JPEG file that can be read.
    """
    if image.ndim != _FILE_RANK:
        return image
    try:
        decoded: Any = cv2.imdecode(image, cv2.IMREAD_COLOR_RGB)
    except cv2.error as error:
        raise ImageError(f"{image.size} bytes are no JPEG file: {error.err}") from error
    if decoded is None:
        raise ImageError(f"{image.size} bytes are no JPEG file that can be read")
    return np.asarray(decoded, np.uint8)


def whole_jpeg(data: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the JPEG file that `data` (n,) begins with, without what follows it.

    A decoder fills up what a truncated file lacks with grey and does not complain, so this looks
    for the end itself. It takes a tenth of the time that decoding takes.

    Raises:
        ImageError: no JPEG file, one without its end, or one cut short and followed by another.
    """
    file = data.tobytes()
    if not file.startswith(_START):
        raise ImageError(f"{len(file)} bytes beginning {file[:4].hex() or 'with nothing'}, no JPEG")
    scan = _scan(file)
    end = file.rfind(_END, scan)
    if end < 0:
        raise ImageError(f"JPEG file truncated after {len(file)} bytes")
    # Among the compressed pixels, the byte FF is never followed by that of another marker.
    if file.find(_START, scan, end) >= 0:
        raise ImageError(f"JPEG file cut short by the next one, within {len(file)} bytes")
    return data[: end + len(_END)]


def _scan(file: bytes) -> int:
    """Return where the compressed pixels begin; the segments before may hold any bytes."""
    place = len(_START)
    while place + 4 <= len(file) and file[place] == _START[0]:
        after = place + 2 + int.from_bytes(file[place + 2 : place + 4], "big")
        if file[place + 1] == _SCAN:
            return after
        place = after
    raise ImageError(f"JPEG file of {len(file)} bytes without pixels")
