"""How late a motion follows what it was told: by cross-correlation, finer than the samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

LONGEST_S: Final = 0.4
_GRID_S: Final = 0.001
_MOVING_S: Final = 4.0
_FROM_HZ: Final = 0.5
_TO_HZ: Final = 2.0


@dataclass(frozen=True, slots=True)
class Trace:
    """A joint's commands and samples.

    Attributes:
        sent_s: (N,) when each command was sent.
        command: (N,) what it said.
        sampled_s: (M,) when each sample was taken, on the same clock.
        sample: (M,) what it said.
    """

    sent_s: Array
    command: Array
    sampled_s: Array
    sample: Array


def chirp(rate_hz: float) -> Array:
    """Return a sweep within -1..1, `rate_hz` values a second, that swells, fades, and then rests.

    Frequency rises linearly from 0.5 to 2 Hz, so that no delay but the true one fits; a squared
    sine as its envelope starts and ends it without a jerk.
    """
    t = np.arange(0.0, _MOVING_S, 1.0 / rate_hz)
    turns = _FROM_HZ * t + (_TO_HZ - _FROM_HZ) * t**2 / (2.0 * _MOVING_S)
    wave = np.sin(2.0 * np.pi * turns) * np.sin(np.pi * t / _MOVING_S) ** 2
    return np.concatenate((wave, np.zeros(round((LONGEST_S + 0.1) * rate_hz))))


def delay_s(trace: Trace) -> tuple[float, float]:
    """Return by how much the samples lag behind the commands, and their correlation at that delay.

    The greatest normalised correlation on a grid of 1 ms, and the top of the parabola through it
    and its neighbours.
    """
    start = max(trace.sent_s[0], trace.sampled_s[0])
    end = min(trace.sent_s[-1], trace.sampled_s[-1]) - LONGEST_S
    t = np.arange(start, end, _GRID_S)
    command = _normalised(np.interp(t, trace.sent_s, trace.command))
    lags = np.arange(0.0, LONGEST_S, _GRID_S)
    fits = np.array(
        [command @ _normalised(np.interp(t + lag, trace.sampled_s, trace.sample)) for lag in lags]
    )
    best = int(np.argmax(fits))
    if not 0 < best < len(fits) - 1:
        return float(lags[best]), float(fits[best])
    before, top, after = fits[best - 1 : best + 2]
    bend = before - 2.0 * top + after
    shift = 0.5 * (before - after) / bend if bend < 0.0 else 0.0
    return float(lags[best] + shift * _GRID_S), float(top)


def _normalised(values: Array) -> Array:
    """Return `values` around zero, with length 1; all zero if they do not vary."""
    centred: Array = values - values.mean()
    length = float(np.linalg.norm(centred))
    if length > 0.0:
        centred /= length
    return centred
