"""Chunks sit on the plan where their observation was captured, not where they arrived."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.alignment import aligned

DT_NS = 10_000_000
MS = 1_000_000


def line(count: int, slope: float) -> np.ndarray:
    return slope * np.arange(count)[:, None] * np.ones((1, 2))


def test_actions_fall_on_their_ticks() -> None:
    actions = np.random.default_rng(0).normal(size=(10, 2))
    chunk = aligned(actions, 40.0, 20 * MS, DT_NS, 0)
    assert chunk.first == 40
    assert chunk.stop == 40 + 19
    assert chunk.rows[::2].tolist() == actions.tolist()


def test_actions_as_dense_as_the_grid_are_taken_as_they_are() -> None:
    actions = np.random.default_rng(0).normal(size=(10, 2))
    assert aligned(actions, 7.0, DT_NS, DT_NS, 0).rows.tolist() == actions.tolist()


@pytest.mark.parametrize("dt_ms", [10, 20, 80])
def test_a_line_stays_a_line_at_any_cursor(dt_ms: int) -> None:
    chunk = aligned(line(12, dt_ms / 10.0), 3.3, dt_ms * MS, DT_NS, 0)
    expected = np.arange(chunk.first, chunk.stop) - 3.3
    np.testing.assert_allclose(chunk.rows[:, 0], expected, atol=1e-9)


@settings(deadline=None)
@given(st.floats(0.0, 1000.0), st.integers(2, 60), st.sampled_from([20, 25, 80]))
def test_it_covers_its_own_span_and_no_more(cursor: float, count: int, dt_ms: int) -> None:
    chunk = aligned(line(count, 1.0), cursor, dt_ms * MS, DT_NS, 0)
    assert chunk.first >= cursor - 1e-6
    assert chunk.stop - 1 <= cursor + (count - 1) * dt_ms / 10 + 1e-6
    assert len(chunk.rows) >= (count - 1) * dt_ms / 10 - 1


def test_a_smooth_curve_between_keyframes_is_met_closely() -> None:
    time = np.arange(20) * 0.08
    chunk = aligned(np.sin(2.0 * time)[:, None], 0.0, 80 * MS, DT_NS, 0)
    expected = np.sin(2.0 * np.arange(len(chunk.rows)) * 0.01)
    assert np.abs(chunk.rows[9:-9, 0] - expected[9:-9]).max() < 1e-3


def test_since_cuts_what_is_past_and_holds_what_is_to_come() -> None:
    chunk = aligned(line(10, 1.0), 5.0, DT_NS, DT_NS, 0)
    assert chunk.since(8).rows[:, 0].tolist() == [3, 4, 5, 6, 7, 8, 9]
    early = chunk.since(3)
    assert early.first == 3
    assert early.rows[:4, 0].tolist() == [0, 0, 0, 1]
