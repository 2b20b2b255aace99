"""What LeRobot wants to know of every column and camera, of an episode and of all of them.

Those of many episodes are made of those of each: extremes, mean and deviation exactly, quantiles
as the mean of the episodes' quantiles weighted by their length, which is LeRobot's own rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recorder.layout import STATISTIC_NAMES

Statistics = dict[str, NDArray[Any]]  # by the names in STATISTIC_NAMES, each shaped as the feature

QUANTILES: Final = {"q01": 0.01, "q10": 0.10, "q50": 0.50, "q90": 0.90, "q99": 0.99}

_STRIDE: Final = 4  # of the pixels that are looked at
_LEVELS: Final = 256


def of_rows(values: NDArray[Any]) -> Statistics:
    """Return the statistics of a column, (n,) or (n, J); at least one row."""
    table = np.asarray(values, np.float64).reshape(len(values), -1)
    return {
        "min": table.min(axis=0),
        "max": table.max(axis=0),
        "mean": table.mean(axis=0),
        "std": table.std(axis=0),
        "count": np.array([len(table)]),
        **{name: np.quantile(table, share, axis=0) for name, share in QUANTILES.items()},
    }


class ImageStatistics:
    """Counts how often each channel has each of its 256 levels."""

    def __init__(self) -> None:
        self._counts = np.zeros((3, _LEVELS), np.int64)
        self._images = 0

    def add(self, image: NDArray[np.uint8]) -> None:
        """Take in an image (height, width, 3)."""
        few = image[::_STRIDE, ::_STRIDE]
        for channel in range(3):
            self._counts[channel] += np.bincount(few[..., channel].reshape(-1), minlength=_LEVELS)
        self._images += 1

    def result(self) -> Statistics:
        """Return the statistics, each (3, 1, 1) in 0..1, but the count; at least one image."""
        levels = np.arange(_LEVELS) / (_LEVELS - 1)
        share = self._counts / self._counts.sum(axis=1, keepdims=True)
        mean = share @ levels
        seen = self._counts > 0
        reached = np.cumsum(share, axis=1)
        found = {
            "min": levels[seen.argmax(axis=1)],
            "max": levels[_LEVELS - 1 - seen[:, ::-1].argmax(axis=1)],
            "mean": mean,
            "std": np.sqrt(np.maximum(share @ levels**2 - mean**2, 0.0)),
            **{
                name: levels[(reached >= quantile - 1e-12).argmax(axis=1)]
                for name, quantile in QUANTILES.items()
            },
        }
        shaped: Statistics = {name: value.reshape(3, 1, 1) for name, value in found.items()}
        return shaped | {"count": np.array([self._images])}


def merged(one: Statistics, other: Statistics) -> Statistics:
    """Return the statistics of two sets of rows together."""
    counts = np.array([one["count"][0], other["count"][0]], np.float64)
    weights = counts / counts.sum()

    def mean_of(name: str) -> NDArray[Any]:
        return np.asarray(weights[0] * one[name] + weights[1] * other[name])

    mean = mean_of("mean")
    variance = weights[0] * (one["std"] ** 2 + (one["mean"] - mean) ** 2) + weights[1] * (
        other["std"] ** 2 + (other["mean"] - mean) ** 2
    )
    return {
        "min": np.minimum(one["min"], other["min"]),
        "max": np.maximum(one["max"], other["max"]),
        "mean": mean,
        "std": np.sqrt(variance),
        "count": one["count"] + other["count"],
        **{name: mean_of(name) for name in QUANTILES},
    }


def merged_all(
    one: Mapping[str, Statistics], other: Mapping[str, Statistics]
) -> dict[str, Statistics]:
    """Return the statistics of all features of two sets of episodes together."""
    return {name: merged(one[name], other[name]) for name in one}


def plain(statistics: Mapping[str, Statistics]) -> dict[str, dict[str, Any]]:
    """Return statistics as JSON can say them."""
    return {
        feature: {name: found[name].tolist() for name in STATISTIC_NAMES}
        for feature, found in statistics.items()
    }


def parsed(told: Mapping[str, Mapping[str, Any]]) -> dict[str, Statistics]:
    """Return what `plain` made of statistics as statistics."""
    return {
        feature: {name: np.array(found[name]) for name in STATISTIC_NAMES}
        for feature, found in told.items()
    }
