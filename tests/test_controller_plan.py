"""The plan: exact on the grid, smooth between, constant outside."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.plan import Plan, quintic_weights

ROWS = np.random.default_rng(0).normal(size=(20, 3))
PLAN = Plan(100, ROWS)


def test_it_is_exact_on_the_grid() -> None:
    for index in range(20):
        assert PLAN.at(100.0 + index).tolist() == ROWS[index].tolist()


def test_it_is_constant_outside() -> None:
    assert PLAN.at(50.5).tolist() == ROWS[0].tolist()
    assert PLAN.at(119.0).tolist() == ROWS[-1].tolist()
    np.testing.assert_allclose(PLAN.at(1e6 + 0.3), ROWS[-1])


def test_position_velocity_and_acceleration_are_continuous_at_grid_points() -> None:
    step = 1e-4
    around = np.array([PLAN.at(105.0 + step * k) for k in range(-3, 4)])
    for order in (1, 2):
        rate = np.diff(around, order, axis=0) / step**order
        assert np.abs(rate[-1] - rate[0]).max() < 0.05


def test_it_reproduces_parabolas_between_grid_points() -> None:
    time = np.arange(10.0)
    plan = Plan(0, (2.0 + 0.5 * time - 0.1 * time**2)[:, None])
    assert plan.at(4.3)[0] == pytest.approx(2.0 + 0.5 * 4.3 - 0.1 * 4.3**2)


@given(st.floats(0.0, 1.0))
def test_weights_add_up_to_one(u: float) -> None:
    assert quintic_weights(u).sum() == pytest.approx(1.0)


@pytest.mark.parametrize("cursor", [103.0, 103.4, 117.9])
def test_upcoming_rows_are_those_of_the_coming_ticks(cursor: float) -> None:
    expected = np.array([PLAN.at(cursor + k) for k in range(8)])
    np.testing.assert_allclose(PLAN.upcoming(cursor, 8), expected, atol=1e-12)


def test_a_joined_plan_keeps_what_came_before() -> None:
    plan = PLAN.joined(110, np.zeros((5, 3)), 4)
    assert plan.last == 114
    assert plan.between(106, 110).tolist() == ROWS[6:10].tolist()
    assert not plan.at(112.0).any()


def test_a_resting_plan_stays() -> None:
    plan = Plan.at_rest(7.6, ROWS[0])
    assert plan.resting
    assert plan.at(9.0).tolist() == ROWS[0].tolist()
