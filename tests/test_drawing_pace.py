"""How often the twin's pictures are drawn."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from perception.pace import DrawingPace

RATE_HZ = 30.0
NOMINAL_NS = round(1e9 / RATE_HZ)
STATE_NS = 5_000_000
FREE, CONTENDED = (6_000_000, 5_900_000), (60_000_000, 6_000_000)


def drawn_in_a_second(pace: DrawingPace, cost_ns: tuple[int, int]) -> int:
    drawn = 0
    for t_ns in range(STATE_NS, 1_000_000_000 + STATE_NS, STATE_NS):
        if pace.is_due(t_ns):
            drawn += 1
            pace.note_drawn(*cost_ns)
    return drawn


def test_a_free_processor_draws_at_the_nominal_rate() -> None:
    assert abs(drawn_in_a_second(DrawingPace(RATE_HZ), FREE) - RATE_HZ) <= 1


def test_a_contended_processor_draws_half_as_often_and_comes_back() -> None:
    pace = DrawingPace(RATE_HZ)
    for _ in range(10):
        pace.note_drawn(*CONTENDED)
    assert abs(drawn_in_a_second(pace, CONTENDED) - RATE_HZ / 2) <= 1
    for _ in range(100):
        pace.note_drawn(*FREE)
    assert pace.period_ns == NOMINAL_NS


@given(st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 10**9))))
def test_the_period_stays_within_once_and_twice_the_nominal(costs: list[tuple[int, int]]) -> None:
    pace = DrawingPace(RATE_HZ)
    for took_ns, worked_ns in costs:
        pace.note_drawn(took_ns, worked_ns)
        assert NOMINAL_NS <= pace.period_ns <= 2 * NOMINAL_NS + 1


def test_after_a_gap_no_picture_is_made_up_for() -> None:
    pace = DrawingPace(RATE_HZ)
    assert pace.is_due(10**9)
    assert pace.is_due(5 * 10**9)
    assert not pace.is_due(5 * 10**9 + STATE_NS)
