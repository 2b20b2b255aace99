"""Whether `meta/stats.json` is what comes out when it is computed anew."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recorder import layout, statistics
from recorder.columns import numbers
from recorder.dataset import Dataset, DatasetError
from recorder.features import Kind
from recorder.statistics import ImageStatistics, Statistics
from recorder.structure import Fault

_EXACT: Final = ("min", "max", "mean", "std", "count")
_SHARE: Final = 1e-3  # of a value; LeRobot keeps 32 bits here and 64 there
# Images lose a little in the video, their extremes more.
_IMAGE_LEVELS: Final = {"mean": 0.02, "std": 0.02}
_REMEDY: Final = "repair writes the statistics anew"


class Gathered:
    """The statistics of the episodes that it has been shown so far."""

    def __init__(self) -> None:
        self.found: dict[str, Statistics] = {}
        self._images: dict[str, ImageStatistics] = {}

    def add(self, table: pa.Table) -> None:
        """Take in the rows of an episode."""
        for name in table.column_names:
            if len(table) and (values := numbers(table[name])) is not None:
                self._merge(name, statistics.of_rows(values))

    def images(self, feature: str, image: NDArray[np.uint8]) -> None:
        """Take in an image."""
        self._images.setdefault(feature, ImageStatistics()).add(image)

    def end_episode(self) -> None:
        """Close the images of an episode: each episode's statistics are merged as a whole."""
        for feature, seen in self._images.items():
            self._merge(feature, seen.result())
        self._images.clear()

    def _merge(self, feature: str, of_episode: Statistics) -> None:
        before = self.found.get(feature)
        self.found[feature] = statistics.merged(before, of_episode) if before else of_episode


def faults(dataset: Dataset, kept: Gathered) -> Iterator[Fault]:
    """Yield which statistics are not those of the episodes that `kept` has seen."""
    where = str(layout.STATISTICS)
    try:
        told = dataset.statistics()
    except DatasetError as error:
        yield Fault(where, str(error), _REMEDY)
        return
    for feature, found in kept.found.items():
        image = dataset.info.features[feature].kind is not Kind.NUMBERS
        if not dataset.info.recorded and (image or feature not in told):
            continue  # others draw the images that count by rules of their own
        if not isinstance(told.get(feature), dict):
            yield Fault(where, f"{feature} has none", _REMEDY)
            continue
        for name in _IMAGE_LEVELS if image else _EXACT:
            said = _values(told[feature].get(name, ()))
            if not _equal(name, found, said, image=image):
                computed = found[name].ravel()[:3]
                yield Fault(
                    where, f"{name} of {feature} is {said[:3]}, computed {computed}", _REMEDY
                )


def untold(dataset: Dataset, kept: Gathered) -> list[str]:
    """Return the columns of others' datasets without statistics, which those may lack."""
    if dataset.info.recorded:
        return []
    try:
        told = dataset.statistics()
    except DatasetError:
        return []
    numbers = (name for name in kept.found if dataset.info.features[name].kind is Kind.NUMBERS)
    return [name for name in numbers if name not in told]


def _values(told: object) -> NDArray[np.float64]:
    """Return what is told as a flat array, an empty one if that is no array of numbers."""
    try:
        return np.asarray(told, np.float64).ravel()
    except (ValueError, TypeError):
        return np.empty(0)


def _equal(name: str, found: Statistics, said: NDArray[np.float64], *, image: bool) -> bool:
    computed = np.asarray(found[name], np.float64).ravel()
    if said.shape != computed.shape:
        return False
    if image:
        return bool(np.abs(said - computed).max() <= _IMAGE_LEVELS[name])
    # A spread is what an error is compared with: the mean of stamps is large, and so is its grain.
    grain = _SHARE * np.maximum(np.abs(computed), np.asarray(found["std"], np.float64).ravel())
    return bool((np.abs(said - computed) <= grain + 1e-6).all())
