"""Which spans of waiting had a core in them that stood still."""

from __future__ import annotations

from benchmarks.stalls import Stalls


def test_whoever_waits_while_a_core_stands_still_is_explained() -> None:
    stalls = Stalls()
    stalls.found = [(50, 60), (10, 20), (12, 40)]
    spans = [(0, 10), (0, 11), (20, 30), (39, 45), (40, 50), (41, 51), (60, 70)]
    assert stalls.explain(spans) == [False, True, True, True, False, True, False]


def test_without_stalls_or_without_spans_nothing_is_explained() -> None:
    stalls = Stalls()
    assert stalls.explain([(0, 10)]) == [False]
    assert stalls.explain([]) == []
