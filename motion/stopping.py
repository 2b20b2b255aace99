"""Where a stop leads, from the state that a command leaves behind."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from motion.braking import braked
from motion.limits import JointLimits

Array = NDArray[np.float64]

_STILL = 1e-12  # what rounding leaves of a velocity or of an acceleration's step


def stopping_reach(velocity: Array, acceleration: Array, limits: JointLimits) -> Array:
    """Return how far each joint (J,) moves during a stop, at most; quick, and never too little.

    In continuous time: acceleration fades with the greatest jerk, then the velocity v that it has
    left behind is taken away by a ramp of deceleration up to its cap a and back, with jerk j. That
    takes v / a + a / j where the cap is reached. Where it is not, 2 sqrt(v / j), which is no more.

    Args:
        velocity: (J,) of the step just made.
        acceleration: (J,) of the step just made.
        limits: of the J joints.
    """
    most, jerk = limits.acceleration, limits.jerk
    ease = np.abs(acceleration) / jerk
    peak = np.abs(velocity) + 0.5 * jerk * ease * ease
    return np.asarray(peak * (ease + 0.5 * (peak / most + most / jerk)))


def stopping_path(velocity: Array, acceleration: Array, limits: JointLimits, dt: float) -> Array:
    """Return where each step of a stop (N, J) leads, from where it begins.

    Args:
        velocity: (J,) of the step just made.
        acceleration: (J,) of the step just made.
        limits: of the J joints.
        dt: time between steps in seconds.
    """
    most, jerk = limits.acceleration, limits.jerk
    moved, path, moving = np.zeros_like(velocity), [], True
    while moving:
        acceleration = braked(velocity, acceleration, most, jerk, dt)
        velocity = velocity + acceleration * dt
        moved = moved + velocity * dt
        path.append(moved)
        moving = max(np.abs(velocity).max(), np.abs(acceleration).max() * dt) > _STILL
    return np.array(path)
