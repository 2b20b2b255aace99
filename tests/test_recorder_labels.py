"""Who commanded, whose correction it was, and what must not be joined."""

import numpy as np
import pytest

from recorder.labels import corrections, data_type, moved_by_person, segments, sources
from recorder.layout import Source

POLICY = (("policy", "run", 1),)


def found(*spans: tuple[str, str, int], rewinding: tuple[int, ...] = ()) -> list[Source]:
    """Return the sources of one tick a span."""
    flags = np.array([tick in rewinding for tick in range(len(spans))])
    who, modes, chunks = zip(*spans, strict=True)
    return [Source(int(code)) for code in sources(who, modes, chunks, flags)]


def test_the_policy_and_the_way_home() -> None:
    assert found(("home", "home", 0), ("hold", "run", 0), ("policy", "run", 1)) == [
        Source.RESET, Source.PAUSED, Source.AUTO,
    ]  # fmt: skip


def test_a_person_in_between_corrects() -> None:
    assert found(*POLICY, ("human", "human", 1), *POLICY)[1] is Source.INTERVENTION


def test_a_person_alone_demonstrates() -> None:
    spans = (("hold", "run", 0), ("human", "human", 0), ("hold", "hold", 0))
    assert found(*spans) == [Source.PAUSED, Source.DEMO, Source.PAUSED]


def test_after_a_hand_back_it_is_nobody_until_the_first_new_chunk() -> None:
    assert found(
        *POLICY,
        ("human", "human", 1),
        ("policy", "run", 1),
        ("hold", "run", 1),
        ("policy", "run", 2),
        ("hold", "run", 2),
    )[2:] == [Source.HANDOVER, Source.HANDOVER, Source.AUTO, Source.PAUSED]


def test_a_person_who_falls_silent_leaves_a_pause() -> None:
    assert found(*POLICY, ("human", "human", 1), ("hold", "hold", 1))[2] is Source.PAUSED


def test_rewinding_is_no_correction() -> None:
    spans = (*POLICY, ("human", "human", 1), ("human", "human", 1))
    codes = found(*spans, rewinding=(1,))
    assert codes[1:] == [Source.REWIND, Source.INTERVENTION]
    assert corrections(np.array(codes)).tolist() == [-1, 0, 0]


@pytest.mark.parametrize(
    ("codes", "kind"),
    [((1, 1), "auto"), ((1, 2, 4), "intervention"), ((3, 0), "demo"), ((1, 5), "auto")],
)
def test_the_data_type_follows_from_who_commanded(codes: tuple[int, ...], kind: str) -> None:
    assert data_type(np.array(codes)) == kind


def test_an_arm_that_a_person_left_still_was_not_corrected() -> None:
    codes = np.full(200, Source.INTERVENTION)
    human = np.zeros((200, 7))
    human[:, 3] = 0.004 * np.sin(np.arange(200))  # a hand trembles
    assert not moved_by_person(codes, human, 0.01).any()


def test_an_arm_was_corrected_around_the_time_that_it_moved() -> None:
    codes = np.full(300, Source.INTERVENTION)
    human = np.zeros((300, 7))
    human[150:, 0] = 0.02
    moved = np.flatnonzero(moved_by_person(codes, human, 0.01))
    assert (moved[0], moved[-1]) == (120, 179)


def test_what_the_device_did_before_the_takeover_counts_for_nothing() -> None:
    codes = np.full(300, Source.AUTO)
    codes[150:] = Source.INTERVENTION
    human = np.zeros((300, 7))
    human[:150, 0] = np.linspace(0, 1, 150)
    human[150:, 0] = 1.0
    assert not moved_by_person(codes, human, 0.01).any()


def test_an_arm_that_the_device_does_not_name_was_not_corrected() -> None:
    codes = np.full(100, Source.INTERVENTION)
    human = np.full((100, 7), np.nan)
    assert not moved_by_person(codes, human, 0.01).any()
    human[50:] = np.linspace(0, 1, 50)[:, None]
    assert np.flatnonzero(moved_by_person(codes, human, 0.01))[0] == 50


def test_corrections_are_counted() -> None:
    codes = np.array([1, 2, 2, 4, 1, 5, 2, 1])
    assert corrections(codes).tolist() == [-1, 0, 0, -1, -1, 1, 1, -1]


def test_motion_is_not_joined_across_an_epoch_a_change_of_hands_or_missing_ticks() -> None:
    t_ns = np.array([0, 10, 20, 30, 40, 100]) * 1_000_000
    epochs = np.array([1, 1, 2, 2, 2, 2])
    codes = np.array([1, 1, 1, 1, 3, 3])
    assert segments(t_ns, epochs, codes).tolist() == [0, 0, 1, 1, 2, 3]
