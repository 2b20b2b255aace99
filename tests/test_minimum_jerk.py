"""Ways from rest to rest, and offsets that fade."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motion.limits import JointLimits, LimitsConfig
from motion.minimum_jerk import duration, fading, path

LIMITS = JointLimits.build(("a_one", "a_two"), [-3, -3], [3, 3], LimitsConfig())
DT = 0.01


def test_path_begins_and_ends_exactly() -> None:
    start, goal = np.array([0.1, -0.2]), np.array([1.0, 0.5])
    rows = path(start, goal, LIMITS, DT)
    assert rows[0].tolist() == start.tolist()
    np.testing.assert_allclose(rows[-1], goal, atol=1e-15)


@settings(max_examples=40, deadline=None)
@given(st.floats(-2.0, 2.0), st.floats(-2.0, 2.0))
def test_path_keeps_velocity_acceleration_and_jerk(one: float, two: float) -> None:
    rows = path(np.zeros(2), np.array([one, two]), LIMITS, DT)
    rows = np.concatenate((rows[:1], rows[:1], rows[:1], rows, rows[-1:], rows[-1:], rows[-1:]))
    for order, cap in ((1, 3.0), (2, 25.0), (3, 800.0)):
        assert np.abs(np.diff(rows, order, axis=0)).max() / DT**order <= cap * 1.001


def test_path_is_straight_in_joint_space() -> None:
    rows = path(np.zeros(2), np.array([1.0, 0.5]), LIMITS, DT)
    np.testing.assert_allclose(rows[:, 1], 0.5 * rows[:, 0])


def test_no_distance_takes_no_time() -> None:
    assert duration(np.zeros(2), LIMITS) == 0.0
    assert len(path(np.ones(2), np.ones(2), LIMITS, DT)) == 2


@pytest.mark.parametrize("size", [1e-5, 0.01, 1.0])
def test_a_fading_offset_goes_on_as_it_was_and_ends_at_zero(size: float) -> None:
    velocity, acceleration = np.array([0.2, -0.1]), np.array([1.0, 2.0])
    last = np.array([size, -size])
    before = last - DT * velocity
    earlier = last - 2 * DT * velocity + DT**2 * acceleration
    rows = np.concatenate(
        (
            [earlier, before, last],
            fading(last, velocity, acceleration, LIMITS, DT),
            np.zeros((3, 2)),
        )
    )
    assert np.abs(rows[-4]).max() < 1e-12
    assert np.abs(np.diff(rows, 3, axis=0)).max() / DT**3 < 1.7 * 800.0


def test_no_offset_fades_at_once() -> None:
    assert len(fading(np.zeros(2), np.zeros(2), np.zeros(2), LIMITS, DT)) == 0
