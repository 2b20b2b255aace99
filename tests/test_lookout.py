"""What is said of an arm as a whole: damage on its line, strain of its motors."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from drivers.dynamixel.lookout import Damage

CYCLE_NS = 10_000_000
ANSWERS = 7


def noted(damaged: list[int]) -> tuple[Damage, int]:
    """Return what is known after so many damaged packets in each cycle, and when that is."""
    damage = Damage(ANSWERS, 0)
    for cycle, count in enumerate(damaged, start=1):
        damage.note(count, cycle * CYCLE_NS)
    return damage, len(damaged) * CYCLE_NS


def test_four_damaged_cycles_are_no_burst_and_five_are() -> None:
    damage, now_ns = noted([1, 1, 1, 1, 0, 1, 1, 1, 1])
    assert not damage.is_burst(now_ns)
    damage.note(1, now_ns)
    assert damage.is_burst(now_ns)
    damage.note(0, now_ns)
    assert damage.is_burst(now_ns + 999_000_000)
    assert not damage.is_burst(now_ns + 1_000_000_000)


def test_the_share_is_that_of_the_last_whole_second() -> None:
    assert noted([1] * 99)[0].share == 0.0
    assert noted([7] + [0] * 99)[0].share == 0.01
    assert noted([14] + [0] * 99)[0].share == 0.02
    assert noted([14] + [0] * 199)[0].share == 0.0


@given(st.lists(st.integers(0, 20), max_size=300))
def test_a_share_is_never_more_than_all(damaged: list[int]) -> None:
    assert 0.0 <= noted(damaged)[0].share <= 1.0
