"""What part of a camera's image the model looks at; the same for training and for the robot."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

FULL_SHAPE: Final = (240, 320)  # of the whole image, at the scale the model sees
VIEW_SHAPE: Final = (120, 160)  # the middle half in each axis: the table between the arms


def view(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the middle (120, 160, 3) of an RGB image scaled to 320x240.

    Raises:
        ValueError: the image is not RGB or has another aspect than 4:3.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.shape[0] * 4 != image.shape[1] * 3:
        raise ValueError(f"want a 4:3 image (height, width, 3), got shape {image.shape}")
    height, width = FULL_SHAPE
    if image.shape[:2] != FULL_SHAPE:
        # cropped first, so that only a quarter of the pixels is scaled
        top, left = image.shape[0] // 4, image.shape[1] // 4
        middle = np.ascontiguousarray(image[top : top * 3, left : left * 3])
        small = cv2.resize(middle, VIEW_SHAPE[::-1], interpolation=cv2.INTER_AREA)
        return np.asarray(small, dtype=np.uint8)
    top, left = height // 4, width // 4
    return np.ascontiguousarray(image[top : top + height // 2, left : left + width // 2])
