"""How a new stretch of plan joins the motion under way: position, velocity, acceleration go on."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky_banded
from scipy.linalg.lapack import dpbtrs

Array = NDArray[np.float64]

HISTORY = 3  # rows that fix position, velocity and acceleration
FIRST_TRUST = 0.02  # weight of the reference at the seam, where the motion so far matters more
TAIL_S = 0.3  # continuation of a reference that settles the end of its splice
THIRD_DIFFERENCE = np.array((-1.0, 3.0, -3.0, 1.0))


def spliced(
    history: Array, reference: Array, dt: float, smoothness_s6: float, join_s: float
) -> Array:
    """Return the rows (N, J) that follow `history` smoothly and come to follow `reference`.

    They minimise sum_n w_n |q_n - r_n|^2 + smoothness |D^3 q_n / dt^3|^2 with the history fixed,
    where w rises linearly to 1 during `join_s`. The normal equations are banded and positive
    definite; their factor depends on the length alone.

    Args:
        history: (3, J) the last rows, oldest first.
        reference: (N, J) where the motion should be, N >= 1.
        dt: time between rows in seconds.
        smoothness_s6: weight of squared jerk, in s^6.
        join_s: time after which the reference counts fully.
    """
    size = len(reference)
    factor, trust = _factor(size, dt, smoothness_s6, join_s)
    right = trust[:, None] * reference
    reach = min(HISTORY, size)
    right[:reach] += (smoothness_s6 / dt**6) * (_pull(reach) @ history)
    # SciPy's cho_solve_banded without its checks, which cost as much as the solution.
    return np.asarray(dpbtrs(factor, right, lower=0, overwrite_b=1)[0])


def continued(reference: Array, dt: float) -> Array:
    """Return `reference` (N, J) and a tail during which its last velocity dies away.

    A splice ends free: over a short reference it would leave with any velocity, and swing from one
    chunk to the next.
    """
    velocity = reference[-1] - reference[-2] if len(reference) > 1 else np.zeros_like(reference[-1])
    return np.concatenate((reference, reference[-1] + _fading(round(TAIL_S / dt)) * velocity))


@lru_cache(maxsize=1)
def _fading(rows: int) -> Array:
    """Return how many rows' way has been made after each row (rows, 1) of a velocity's fading."""
    return np.cumsum(np.arange(rows, 0, -1.0) / (rows + 1))[:, None]


@lru_cache(maxsize=HISTORY)
def _pull(reach: int) -> Array:
    """Return what the history (3, J) pulls on the first `reach` rows: (reach, 3)."""
    # Row n's third difference spans rows n - 3 to n, some of them history, some of them free.
    spans = np.zeros((reach, HISTORY + reach))
    for row in range(reach):
        spans[row, row : row + HISTORY + 1] = THIRD_DIFFERENCE
    return -spans[:, HISTORY:].T @ spans[:, :HISTORY]


@lru_cache(maxsize=1024)
def _factor(size: int, dt: float, smoothness_s6: float, join_s: float) -> tuple[Array, Array]:
    """Return the banded Cholesky factor (4, N) of the normal equations and the trusts w (N,)."""
    ramp = np.arange(size) * dt / join_s if join_s > 0.0 else np.ones(size)
    trust = np.minimum(FIRST_TRUST + (1.0 - FIRST_TRUST) * ramp, 1.0)
    weight = smoothness_s6 / dt**6
    band = np.zeros((HISTORY + 1, size))
    for apart in range(HISTORY + 1):
        # Rows n and n + apart share the differences that end at n + apart ... n + 3.
        for end in range(apart, HISTORY + 1):
            product = THIRD_DIFFERENCE[HISTORY - end] * THIRD_DIFFERENCE[HISTORY - end + apart]
            stop = size - end
            if stop > 0:
                band[HISTORY - apart, apart : apart + stop] += weight * product
    band[HISTORY] += trust
    factor: Array = cholesky_banded(band, lower=False, check_finite=False)
    return factor, trust
