"""What a permit allows: nothing once it is old, and never more than it says."""

from hypothesis import given
from hypothesis import strategies as st

from messaging.messages import MOTIONS, Permit
from motion.leave import MOST_AGE_NS, NONE, allowed, permits

motions = st.sampled_from(MOTIONS)
moments = st.integers(0, 2**62)


@given(motions, moments, st.integers(-(2**61), 2**61))
def test_only_a_fresh_permit_allows_anything(motion: str, t_ns: int, age_ns: int) -> None:
    permit = Permit(1, 1, t_ns, motion, 1.0)
    fresh = 0 <= age_ns <= MOST_AGE_NS
    assert allowed(permit, t_ns + age_ns) == (motion if fresh else NONE)


@given(moments)
def test_no_permit_and_one_of_an_unknown_kind_allow_nothing(now_ns: int) -> None:
    assert allowed(None, now_ns) == NONE
    assert allowed(Permit(1, 1, now_ns, "everything", 1.0), now_ns) == NONE


def test_leave_for_more_includes_leave_for_less() -> None:
    granted = {
        motion: [wanted for wanted in MOTIONS if permits(motion, wanted)] for motion in MOTIONS
    }
    assert granted == {
        "none": ["none"],
        "rest": ["none", "rest"],
        "poses": ["none", "rest", "poses"],
        "all": ["none", "rest", "poses", "all"],
    }
