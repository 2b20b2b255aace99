"""How to come to a stop on a time grid, with bounded acceleration and jerk."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def braked(velocity: Array, acceleration: Array, most: Array, jerk: Array, dt: float) -> Array:
    """Return the acceleration of the next step on the way to a stop.

    Repeated, it ends at velocity 0 and acceleration 0 exactly. In the last n steps the deceleration
    falls linearly, c n, c (n - 1), ..., c, which takes away c dt n (n + 1) / 2 of velocity;
    n is the least number of steps for which c stays within the jerk.

    Args:
        velocity: present velocity, any shape.
        acceleration: acceleration of the last step, same shape.
        most: greatest acceleration, broadcast against velocity.
        jerk: greatest jerk, broadcast against velocity.
        dt: step in seconds.
    """
    change = jerk * dt
    steps = np.ceil(0.5 * np.sqrt(1.0 + 8.0 * np.abs(velocity) / (change * dt)) - 0.5)
    steps = np.maximum(steps, 1.0)
    wanted = velocity * (-2.0 / dt) / (steps + 1.0)
    wanted = np.minimum(np.maximum(wanted, -most), most)
    return np.minimum(np.maximum(wanted, acceleration - change), acceleration + change)


def braking_steps(velocity: Array, acceleration: Array, most: Array, jerk: Array, dt: float) -> int:
    """Return a number of steps within which `braked` ends, for every entry."""
    peak = np.abs(velocity) + acceleration * acceleration / jerk + np.abs(acceleration) * dt
    seconds = peak / most + 2.0 * (most + np.abs(acceleration)) / jerk
    return int(np.max(seconds, initial=0.0) / dt) + 4


def braking_extent(
    velocity: Array, acceleration: Array, most: Array, jerk: Array, dt: float
) -> tuple[Array, Array, Array]:
    """Return how far braking goes: least and greatest displacement, and greatest speed.

    Args:
        velocity: velocity of the step just made.
        acceleration: acceleration of the step just made.
        most: greatest acceleration.
        jerk: greatest jerk.
        dt: step in seconds.
    """
    v, a = velocity, acceleration
    moved = least = greatest = np.zeros_like(v)
    fastest = np.abs(v)
    for _ in range(braking_steps(velocity, acceleration, most, jerk, dt)):
        a = braked(v, a, most, jerk, dt)
        v = v + a * dt
        moved = moved + v * dt
        least = np.minimum(least, moved)
        greatest = np.maximum(greatest, moved)
        fastest = np.maximum(fastest, np.abs(v))
    return least, greatest, fastest


def braking_reach(
    velocity: Array, acceleration: Array, most: Array, jerk: Array, dt: float
) -> tuple[Array, Array]:
    """Return upper bounds, cheap and never too small, on braking displacement and speed."""
    push = np.abs(acceleration)
    ease = push / jerk + dt
    peak = np.abs(velocity) + push * ease
    return peak * (ease + 0.5 * (peak / most + most / jerk) + 2.0 * dt), peak
