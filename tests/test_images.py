"""Images as pixels and as JPEG files, whole and broken."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from video_device import jpeg, noise

from messaging.images import ImageError, encoding, pixels, whole_jpeg

IMAGE = noise(0)
FILE = jpeg(IMAGE, quality=95)


def test_pixels_are_passed_through() -> None:
    assert pixels(IMAGE) is IMAGE
    assert encoding(IMAGE) == "rgb"


def test_a_jpeg_file_is_decoded_to_rgb() -> None:
    read_only = FILE.copy()
    read_only.flags.writeable = False
    decoded = pixels(read_only)
    assert decoded.shape == IMAGE.shape
    assert encoding(FILE) == "jpeg"
    # Colour is kept at half the resolution, so compare the means: the image is reddish.
    np.testing.assert_allclose(decoded.mean((0, 1)), IMAGE.mean((0, 1)), atol=3)


@pytest.mark.parametrize("data", [b"", b"not an image"])
def test_what_is_no_image_is_refused(data: bytes) -> None:
    with pytest.raises(ImageError, match="no JPEG"):
        pixels(np.frombuffer(data, np.uint8))


def test_a_whole_file_is_itself() -> None:
    np.testing.assert_array_equal(whole_jpeg(FILE), FILE)


def test_an_end_among_the_headers_is_not_taken_for_the_files() -> None:
    comment = np.frombuffer(b"\xff\xfe\x00\x06\xff\xd9\xff\xd9", np.uint8)
    file = np.concatenate([FILE[:2], comment, FILE[2:]])
    np.testing.assert_array_equal(whole_jpeg(file), file)


def without_tables(file: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the file without its Huffman tables, as many USB cameras send it."""
    data, place = file.tobytes(), 2
    kept = data[:2]
    while (marker := data[place + 1]) != 0xDA:
        after = place + 2 + int.from_bytes(data[place + 2 : place + 4], "big")
        kept += b"" if marker == 0xC4 else data[place:after]
        place = after
    return np.frombuffer(kept + data[place:], np.uint8)


def test_a_file_without_huffman_tables_is_read_by_the_standard_ones() -> None:
    bare = without_tables(FILE)
    assert bare.size < FILE.size - 300
    np.testing.assert_array_equal(pixels(whole_jpeg(bare)), pixels(FILE))


def test_a_file_cut_short_by_the_next_one_is_refused() -> None:
    with pytest.raises(ImageError, match="cut short by the next one"):
        whole_jpeg(np.concatenate([FILE[: FILE.size // 2], FILE]))


@given(st.integers(0, FILE.size - 1))
def test_a_truncated_file_is_refused_wherever_it_ends(size: int) -> None:
    with pytest.raises(ImageError):
        whole_jpeg(FILE[:size])


@given(st.binary(max_size=200))
def test_random_bytes_are_refused_and_break_nothing(data: bytes) -> None:
    for begun in (data, FILE[:20].tobytes() + data):
        with pytest.raises(ImageError):
            whole_jpeg(np.frombuffer(begun, np.uint8))
