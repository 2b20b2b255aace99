"""What a permit says to an arm: pure, for any permit at any time."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.leave import NO_LEAVE, NO_PERMIT, OTHER_LEAVE, denial, ordered, refusal, withdraws
from messaging.messages import CUT, MOTIONS, OFF, Permit
from motion.leave import MOST_AGE_NS

NOW_NS = 10_000_000_000
GIVEN = Permit(epoch=3, seq=9, t_ns=NOW_NS - 1_000_000, motion="all", speed=1.0)
REVOKED = replace(GIVEN, seq=10, motion="none")
OLD = replace(GIVEN, t_ns=NOW_NS - MOST_AGE_NS - 1)

PERMITS = st.builds(
    Permit,
    epoch=st.integers(0, 5),
    seq=st.integers(0, 100),
    t_ns=st.integers(NOW_NS - 2 * MOST_AGE_NS, NOW_NS + MOST_AGE_NS),
    motion=st.sampled_from((*MOTIONS, "", "everything")),
    speed=st.floats(0.0, 1.0),
    order=st.sampled_from(("", OFF, CUT, "dance")),
)


@pytest.mark.parametrize(
    ("permit", "reason"),
    [
        (None, NO_PERMIT),
        (OLD, NO_PERMIT),
        (replace(GIVEN, t_ns=NOW_NS + 1), NO_PERMIT),
        (REVOKED, NO_LEAVE),
        (replace(GIVEN, motion="everything"), NO_LEAVE),
        (replace(GIVEN, t_ns=NOW_NS - MOST_AGE_NS), ""),
        (replace(GIVEN, motion="rest"), ""),
    ],
)
def test_without_a_fresh_permit_nothing_may_move(permit: Permit | None, reason: str) -> None:
    assert denial(permit, NOW_NS) == reason
    assert refusal(permit, NOW_NS, GIVEN.epoch) == reason


@pytest.mark.parametrize("epoch", [0, 2, 4])
def test_a_command_counts_under_its_own_permit_alone(epoch: int) -> None:
    assert refusal(GIVEN, NOW_NS, epoch) == OTHER_LEAVE
    assert refusal(GIVEN, NOW_NS, GIVEN.epoch) == ""


@given(PERMITS, st.integers(0, 5))
def test_what_is_followed_has_a_fresh_leave_of_its_epoch(permit: Permit, epoch: int) -> None:
    if refusal(permit, NOW_NS, epoch) == "":
        assert 0 <= NOW_NS - permit.t_ns <= MOST_AGE_NS
        assert permit.motion in MOTIONS[1:]
        assert permit.epoch == epoch
        assert denial(permit, NOW_NS) == ""


@pytest.mark.parametrize(
    ("permit", "order"),
    [
        (None, ""),
        (replace(OLD, motion="none", order=CUT), ""),
        (REVOKED, ""),
        (replace(REVOKED, order=OFF), OFF),
        (replace(GIVEN, order=OFF), ""),
        (replace(REVOKED, order=CUT), CUT),
        (replace(GIVEN, order=CUT), CUT),
        (replace(REVOKED, order="dance"), ""),
    ],
)
def test_letting_go_takes_a_fresh_order(permit: Permit | None, order: str) -> None:
    assert ordered(permit, NOW_NS) == order


@pytest.mark.parametrize(
    ("permit", "before", "stop"),
    [
        (GIVEN, None, False),
        (GIVEN, GIVEN, False),
        (replace(GIVEN, motion="poses"), GIVEN, False),
        (replace(GIVEN, speed=0.1), GIVEN, False),
        (REVOKED, GIVEN, True),
        (REVOKED, REVOKED, False),
        (REVOKED, OLD, False),
        (replace(GIVEN, epoch=4), GIVEN, True),
        (GIVEN, REVOKED, False),
        (replace(REVOKED, order=OFF), REVOKED, True),
        (replace(REVOKED, order=CUT), None, True),
        (replace(REVOKED, order=OFF), replace(REVOKED, order=OFF), False),
    ],
)
def test_a_permit_that_ends_a_leave_or_orders_is_told_from_a_routine_one(
    permit: Permit, before: Permit | None, stop: bool
) -> None:
    assert withdraws(permit, before, NOW_NS) is stop


@given(PERMITS, PERMITS)
def test_who_may_not_go_on_under_the_new_permit_stops_at_once(new: Permit, old: Permit) -> None:
    if denial(old, NOW_NS) == "" and refusal(new, NOW_NS, old.epoch):
        assert withdraws(new, old, NOW_NS)
