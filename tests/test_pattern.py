"""The time in a picture: through JPEG, noise and a skew view."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from video_device import jpeg

from messaging.images import pixels
from perception.pattern import burnt, time_in

T_NS = 123_456_789_012_000


@given(st.integers(0, 2**48 - 1))
def test_every_time_is_read_back_through_jpeg(t_us: int) -> None:
    assert time_in(pixels(jpeg(burnt(t_us * 1000, 160, 120), quality=60))) == t_us * 1000


def test_times_are_kept_in_whole_microseconds() -> None:
    assert time_in(burnt(T_NS + 999)) == T_NS


@pytest.mark.parametrize("size", [(64, 48), (640, 480), (1280, 720), (300, 500)])
def test_it_fits_any_size(size: tuple[int, int]) -> None:
    picture = burnt(T_NS, *size)
    assert picture.shape == (size[1], size[0], 3)
    assert time_in(picture) == T_NS


def seen_askew(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return what a camera sees of a monitor beside a lamp, askew, dim and with noise."""
    height, width = picture.shape[:2]
    monitor = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    seen = np.array([[150, 90], [500, 60], [520, 380], [130, 330]], np.float32)
    view = cv2.warpPerspective(picture, cv2.getPerspectiveTransform(monitor, seen), (640, 480))
    dim = view * 0.5 + np.random.default_rng(0).normal(40, 8, view.shape)
    return np.asarray(np.clip(dim, 0, 255), np.uint8)


@pytest.mark.parametrize("turns", range(4))
def test_it_is_read_askew_and_upside_down(turns: int) -> None:
    turned = np.ascontiguousarray(np.rot90(burnt(T_NS), turns))
    assert time_in(seen_askew(turned)) == T_NS


def test_two_blended_pictures_are_not_read() -> None:
    blend = burnt(T_NS) // 2 + burnt(T_NS + 16_667_000) // 2
    assert time_in(blend) in (None, T_NS, T_NS + 16_667_000)


def test_a_picture_without_a_pattern_shows_no_time() -> None:
    assert time_in(np.zeros((480, 640, 3), np.uint8)) is None
    assert time_in(np.full((480, 640, 3), 255, np.uint8)) is None
    rng = np.random.default_rng(1)
    assert time_in(rng.integers(0, 255, (480, 640, 3), np.uint8)) is None
