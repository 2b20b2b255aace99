"""Statistics of rows and images, of one episode and of all of them."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from recorder.layout import STATISTIC_NAMES
from recorder.statistics import ImageStatistics, merged, of_rows, parsed, plain

EXACT = ("min", "max", "mean", "std", "count")


@given(
    sizes=st.lists(st.integers(1, 30), min_size=2, max_size=5),
    seed=st.integers(0, 1000),
    offset=st.floats(-100, 100),
)
def test_merged_statistics_are_those_of_all_rows(
    sizes: list[int], seed: int, offset: float
) -> None:
    rng = np.random.default_rng(seed)
    parts = [rng.normal(offset * place, 1 + place, (size, 3)) for place, size in enumerate(sizes)]
    together = of_rows(parts[0])
    for part in parts[1:]:
        together = merged(together, of_rows(part))
    whole = of_rows(np.concatenate(parts))
    for name in EXACT:
        assert together[name] == pytest.approx(whole[name], abs=1e-9)


def test_merged_quantiles_are_the_weighted_mean() -> None:
    one, other = of_rows(np.zeros((1, 2))), of_rows(np.ones((3, 2)))
    assert merged(one, other)["q50"].tolist() == [0.75, 0.75]


def test_a_column_of_flags_has_statistics_too() -> None:
    found = of_rows(np.array([True, False, True, True]))
    assert found["mean"].tolist() == [0.75]
    assert found["count"].tolist() == [4]


def pictures(count: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (count, 48, 64, 3), np.uint8)


def test_images_are_described_by_the_pixels_looked_at() -> None:
    statistics = ImageStatistics()
    images = pictures(3)
    for image in images:
        statistics.add(image)
    found = statistics.result()
    pixels = images[:, ::4, ::4].reshape(-1, 3) / 255
    assert found["count"].tolist() == [3]
    for name, value in {
        "min": pixels.min(0), "max": pixels.max(0), "mean": pixels.mean(0), "std": pixels.std(0),
    }.items():  # fmt: skip
        assert found[name].shape == (3, 1, 1)
        assert found[name].reshape(3) == pytest.approx(value)
    assert found["q10"].reshape(3) == pytest.approx(np.quantile(pixels, 0.1, axis=0), abs=1 / 255)


def test_a_black_image_has_statistics() -> None:
    statistics = ImageStatistics()
    statistics.add(np.zeros((48, 64, 3), np.uint8))
    assert all(not value.any() for name, value in statistics.result().items() if name != "count")


def test_statistics_survive_json() -> None:
    statistics = ImageStatistics()
    statistics.add(pictures(1)[0])
    found = {"camera": statistics.result(), "action": of_rows(np.eye(3))}
    again = parsed(json.loads(json.dumps(plain(found))))
    assert tuple(again["camera"]) == STATISTIC_NAMES
    for feature, values in found.items():
        for name in STATISTIC_NAMES:
            assert again[feature][name].shape == values[name].shape
            assert np.array_equal(again[feature][name], values[name])
