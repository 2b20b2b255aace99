"""What is a stall of the machine and what is a silence: by cases, and over random histories."""

from __future__ import annotations

from dataclasses import replace

import pytest
from findings import MS, NOW, REAL
from guarded_robot import heartbeat
from hypothesis import given
from hypothesis import strategies as st

from safety.cause import Findings
from safety.stall import Silence, Stalls, Verdict

MOST_S, STALL_S = 0.1, 1.5
MOST_NS, STALL_NS = 100 * MS, 1500 * MS
LOOK_NS = 20 * MS
SPEAKS_NS = 10 * MS
BRIEF_NS, GRACE_NS = 300 * MS, 200 * MS
NONE = Verdict()


def history(
    silences: list[tuple[int, int]], stalls: list[tuple[int, int]], until_ns: int, stall_s: float
) -> list[tuple[int, Verdict]]:
    """Return what each look finds of somebody who else speaks every 10 ms.

    Args:
        silences: begin and end of each.
        stalls: begin and end of each, told of when it is over.
        until_ns: the end of all.
        stall_s: as in the config.
    """
    known = Stalls(stall_s)
    silence = Silence("arm left", known)
    verdicts, heard_ns = [], 0
    for now_ns in range(LOOK_NS, until_ns, LOOK_NS):
        for spoken_ns in range(now_ns - LOOK_NS, now_ns, SPEAKS_NS):
            if not any(begin < spoken_ns < end for begin, end in silences):
                heard_ns = spoken_ns
        for begin_ns, end_ns in stalls:
            if now_ns - LOOK_NS < end_ns <= now_ns:
                said = heartbeat("twin", stall_ms=(end_ns - begin_ns) / MS, t_stall_ns=end_ns)
                known.hear(said)
        verdicts.append((now_ns, silence.look(heard_ns, MOST_S, now_ns)))
    return verdicts


def first(verdicts: list[tuple[int, Verdict]], what: str) -> int | None:
    return next((now_ns for now_ns, verdict in verdicts if getattr(verdict, what)), None)


def test_of_real_arms_every_silence_is_a_fault_at_once_and_ends_with_it() -> None:
    verdicts = history([(1000 * MS, 1400 * MS)], [(1000 * MS, 1400 * MS)], 2000 * MS, 0.0)
    faults = [now_ns for now_ns, verdict in verdicts if verdict.is_fault]
    assert 1100 * MS < faults[0] <= 1140 * MS
    assert faults[-1] <= 1420 * MS
    assert not any(verdict.holds or verdict.why for _, verdict in verdicts)


def test_a_stall_holds_is_told_and_passes() -> None:
    verdicts = history([(1000 * MS, 1400 * MS)], [(1000 * MS, 1400 * MS)], 2000 * MS, STALL_S)
    assert first(verdicts, "is_fault") is None
    held = [now_ns for now_ns, verdict in verdicts if verdict.holds]
    assert 1100 * MS < held[0] <= 1140 * MS
    assert held[-1] <= 1420 * MS
    assert {v.why for _, v in verdicts} == {"", "the machine stood still for 400 ms"}


@pytest.mark.parametrize(
    ("silent_ms", "stall_ms", "fault_ms"),
    [
        (390, 0, None),  # too short to be a fault
        (450, 0, 650),  # nobody explained it within the grace
        (9000, 0, 1600),  # goes on for longer than anybody stands still
        (9000, 400, 2100),  # so does what is left of it
        (970, 500, None),
        (1100, 500, 1300),
    ],
)
def test_a_silence_that_no_stall_explains_is_a_fault(
    silent_ms: int, stall_ms: int, fault_ms: int | None
) -> None:
    begin_ns = 1000 * MS
    stalls = [(begin_ns, begin_ns + stall_ms * MS)] if stall_ms else []
    verdicts = history([(begin_ns, begin_ns + silent_ms * MS)], stalls, 5000 * MS, STALL_S)
    fault_ns = first(verdicts, "is_fault")
    if fault_ms is None:
        assert fault_ns is None
    else:
        assert fault_ns is not None
        assert 0 < fault_ns - begin_ns - fault_ms * MS <= 50 * MS


def test_what_explains_nothing_is_told_by_how_long_it_was() -> None:
    verdicts = history([(1000 * MS, 1200 * MS)], [], 2000 * MS, STALL_S)
    assert "arm left said nothing for 210 ms" in {verdict.why for _, verdict in verdicts}


def test_only_those_who_play_or_drive_the_robot_are_believed() -> None:
    for name, is_believed in (("twin", True), ("arm.left", True), ("camera.high", False)):
        known = Stalls(STALL_S)
        assert known.hear(heartbeat(name)) == Findings()
        assert not known.told(0, 2 * NOW)
        told = heartbeat(name, stall_ms=100.0, t_stall_ns=NOW)
        held = Findings(held=True, holds=("the machine stood still for 100 ms",))
        assert known.hear(told) == (held if is_believed else Findings())
        assert known.hear(told) == Findings(), "once"
        assert bool(known.told(NOW - 1, NOW + 1)) == is_believed
    assert REAL.hear(told) == Findings()
    REAL.note(NOW, 2 * NOW)
    assert REAL.unexplained_ns(NOW, 2 * NOW) == NOW


spans = st.lists(
    st.tuples(st.integers(0, 3000), st.integers(1, 1400)).map(
        lambda span: (span[0] * MS, (span[0] + span[1]) * MS)
    ),
    max_size=6,
)


@given(spans=spans, begin=st.integers(0, 4000), length=st.integers(0, 4000))
def test_overlapping_stalls_count_once(
    spans: list[tuple[int, int]], begin: int, length: int
) -> None:
    known = Stalls(STALL_S)
    for span in spans:
        known.note(*span)
    unexplained = sum(
        not any(first < ms * MS < last + 100 * MS for first, last in spans)
        for ms in range(begin, begin + length)
    )
    counted = known.unexplained_ns(begin * MS, (begin + length) * MS) / MS
    assert abs(counted - unexplained) <= 2 * len(spans)


@given(stalls=spans, extra=st.lists(st.integers(0, 3), max_size=6))
def test_what_stalls_explain_is_never_a_fault(
    stalls: list[tuple[int, int]], extra: list[int]
) -> None:
    later = [*extra, *[0] * len(stalls)]
    silences = [
        (begin_ns + 10 * MS, end_ns + 20 * MS * more)
        for (begin_ns, end_ns), more in zip(stalls, later, strict=False)
    ]
    verdicts = history(silences, stalls, 6000 * MS, STALL_S)
    # Only one whose stalls together last for longer than anybody waits may be one.
    longest_ns = max((e for _, e in silences), default=0) - min((b for b, _ in silences), default=0)
    if longest_ns < STALL_NS:
        assert first(verdicts, "is_fault") is None
    assert verdicts[-1][1] == NONE


@given(
    silence=st.tuples(st.integers(500, 1500), st.integers(450, 4000)),
    stalls=spans,
)
def test_what_no_stall_explains_is_a_fault_within_its_bound(
    silence: tuple[int, int], stalls: list[tuple[int, int]]
) -> None:
    begin_ns, length_ns = (ms * MS for ms in silence)
    end_ns = begin_ns + length_ns
    # Who stands still for longer than the silence and its grace speaks too late.
    stalls = [span for span in stalls if span[1] < end_ns + GRACE_NS - 2 * LOOK_NS]
    known = Stalls(STALL_S)
    for span in stalls:
        known.note(*span)
    verdicts = history([(begin_ns, end_ns)], stalls, 8000 * MS, STALL_S)
    left_ns = known.unexplained_ns(begin_ns - 20 * MS, end_ns + 20 * MS)
    fault_ns = first(verdicts, "is_fault")
    if known.unexplained_ns(begin_ns + 20 * MS, end_ns) > MOST_NS + BRIEF_NS + 40 * MS:
        assert fault_ns is not None
        assert fault_ns <= end_ns + GRACE_NS + 60 * MS
    if left_ns <= MOST_NS + BRIEF_NS and length_ns < STALL_NS:
        assert fault_ns is None
    held = [now_ns for now_ns, verdict in verdicts if verdict.holds or verdict.is_fault]
    assert held[0] <= begin_ns + MOST_NS + 40 * MS, "it holds as soon as promised"


def test_a_second_silence_is_judged_beside_the_first() -> None:
    first_ns, second_ns = (1000 * MS, 1500 * MS), (1620 * MS, 1900 * MS)
    stalls = [(1000 * MS, 1490 * MS), (1620 * MS, 1890 * MS)]
    assert first(history([first_ns, second_ns], stalls, 3000 * MS, STALL_S), "is_fault") is None
    assert first(history([first_ns, second_ns], stalls[1:], 3000 * MS, STALL_S), "is_fault")


def test_what_holds_is_told_as_findings() -> None:
    verdict = Verdict(holds=True, why="so")
    assert (verdict.passing.held, verdict.passing.holds) == (True, ("so",))
    assert replace(verdict, why="").passing.holds == ()
