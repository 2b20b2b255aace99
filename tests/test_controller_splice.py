"""A splice goes on as the motion was, and comes to where it should be."""

import numpy as np
import pytest

from controller.splice import THIRD_DIFFERENCE, spliced

DT, SMOOTHNESS, JOIN = 0.01, 3e-7, 0.3


@pytest.mark.parametrize("size", [1, 2, 3, 4, 7, 60])
def test_it_is_the_minimum_of_its_cost(size: int) -> None:
    random = np.random.default_rng(0)
    history, reference = random.normal(size=(3, 2)), random.normal(size=(size, 2))
    trust = np.minimum(0.02 + 0.98 * np.arange(size) * DT / JOIN, 1.0)
    differences = np.zeros((size, size + 3))
    for row in range(size):
        differences[row, row : row + 4] = THIRD_DIFFERENCE
    past, free = differences[:, :3], differences[:, 3:]
    weight = SMOOTHNESS / DT**6
    expected = np.linalg.solve(
        np.diag(trust) + weight * free.T @ free,
        trust[:, None] * reference - weight * free.T @ (past @ history),
    )
    np.testing.assert_allclose(
        spliced(history, reference, DT, SMOOTHNESS, JOIN), expected, atol=1e-6
    )


def test_position_velocity_and_acceleration_go_on_across_the_seam() -> None:
    time = np.arange(-3, 100) * DT
    motion = 0.5 * np.sin(2.0 * time)[:, None]
    rows = spliced(motion[:3], motion[3:] + 0.05, DT, SMOOTHNESS, JOIN)
    whole = np.concatenate((motion[:3], rows))
    assert np.abs(np.diff(whole, axis=0)).max() / DT < 1.5
    assert np.abs(np.diff(whole, 2, axis=0)).max() / DT**2 < 10.0
    assert np.abs(np.diff(whole, 3, axis=0)).max() / DT**3 < 150.0
    np.testing.assert_allclose(rows[60:90], motion[63:93] + 0.05, atol=3e-3)


def test_a_reference_that_goes_on_is_taken_nearly_as_it_is() -> None:
    motion = 0.5 * np.sin(np.arange(-3, 100) * DT)[:, None]
    np.testing.assert_allclose(
        spliced(motion[:3], motion[3:], DT, SMOOTHNESS, JOIN), motion[3:], atol=3e-4
    )


def test_from_rest_it_leaves_gently() -> None:
    rows = spliced(np.zeros((3, 1)), np.full((150, 1), 0.2), DT, SMOOTHNESS, JOIN)
    assert rows[0, 0] < 1e-3
    assert rows[-1, 0] == pytest.approx(0.2, abs=1e-2)
    assert np.abs(np.diff(rows, 2, axis=0)).max() / DT**2 < 25.0
