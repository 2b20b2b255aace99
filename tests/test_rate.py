"""The rate keeper: in phase for ever, and never two beats in quick succession."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime import rate
from runtime.rate import RateKeeper

pytestmark = pytest.mark.realtime

PERIOD_NS = 10_000_000


class Clock:
    """A clock that only moves when somebody works, sleeps or looks at it."""

    def __init__(self) -> None:
        self.now_ns = 5_000_000_000

    def monotonic_ns(self) -> int:
        self.now_ns += 1000
        return self.now_ns

    def sleep(self, seconds: float) -> None:
        self.now_ns += round(seconds * 1e9)


def beats_after(work_ns: list[int]) -> tuple[list[int], RateKeeper]:
    """Return when, since its start, a loop with rounds of `work_ns` was woken."""
    clock = Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rate, "time", clock)
        keeper = RateKeeper(1e9 / PERIOD_NS)
        start_ns = clock.now_ns
        woken = []
        for round_ns in work_ns:
            clock.now_ns += round_ns
            woken.append(keeper.wait() - start_ns)
    return woken, keeper


def test_beats_stay_on_absolute_deadlines() -> None:
    woken, keeper = beats_after([2_000_000] * 500)
    assert woken == pytest.approx([PERIOD_NS * (i + 1) for i in range(500)], abs=2000)
    assert keeper.missed == 0


def test_a_stall_skips_beats_and_counts_them() -> None:
    woken, keeper = beats_after([0, 47_000_000, 0])
    assert [round(t / PERIOD_NS) for t in woken] == [1, 6, 7]
    assert keeper.missed == 4


def test_a_little_late_is_late_and_no_missed_beat() -> None:
    woken, keeper = beats_after([13_000_000, 0])
    assert woken[0] == pytest.approx(13_000_000, abs=5000)
    assert woken[1] == pytest.approx(20_000_000, abs=5000)
    assert keeper.missed == 0


def test_lateness_is_how_far_past_the_beat_the_caller_woke() -> None:
    _, keeper = beats_after([13_000_000])
    assert keeper.late_ns == pytest.approx(3_000_000, abs=5000)


@given(st.lists(st.integers(0, 100_000_000), min_size=2, max_size=30))
def test_beats_and_misses_add_up_and_never_come_in_bursts(work_ns: list[int]) -> None:
    woken, keeper = beats_after(work_ns)
    assert round((woken[-1] - keeper.late_ns) / PERIOD_NS) == len(woken) + keeper.missed
    assert all(later - earlier > 0.49 * PERIOD_NS for earlier, later in pairwise(woken))
    assert 0 <= keeper.late_ns <= 0.51 * PERIOD_NS


@pytest.mark.parametrize("rate_hz", [0.0, -1.0, float("nan")])
def test_a_rate_that_is_none_is_refused(rate_hz: float) -> None:
    with pytest.raises(ValueError, match="rate must be above 0 Hz"):
        RateKeeper(rate_hz)


def test_the_true_clock_is_kept_too() -> None:
    keeper = RateKeeper(200.0)
    first_ns = keeper.wait() - keeper.late_ns
    for _ in range(20):
        last_ns = keeper.wait() - keeper.late_ns
    assert last_ns - first_ns == (20 + keeper.missed) * keeper.period_ns
