"""Rows at a fixed rate: which moment, which image, which action."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from recorder_scene import JOINTS

from messaging.messages import ActionChunk
from recorder.recorded import Series
from recorder.resample import at, intended, nearest, rows

PERIOD_NS = 33_333_333
SECOND_NS = 1_000_000_000


def stamps(count: int, seed: int = 0, jitter_ns: int = 0) -> NDArray[np.int64]:
    jitter = np.random.default_rng(seed).integers(-jitter_ns, jitter_ns + 1, count)
    return SECOND_NS + np.arange(count) * PERIOD_NS + jitter


@given(seed=st.integers(0, 1000), jitter_ms=st.integers(0, 6))
def test_each_row_has_the_next_image_however_the_camera_jitters(seed: int, jitter_ms: int) -> None:
    camera = stamps(60, seed, jitter_ms * 1_000_000)
    found = rows({"high": camera}, int(camera[0]), int(camera[-1]) + PERIOD_NS // 2, 30)
    shown = found.shown["high"].index
    assert list(shown) == list(range(len(shown)))
    assert len(shown) >= 59
    assert np.array_equal(found.t_ns, camera[: len(shown)])
    assert not found.gap.any()


@given(missing=st.sets(st.integers(1, 58), min_size=1, max_size=20))
def test_an_image_that_did_not_come_is_a_gap_and_none_is_made_up(missing: set[int]) -> None:
    camera = np.delete(stamps(60), sorted(missing))
    found = rows({"high": camera}, SECOND_NS, int(camera[-1]) + PERIOD_NS // 2, 30)
    assert {int(row) for row in np.flatnonzero(found.gap)} == missing
    fresh = np.diff(found.shown["high"].index, prepend=-1) > 0
    assert np.array_equal(found.t_ns[fresh], camera)
    assert (np.diff(found.t_ns) > 0).all()


@given(late_ms=st.integers(17, 32))
def test_an_image_too_late_for_its_row_is_a_gap_by_however_little(late_ms: int) -> None:
    camera = stamps(60)
    camera[20] += late_ms * 1_000_000
    found = rows({"high": camera}, SECOND_NS, int(camera[-1]) + PERIOD_NS // 2, 30)
    assert list(np.flatnonzero(found.gap)) == [20]
    whole = ~found.gap
    assert np.array_equal(found.t_ns[whole], camera[found.shown["high"].index[whole]])


@given(periods=st.lists(st.integers(1, 9), min_size=4, max_size=60))
def test_a_camera_that_is_starved_leaves_rows_where_the_grid_has_them(periods: list[int]) -> None:
    # It draws some of the twin's 60 states a second.
    camera = SECOND_NS + np.cumsum([0, *periods]) * PERIOD_NS // 2
    found = rows({"high": camera}, SECOND_NS, int(camera[-1]), 30)
    off_ns = found.t_ns - found.t_ns[0] - np.arange(len(found.t_ns)) * PERIOD_NS
    assert np.abs(off_ns).max() <= PERIOD_NS + 2000  # the first row may be off by half of it too


def test_a_camera_that_is_lost_leaves_a_gap_to_the_end() -> None:
    other = stamps(60)
    found = rows({"high": stamps(60), "low": other[:20]}, SECOND_NS, int(other[-1]) + 1000, 30)
    assert list(np.flatnonzero(found.gap)) == list(range(20, 60))
    assert (found.shown["low"].index[20:] == 19).all()


def test_a_camera_without_images_is_one_gap() -> None:
    found = rows(
        {"high": stamps(30), "low": np.empty(0, np.int64)}, SECOND_NS, SECOND_NS + 9 * PERIOD_NS, 30
    )
    assert found.gap.all()
    assert (found.shown["low"].index == -1).all()


def test_without_cameras_rows_follow_the_clock() -> None:
    found = rows({}, SECOND_NS, 2 * SECOND_NS, 50)
    assert np.array_equal(found.t_ns, SECOND_NS + np.arange(51) * 20_000_000)
    assert not found.gap.any()


def test_a_faster_rate_repeats_images_and_moves_on_between_them() -> None:
    camera = stamps(30)
    found = rows({"high": camera}, SECOND_NS, int(camera[-1]), 50)
    assert (np.diff(found.t_ns) > 0).all()
    assert not found.gap.any()
    assert np.abs(found.t_ns - camera[found.shown["high"].index]).max() <= PERIOD_NS


@given(phase_ns=st.integers(0, PERIOD_NS - 1))
def test_other_cameras_show_the_image_taken_nearest(phase_ns: int) -> None:
    high, low = stamps(40), stamps(42) - PERIOD_NS + phase_ns
    found = rows({"high": high, "low": low}, int(high[1]), int(high[-2]), 30)
    off = np.abs(low[found.shown["low"].index] - found.t_ns)
    assert off.max() <= PERIOD_NS / 2 + 1
    assert not found.gap.any()


def test_values_are_read_between_the_samples_around() -> None:
    series = Series(np.array([0, 10_000_000]), np.array([[0.0, 1.0], [1.0, 3.0]]))
    read = at(series, np.array([-5, 2_500_000, 99_000_000]))
    assert np.allclose(read, np.array([[0.0, 1.0], [0.25, 1.5], [1.0, 3.0]]))


def test_values_are_not_made_up_where_samples_are_missing() -> None:
    series = Series(np.array([0, 100_000_000]), np.array([[0.0], [1.0]]))
    assert at(series, np.array([40_000_000, 60_000_000])).tolist() == [[0.0], [1.0]]


def test_a_single_sample_is_what_there_is() -> None:
    series = Series(np.array([7]), np.array([[3.0]]))
    assert at(series, np.array([0, 100])).tolist() == [[3.0], [3.0]]


def test_the_nearest_stamp_is_before_or_after() -> None:
    assert nearest(np.array([0, 10, 20]), np.array([-5, 4, 6, 15, 99])).tolist() == [0, 0, 1, 1, 2]


def chunk(seq: int, t_obs_ns: int, value: float, joints: tuple[str, ...] = JOINTS) -> ActionChunk:
    actions = value + np.arange(10)[:, None] * np.ones(len(joints))
    return ActionChunk("flow", seq, t_obs_ns, 0.0, 1, 10, joints, actions, {})


def test_the_newest_chunk_observed_before_says_what_the_policy_meant() -> None:
    moments = np.array([90, 100, 115, 200, 205, 295])
    otherwise = np.full((6, len(JOINTS)), -1.0)
    values, valid = intended([chunk(1, 100, 0.0), chunk(2, 200, 50.0)], JOINTS, moments, otherwise)
    assert valid.tolist() == [False, True, True, True, True, False]
    assert values[:, 0].tolist() == [-1.0, 0.0, 1.5, 50.0, 50.5, -1.0]


def test_a_chunk_of_other_joints_means_nothing() -> None:
    otherwise = np.zeros((1, len(JOINTS)))
    _, valid = intended([chunk(1, 0, 1.0, JOINTS[:7])], JOINTS, np.array([5]), otherwise)
    assert not valid.any()
