"""When a button asks for a stop: at once, until it is granted, and again while it is held."""

from dataclasses import replace
from itertools import pairwise

from fake_safety import CALM, STOPPED
from hypothesis import given
from hypothesis import strategies as st

from messaging.messages import Reply, Request, SafetyState
from safety.button_press import Press

MS = 1_000_000
HELD = "it is pressed"


def at(state: SafetyState, t_ms: int) -> SafetyState:
    return replace(state, t_ns=t_ms * MS)


def step(press: Press, t_ms: int, reason: str, state: SafetyState | None = None) -> Request | None:
    return press.request(reason, state, state is None, t_ms * MS)


def waits(press: Press) -> bool:
    return press.waiting_s(10**15) > 0


def test_a_press_asks_for_a_stop_at_once() -> None:
    request = step(Press("button door"), 1, HELD, at(CALM, 0))
    assert request
    assert (request.kind, request.who, request.t_ns) == ("stop", "button door", MS)
    assert request.reason == HELD


def test_nothing_is_asked_while_nobody_presses() -> None:
    press = Press("button door")
    assert all(step(press, t_ms, "", at(CALM, t_ms)) is None for t_ms in range(0, 5000, 40))
    assert not waits(press)


def test_a_press_is_repeated_until_it_is_granted_with_growing_pauses() -> None:
    press = Press("button door")
    asked = [
        t_ms
        for t_ms in range(0, 8000, 20)
        if step(press, t_ms, HELD if t_ms < 50 else "", at(CALM, t_ms))
    ]
    assert asked[0] == 0
    assert asked[1:5] == [100, 300, 700, 1500]
    assert max(b - a for a, b in pairwise(asked)) <= 2000


def test_a_refusal_and_an_answer_to_somebody_else_grant_nothing() -> None:
    press = Press("button door")
    request = step(press, 0, HELD, at(CALM, 0))
    assert request
    press.answer(Reply(request.id, False, "too old"), MS)
    press.answer(Reply("another", True), MS)
    assert press.waiting_s(500 * MS) == 0.5
    press.answer(Reply(request.id, True), MS)
    assert press.waiting_s(500 * MS) == 0.0


def test_to_a_silent_safety_process_one_request_is_sent_and_the_next_when_it_is_back() -> None:
    press = Press("button door")
    assert step(press, 0, HELD)
    assert all(step(press, t_ms, "") is None for t_ms in range(20, 60_000, 500))
    assert step(press, 60_000, "", at(CALM, 60_000))


def test_a_held_button_asks_again_after_a_reset_but_not_while_stopped() -> None:
    press = Press("button door")
    request = step(press, 0, HELD, at(CALM, 0))
    assert request
    press.answer(Reply(request.id, True), 5 * MS)
    # A state from before the stop must not count as a reset.
    assert step(press, 6, HELD, at(CALM, 4)) is None
    assert step(press, 40, HELD, at(STOPPED, 30)) is None
    assert step(press, 80, HELD, at(replace(CALM, phase="disarmed"), 70))


def test_a_second_press_asks_again() -> None:
    press = Press("button door")
    request = step(press, 0, HELD, at(CALM, 0))
    assert request
    press.answer(Reply(request.id, True), MS)
    step(press, 40, "", at(STOPPED, 40))
    assert step(press, 80, HELD, at(STOPPED, 80))


WORLD = st.lists(
    st.tuples(st.booleans(), st.sampled_from([CALM, STOPPED, None]), st.sampled_from("ygn-")),
    max_size=60,
)


@given(WORLD)
def test_whatever_happens_no_press_goes_unasked_and_no_stop_without_a_press(
    world: list[tuple[bool, SafetyState | None, str]],
) -> None:
    """In each step of 40 ms: held or not, what safety says, how it answers (or not)."""
    press = Press("button door")
    ids: set[str] = set()
    held_before = False
    for number, (held, state, answer) in enumerate(world):
        t_ms = 40 * number
        request = step(press, t_ms, HELD if held else "", state and at(state, t_ms))
        if held and not held_before:
            assert request
        if request:
            assert held or waits(press)
            assert request.id not in ids
            ids.add(request.id)
        if answer != "-" and ids:
            answered = request.id if request else max(ids)
            press.answer(Reply(answered, answer == "y"), t_ms * MS)
        held_before = held
    if waits(press):
        later_ms = 40 * len(world) + 2000
        assert step(press, later_ms, HELD if held_before else "", at(CALM, later_ms))


def test_no_more_ids_are_kept_than_answers_may_come() -> None:
    press = Press("button door")
    first = step(press, 0, HELD, at(CALM, 0))
    assert first
    for number in range(1, 200):
        assert step(press, 2000 * number, HELD, at(CALM, 2000 * number))
    press.answer(Reply(first.id, True), 0)
    assert waits(press)
