"""Braking on a time grid ends, exactly, within its bounds."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from motion.braking import braked, braking_extent, braking_reach, braking_steps

MOST, JERK = np.array(25.0), np.array(800.0)
VELOCITY = st.floats(-3.0, 3.0)
ACCELERATION = st.floats(-25.0, 25.0)
DT = st.sampled_from([0.005, 0.01, 0.02])


def stop(velocity: float, acceleration: float, dt: float) -> np.ndarray:
    """Return (steps, 3) displacement, velocity and acceleration until braking should be over."""
    v, a, moved = np.array(velocity), np.array(acceleration), 0.0
    rows = []
    for _ in range(braking_steps(v, a, MOST, JERK, dt)):
        a = braked(v, a, MOST, JERK, dt)
        v = v + a * dt
        moved += float(v) * dt
        rows.append((moved, float(v), float(a)))
    return np.array(rows)


@settings(max_examples=100, deadline=None)
@given(VELOCITY, ACCELERATION, DT)
def test_it_ends_at_rest(velocity: float, acceleration: float, dt: float) -> None:
    rows = stop(velocity, acceleration, dt)
    assert abs(rows[-1, 1]) < 1e-9
    assert abs(rows[-1, 2]) < 1e-6


@settings(max_examples=100, deadline=None)
@given(VELOCITY, ACCELERATION, DT)
def test_it_keeps_acceleration_and_jerk(velocity: float, acceleration: float, dt: float) -> None:
    accelerations = np.concatenate(([acceleration], stop(velocity, acceleration, dt)[:, 2]))
    assert np.abs(accelerations).max() <= 25.0 + 1e-9
    assert np.abs(np.diff(accelerations)).max() <= 800.0 * dt + 1e-9


@settings(max_examples=100, deadline=None)
@given(VELOCITY, ACCELERATION, DT)
def test_the_cheap_bound_is_never_too_small(
    velocity: float, acceleration: float, dt: float
) -> None:
    v, a = np.array([velocity]), np.array([acceleration])
    least, greatest, fastest = braking_extent(v, a, MOST, JERK, dt)
    reach, peak = braking_reach(v, a, MOST, JERK, dt)
    assert max(-least[0], greatest[0]) <= reach[0] + 1e-9
    assert fastest[0] <= peak[0] + 1e-9
    # Nor so great that an arm would be kept far from where it could stop.
    assert reach[0] - max(-least[0], greatest[0]) < 0.7
    assert peak[0] - fastest[0] < 1.3


def test_a_joint_at_rest_stays() -> None:
    assert braked(np.zeros(3), np.zeros(3), MOST, JERK, 0.01).tolist() == [0.0, 0.0, 0.0]
