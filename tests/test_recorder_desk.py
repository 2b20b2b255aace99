"""What people may ask of the recorder, in whatever order they do."""

from hypothesis import given
from hypothesis import strategies as st

from messaging.messages import Request
from recorder.desk import Decision, Desk


def asked(desk: Desk, kind: str, text: str = "") -> Decision:
    return desk.decide(Request("id", kind, "shell ada", 1, reason=text))


def desk_after(*outcomes: str) -> Desk:
    desk = Desk()
    for number, outcome in enumerate(outcomes):
        desk.begin(f"episode_{number}")
        desk.end(outcome)
    return desk


def test_a_running_episode_is_discarded_when_it_ends() -> None:
    desk = Desk()
    desk.begin("episode_0")
    decision = asked(desk, "discard")
    assert (decision.kind, decision.episode) == ("discard", "episode_0")
    assert not asked(desk, "discard").accepted
    assert desk.end("success")


def test_undo_keeps_a_running_episode_that_was_to_be_discarded() -> None:
    desk = Desk()
    desk.begin("episode_0")
    asked(desk, "discard")
    back = asked(desk, "undo")
    assert (back.kind, back.episode) == ("restore", "episode_0")
    assert not desk.end("success")


def test_an_episode_that_is_gone_on_with_may_be_discarded_already() -> None:
    desk = Desk()
    desk.begin("episode_0", doomed=True)
    assert not asked(desk, "discard").accepted
    assert desk.end("success")
    assert asked(desk, "undo").kind == "restore"


def test_the_last_episode_can_be_discarded_once_and_brought_back() -> None:
    desk = desk_after("success")
    assert asked(desk, "discard").kind == "discard"
    assert not asked(desk, "discard").accepted
    back = asked(desk, "undo")
    assert (back.kind, back.episode) == ("restore", "episode_0")
    assert asked(desk, "discard").kind == "discard"


def test_undo_takes_a_discarding_back_and_then_the_label_of_the_same_episode() -> None:
    desk = desk_after("success")
    desk.begin("episode_1")
    asked(desk, "discard")
    desk.end("failure")
    undone = [asked(desk, "undo") for _ in range(3)]
    assert [(done.kind, done.episode) for done in undone] == [
        ("restore", "episode_1"), ("unlabel", "episode_1"), ("unlabel", "episode_0"),
    ]  # fmt: skip


def test_undo_takes_back_labels_from_the_last_one_on() -> None:
    desk = desk_after("success", "failure")
    assert (asked(desk, "undo").kind, asked(desk, "undo").episode) == ("unlabel", "episode_0")
    assert not asked(desk, "undo").accepted


def test_an_episode_that_was_cut_off_has_no_label_to_take_back() -> None:
    assert not asked(desk_after(""), "undo").accepted


def test_without_an_episode_there_is_nothing_to_ask_for() -> None:
    for kind in ("discard", "undo", "note", "subtask", "success"):
        decision = asked(Desk(), kind, "text")
        assert not decision.accepted
        assert decision.said
        assert not decision.kind


def test_an_episode_that_is_not_recorded_is_not_mistaken_for_the_last_one() -> None:
    desk = desk_after("success")
    desk.skip()
    decision = asked(desk, "discard")
    assert not decision.accepted
    assert decision.said == "no episode was recorded that could be discarded"
    assert not asked(desk, "note", "the cube slipped").accepted
    assert asked(desk, "undo").episode == "episode_0"


def test_a_note_is_of_the_running_episode_or_of_the_last() -> None:
    desk = desk_after("success")
    assert asked(desk, "note", "the cube slipped").episode == "episode_0"
    desk.begin("episode_1")
    assert asked(desk, "note", "better").episode == "episode_1"
    assert not asked(desk, "note", "  ").accepted


def test_a_subtask_is_of_the_running_episode_only() -> None:
    desk = desk_after("success")
    assert not asked(desk, "subtask", "grasp").accepted
    desk.begin("episode_1")
    assert asked(desk, "subtask", "grasp").text == "grasp"
    assert asked(desk, "subtask").accepted  # none any more


STEPS = st.sampled_from(["begin", "end", "cut", "discard", "undo", "note", "subtask"])


@given(st.lists(STEPS, max_size=40))
def test_in_any_order_every_episode_is_kept_or_discarded_as_was_last_said(steps: list[str]) -> None:
    desk, count, away = Desk(), 0, set[str]()
    for step in steps:
        decision = None
        if step == "begin" and not desk.running:
            desk.begin(f"episode_{count}")
            count += 1
        elif step in ("end", "cut") and desk.running:
            put_aside = desk.end("success" if step == "end" else "")
            assert put_aside == (desk.last in away)
        elif step not in ("begin", "end", "cut"):
            decision = asked(desk, step, "text")
        if decision and decision.kind == "discard":
            assert decision.episode not in away
            away.add(decision.episode)
        if decision and decision.kind == "restore":
            away.remove(decision.episode)  # raises if it was not away
