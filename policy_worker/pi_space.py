"""Between ACT's joint vectors, which everything here speaks, and the space of openpi's base models.

The pi0 models were trained with two joints of each arm turned the other way, and with gripper
angles: a state's is scaled to 0..1, an action's is left in radians. All arrays are (..., 14): per
arm six joint angles in radians and the gripper. Source of formulas and numbers: openpi's
`aloha_policy.py`, for the grippers of 2023.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_SIGNS: Final = np.array([1.0, -1.0, -1.0, 1.0, 1.0, 1.0, 1.0] * 2)
_GRIPPERS: Final = np.array([6, 13])

_HORN_M: Final = 0.022
_ROD_M: Final = 0.036
_FINGER_M: Final = (0.01844, 0.05800)  # closed and open
_CRANK_RAD: Final = (-0.6213, 1.4910)  # closed and open, ALOHA
_PI_CRANK_RAD: Final = (0.5476, 1.6296)  # the same of the robots that the models were trained on


def state_to_pi(state: Array) -> Array:
    """Return an observed joint vector (..., 14) as the models know it."""
    pi = _turned(state)
    finger = _unscaled(pi[..., _GRIPPERS], _FINGER_M)
    sine = (_HORN_M**2 + finger**2 - _ROD_M**2) / (2.0 * _HORN_M * finger)
    pi[..., _GRIPPERS] = _scaled(np.arcsin(np.clip(sine, -1.0, 1.0)), _PI_CRANK_RAD)
    return pi


def action_to_pi(action: Array) -> Array:
    """Return a commanded joint vector (..., 14) as the models are trained on it."""
    pi = _turned(action)
    pi[..., _GRIPPERS] = _unscaled(pi[..., _GRIPPERS], _CRANK_RAD) - _PI_CRANK_RAD[0]
    return pi


def action_from_pi(action: Array) -> Array:
    """Return what a model wants done (..., 14) as a command."""
    aloha = _turned(action)
    aloha[..., _GRIPPERS] = _scaled(aloha[..., _GRIPPERS] + _PI_CRANK_RAD[0], _CRANK_RAD)
    return aloha


def _turned(joints: Array) -> Array:
    """Return a copy with the two joints turned, which is its own inverse.

    Raises:
        ValueError: these are not fourteen joints.
    """
    if joints.shape[-1:] != _SIGNS.shape:
        raise ValueError(f"want (..., {len(_SIGNS)}) joints, got {joints.shape}")
    return np.asarray(joints * _SIGNS)


def _scaled(values: Array, ends: tuple[float, float]) -> Array:
    return (values - ends[0]) / (ends[1] - ends[0])


def _unscaled(values: Array, ends: tuple[float, float]) -> Array:
    return values * (ends[1] - ends[0]) + ends[0]
