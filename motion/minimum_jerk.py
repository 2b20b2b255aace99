"""The smoothest way from rest at one pose to rest at another, and to rest from a motion."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from motion.limits import JointLimits

Array = NDArray[np.float64]

# Greatest derivatives of 10 u^3 - 15 u^4 + 6 u^5 on 0..1.
PEAK_VELOCITY = 1.875
PEAK_ACCELERATION = 10.0 / np.sqrt(3.0)
PEAK_JERK = 60.0


def duration(distance: Array, limits: JointLimits) -> float:
    """Return the least time in seconds in which every joint covers its `distance` (J,)."""
    return float(np.max(durations(distance, limits)))


def durations(distance: Array, limits: JointLimits) -> Array:
    """Return the least times (J,) in seconds in which the joints cover their `distance` (J,)."""
    gap = np.abs(distance)
    longest: Array = np.maximum(
        np.maximum(
            PEAK_VELOCITY * gap / limits.velocity,
            np.sqrt(PEAK_ACCELERATION * gap / limits.acceleration),
        ),
        np.cbrt(PEAK_JERK * gap / limits.jerk),
    )
    return longest


def blend(u: Array) -> Array:
    """Return how much of a motion from rest to rest is done at fraction `u` of its time, 0..1.

    Flash and Hogan (1985): minimum integrated squared jerk between two rests is this quintic.
    """
    return u**3 * (10.0 - 15.0 * u + 6.0 * u * u)


def path(start: Array, goal: Array, limits: JointLimits, dt: float) -> Array:
    """Return poses (N, J), one every `dt`, from `start` to `goal`, at rest at both ends.

    The joints move together, on a straight line in joint space.
    """
    # Finite differences exceed derivatives a little; a whole extra step covers that.
    steps = int(np.ceil(duration(goal - start, limits) / dt)) + 1
    u = np.linspace(0.0, 1.0, steps + 1)[:, None]
    return start + blend(u) * (goal - start)


# Greatest derivatives of the quintics from velocity 1, or from acceleration 1, to rest at zero.
VELOCITY_TO_ACCELERATION = 3.94
VELOCITY_TO_JERK = 36.0
ACCELERATION_TO_JERK = 9.0


def fading(
    offset: Array, velocity: Array, acceleration: Array, limits: JointLimits, dt: float
) -> Array:
    """Return an offset's way to zero (N, J), one row every `dt`; the last row is zero.

    Each part, that of the initial offset, of its velocity and of its acceleration, keeps `limits`
    in the derivatives above its own order.

    Args:
        offset: (J,) at time 0.
        velocity: (J,) the offset's last backward difference per `dt`.
        acceleration: (J,) its last second difference per `dt` squared.
        limits: of the J joints.
        dt: time between rows in seconds.
    """
    velocity = velocity + 0.5 * dt * acceleration  # a backward difference is half a step old
    speed, push = np.abs(velocity), np.abs(acceleration)
    seconds = max(
        duration(offset, limits),
        float(np.max(VELOCITY_TO_ACCELERATION * speed / limits.acceleration)),
        float(np.max(np.sqrt(VELOCITY_TO_JERK * speed / limits.jerk))),
        float(np.max(ACCELERATION_TO_JERK * push / limits.jerk)),
    )
    steps = int(np.ceil(seconds / dt))
    u = np.arange(1, steps + 1)[:, None] / max(steps, 1)
    whole = steps * dt
    return (
        (1.0 - blend(u)) * offset
        + (u + u**3 * (-6.0 + 8.0 * u - 3.0 * u * u)) * (velocity * whole)
        + u * u * (0.5 + u * (-1.5 + u * (1.5 - 0.5 * u))) * (acceleration * whole**2)
    )


def halting_s(velocity: Array, acceleration: Array, limits: JointLimits) -> Array:
    """Return the times (J,) in seconds in which `halted` brings each joint to rest.

    In these, jerk keeps `limits`, and so does what the velocity (J,) brings of acceleration.
    """
    speed, push, jerk = np.abs(velocity), np.abs(acceleration), limits.jerk
    # At the beginning, where it is greatest, the jerk is 6 v / t^2 + 4 a / t.
    gently = (2.0 * push + np.sqrt(4.0 * push * push + 6.0 * speed * jerk)) / jerk
    longest: Array = np.maximum(1.5 * speed / limits.acceleration, gently)
    return longest


def halted(velocity: Array, acceleration: Array, seconds: Array | float, u: Array) -> Array:
    """Return how far a motion gets by fraction `u` of the time that it takes to halt.

    Its velocity is the cubic with the given beginning that ends at rest. The arguments broadcast.

    Args:
        velocity: at the beginning.
        acceleration: at the beginning.
        seconds: until it is at rest.
        u: 0..1.
    """
    return np.asarray(
        u * (1.0 + u * u * (0.5 * u - 1.0)) * (velocity * seconds)
        + u * u * (0.5 + u * (0.25 * u - 2.0 / 3.0)) * (acceleration * seconds * seconds)
    )
