"""Whether `meta/stats.json` is what comes out when it is computed anew."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recorder import layout, statistics
from recorder.dataset import Dataset, DatasetError, numbers
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
    try:
        told = dataset.statistics()
    except DatasetError as error:
        yield Fault(str(layout.STATISTICS), str(error), _REMEDY)
        return
    where = str(layout.STATISTICS)
    for feature, found in kept.found.items():
        if feature.startswith(layout.CAMERA) and not dataset.info.recorded:
            continue  # others draw the images that count by rules of their own
        if feature not in told:
            yield Fault(where, f"{feature} has none", _REMEDY)
            continue
        for name in _IMAGE_LEVELS if feature.startswith(layout.CAMERA) else _EXACT:
            if not _equal(name, found, told[feature], image=feature.startswith(layout.CAMERA)):
                computed, said = found[name].ravel()[:3], np.ravel(told[feature].get(name, ()))[:3]
                yield Fault(where, f"{name} of {feature} is {said}, computed {computed}", _REMEDY)


def _equal(name: str, found: Statistics, told: dict[str, Any], *, image: bool) -> bool:
    said = np.asarray(told.get(name, ()), np.float64).ravel()
    computed = np.asarray(found[name], np.float64).ravel()
    if said.shape != computed.shape:
        return False
    if image:
        return bool(np.abs(said - computed).max() <= _IMAGE_LEVELS[name])
    # A spread is what an error is compared with: the mean of stamps is large, and so is its grain.
    grain = _SHARE * np.maximum(np.abs(computed), np.asarray(found["std"], np.float64).ravel())
    return bool((np.abs(said - computed) <= grain + 1e-6).all())
