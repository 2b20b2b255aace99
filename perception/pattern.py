"""A picture with a time burnt in, which tells whoever reads it later how old it is.

It shows 64 bits as black and white cells, eight by eight, in a white frame on black: 48 bits of
microseconds and 16 of a checksum. It survives JPEG, a camera that looks at it askew, and one that
is mounted upside down; two pictures that one exposure blends into each other fail the checksum.
"""

from __future__ import annotations

import zlib
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

_SIDE = 8  # cells of bits
_FRAMED = _SIDE + 2  # with the white frame
_WHOLE = _SIDE + 4  # with the black margin around it
_CELL = 10  # pixels of a cell when it is read
_TIME_BYTES, _SUM_BYTES = 6, 2
_LEAST_AREA = 0.01  # of the image, below which nothing is taken for a pattern


def burnt(t_ns: int, width: int = 640, height: int = 480) -> NDArray[np.uint8]:
    """Return the picture of a time, (height, width, 3) RGB; it is kept in whole microseconds."""
    time_bytes = (t_ns // 1000).to_bytes(_TIME_BYTES, "big")
    bits = np.unpackbits(np.frombuffer(time_bytes + _checksum(time_bytes), np.uint8))
    cells = np.zeros((_WHOLE, _WHOLE), np.uint8)
    cells[1:-1, 1:-1] = 255
    cells[2:-2, 2:-2] = bits.reshape(_SIDE, _SIDE) * 255
    side = min(width, height) // _WHOLE * _WHOLE
    square = cv2.resize(cells, (side, side), interpolation=cv2.INTER_NEAREST)
    picture = np.zeros((height, width, 3), np.uint8)
    top, left = (height - side) // 2, (width - side) // 2
    picture[top : top + side, left : left + side] = square[..., None]
    return picture


def time_in(image: NDArray[np.uint8]) -> int | None:
    """Return the time that an RGB image shows, in ns; None if it shows none that can be read."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    _, white = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    corners = _frame_corners(white)
    if corners is None:
        return None
    side = _FRAMED * _CELL
    square = np.array([[0, 0], [side, 0], [side, side], [0, side]], np.float32)
    upright = cv2.getPerspectiveTransform(corners, square)
    straight = cv2.warpPerspective(white, upright, (side, side))
    middles = straight[_CELL + _CELL // 2 :: _CELL, _CELL + _CELL // 2 :: _CELL]
    bits = (middles[:_SIDE, :_SIDE] > 127).astype(np.uint8)
    return next((t for turn in range(4) if (t := _decoded(np.rot90(bits, turn))) is not None), None)


def _frame_corners(white: Any) -> NDArray[np.float32] | None:
    """Return the corners of the largest white quadrilateral, clockwise."""
    contours, _ = cv2.findContours(white, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    largest = max(contours, key=cv2.contourArea, default=None)
    if largest is None or cv2.contourArea(largest) < _LEAST_AREA * white.size:
        return None
    outline = cv2.approxPolyDP(largest, 0.02 * cv2.arcLength(largest, closed=True), closed=True)
    if len(outline) != 4:  # a quadrilateral
        return None
    corners = np.asarray(outline, np.float32).reshape(4, 2)
    around = corners - corners.mean(axis=0)
    return corners[np.argsort(np.arctan2(around[:, 1], around[:, 0]))]


def _decoded(bits: NDArray[np.uint8]) -> int | None:
    data = np.packbits(bits).tobytes()
    time_bytes, told = data[:_TIME_BYTES], data[_TIME_BYTES:]
    return int.from_bytes(time_bytes, "big") * 1000 if told == _checksum(time_bytes) else None


def _checksum(data: bytes) -> bytes:
    return zlib.crc32(data).to_bytes(4, "big")[-_SUM_BYTES:]
