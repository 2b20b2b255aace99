"""Going back: along the way that the arms came, from rest to rest, never faster than they came."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teleop.device import Array
from teleop.rewind import RAMP_S, SPEED, Rewind, Trail

DT_S = 0.01
TICK_NS = 10_000_000


def way(count: int, seed: int = 0) -> Array:
    """Return smooth commands (count, 2) at full speed."""
    draw = np.random.default_rng(seed)
    t = np.arange(count) * DT_S
    waves = [np.sin(2 * np.pi * draw.uniform(0.1, 1.0) * t + draw.uniform(0, 6)) for _ in range(2)]
    return 0.3 * np.array(waves).T


def trailed(rows: Array, begin_ns: int = 1_000_000_000) -> Trail:
    trail = Trail()
    for place, row in enumerate(rows):
        trail.note(begin_ns + place * TICK_NS, row)
    return trail


def played(rewind: Rewind) -> Array:
    count = int(np.ceil(rewind.duration_s / DT_S)) + 1
    return np.array([rewind.at(i * DT_S) for i in range(count)])


def back(trail: Trail, seconds: float) -> Rewind:
    rewind = trail.back(seconds)
    assert rewind is not None
    return rewind


@settings(max_examples=30, deadline=None)
@given(st.integers(20, 600), st.floats(0.02, 12.0), st.integers(0, 99))
def test_it_begins_at_the_end_and_ends_so_many_seconds_before(
    count: int, seconds: float, seed: int
) -> None:
    rows = way(count, seed)
    rewind = back(trailed(rows), seconds)
    first = max(0, count - 1 - int(np.ceil(seconds / DT_S - 1e-4)))
    assert rewind.at(0.0) == pytest.approx(rows[-1])
    assert rewind.at(rewind.duration_s) == pytest.approx(rows[first], abs=1e-6)
    assert rewind.at(1e6) == pytest.approx(rows[first], abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(st.integers(20, 600), st.floats(0.02, 12.0), st.integers(0, 99))
def test_it_is_on_the_way_at_half_its_speed_at_most(count: int, seconds: float, seed: int) -> None:
    rows = way(count, seed)
    steps = np.abs(np.diff(played(back(trailed(rows), seconds)), axis=0))
    assert (steps <= SPEED * np.abs(np.diff(rows, axis=0)).max(axis=0) + 1e-9).all()


def test_it_starts_and_stops_gently() -> None:
    line = np.arange(200.0)[:, None] * DT_S  # 1 rad/s
    speeds = -np.diff(played(back(trailed(line), 1.5)), axis=0)[:, 0] / DT_S
    assert speeds[0] < 0.02
    assert speeds[-1] < 0.02
    assert speeds.max() == pytest.approx(SPEED)
    assert np.abs(np.diff(speeds)).max() / DT_S < 1.6 * SPEED / RAMP_S


def test_a_second_way_back_leads_further() -> None:
    line = np.arange(300.0)[:, None] * DT_S
    trail = trailed(line)
    first, second = back(trail, 1.0), back(trail, 1.0)
    assert first.at(1e6)[0] == pytest.approx(line[-1, 0] - 1.0)
    assert second.at(0.0)[0] == pytest.approx(line[-1, 0] - 1.0)
    assert second.at(1e6)[0] == pytest.approx(line[-1, 0] - 2.0)


def test_what_comes_after_a_way_back_goes_on_where_it_ended() -> None:
    line = np.arange(300.0)[:, None] * DT_S
    trail = trailed(line)
    end = back(trail, 1.0).at(1e6)
    for place in range(50):
        trail.note(10**11 + place * TICK_NS, end + place * DT_S)
    assert trail.length_s == pytest.approx(2.99 - 1.0 + 0.49)
    again = back(trail, 1.0)
    assert again.at(0.0) == pytest.approx(end + 0.49)
    assert again.at(1e6) == pytest.approx(end - 0.51)


def test_it_knows_ten_seconds() -> None:
    trail = trailed(way(2000))
    assert trail.length_s == pytest.approx(10.0, abs=2 * DT_S)


def test_without_a_way_there_is_no_way_back() -> None:
    assert Trail().back(2.0) is None
    assert trailed(way(1)).back(2.0) is None
    trail = trailed(way(50))
    trail.clear()
    assert trail.back(2.0) is None


def test_nothing_is_gone_back_on_in_no_time() -> None:
    trail = trailed(way(50))
    assert trail.back(0.0) is None
    assert trail.length_s == pytest.approx(0.49)


@pytest.mark.parametrize("gap_ns", [-TICK_NS, 200_000_000])
def test_after_a_gap_the_trail_begins_anew(gap_ns: int) -> None:
    rows = way(50)
    trail = trailed(rows)
    trail.note(1_000_000_000 + 49 * TICK_NS + gap_ns, rows[-1])
    assert trail.length_s == 0.0


def test_after_a_leap_the_trail_begins_anew() -> None:
    rows = way(50)
    trail = trailed(rows)
    trail.note(1_000_000_000 + 50 * TICK_NS, rows[-1] + 0.2)
    assert trail.length_s == 0.0


def test_a_way_of_other_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="want rows"):
        Rewind(np.zeros(3), np.zeros((2, 2)))
    with pytest.raises(ValueError, match="want rows"):
        Rewind(np.zeros(0), np.zeros((0, 2)))


def test_a_way_that_took_no_time_is_over_at_once() -> None:
    rewind = Rewind(np.zeros(1), np.ones((1, 2)))
    assert rewind.duration_s == 0.0
    assert rewind.at(0.0) == pytest.approx(np.ones(2))
