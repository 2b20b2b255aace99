"""Scaling of joint vectors to the range a network likes, kept beside its weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from runtime.config import StrictModel

# a joint that hardly moves in the data must not have its noise blown up
_LEAST_STD: Final = 0.02


class Statistics(StrictModel):
    """Mean and standard deviation of each joint."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    @staticmethod
    def of(samples: NDArray[np.float32]) -> Statistics:
        """Measure samples (..., J)."""
        flat = samples.reshape(-1, samples.shape[-1]).astype(np.float64)
        std = np.maximum(flat.std(axis=0), _LEAST_STD)
        return Statistics(mean=tuple(flat.mean(axis=0).tolist()), std=tuple(std.tolist()))


@dataclass(frozen=True, slots=True)
class Normaliser:
    """Applies statistics to vectors whose last axis is the joints."""

    mean: NDArray[np.float64]
    std: NDArray[np.float64]

    @staticmethod
    def from_statistics(statistics: Statistics) -> Normaliser:
        """Make the arrays once."""
        return Normaliser(np.array(statistics.mean), np.array(statistics.std))

    def normalised(self, values: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return values with mean 0 and standard deviation 1 over the data."""
        return ((values - self.mean) / self.std).astype(np.float32)

    def restored(self, values: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return what `normalised` was given."""
        return np.asarray(values, dtype=np.float64) * self.std + self.mean
