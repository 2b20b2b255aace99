"""What may be asked of safety in each state, and what is answered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from safety_states import (
    CONFIG,
    FAULT,
    FRESH,
    HOT,
    KINDS,
    NOW,
    SECOND,
    a_stop,
    about_to_cut,
    after,
    armed,
    asked,
    cut_off,
    facts,
    fallen,
    fresh,
    going_to_rest,
    halted,
    halted_and_about_to_cut,
    in_self_test,
    letting_go,
    refusal,
    running,
)

from messaging.messages import Reply
from safety.cause import Cause
from safety.facts import Stop
from safety.requests import requested
from safety.state import State, stepped


def test_only_the_event_in_force_can_be_reset_and_that_disarms() -> None:
    stopped = after(running(), "stop")
    assert refusal(stopped, "reset", event="0000") == (
        f"event '0000' is not in force; {stopped.event} is"
    )
    reset = after(stopped, "reset", event=stopped.event)
    assert (reset.phase, reset.motion, reset.stop) == ("disarmed", "none", None)
    assert "no stop" in refusal(reset, "reset", event=stopped.event)


def test_a_reset_is_refused_while_a_cause_persists_and_names_it() -> None:
    stopped = stepped(running(), facts(FAULT), CONFIG)
    assert refusal(stopped, "reset", facts(FAULT), event=stopped.event) == FAULT.text
    assert after(stopped, "reset", event=stopped.event).phase == "disarmed"


def test_old_requests_are_refused_and_so_are_those_of_the_future_unless_they_stop() -> None:
    for kind in KINDS[:-1]:
        assert "is 3.0 s old" in refusal(running(), kind, t_ns=NOW - 3 * SECOND)
    assert refusal(FRESH, "arm", t_ns=NOW - 3 * SECOND) == (
        "the request is 3.0 s old, at most 2 s are accepted: ask again"
    )
    assert refusal(FRESH, "arm", t_ns=NOW + SECOND) == (
        "the request is 1.0 s ahead of the station's clock"
    )
    assert after(FRESH, "arm", t_ns=NOW + SECOND // 10).phase == "testing"
    ahead = after(running(), "stop", t_ns=NOW + SECOND)
    assert a_stop(ahead).t_ns == NOW
    assert after(running(), "fault", t_ns=NOW + SECOND).phase == "stopped"


def test_a_kind_of_request_that_there_is_not_is_refused() -> None:
    assert "there are: stop, reset" in refusal(running(), "dance")


def test_arming_and_running_twice_are_once() -> None:
    assert after(after(FRESH, "arm"), "arm") == after(FRESH, "arm")
    assert after(armed(), "arm") == armed()
    assert after(running(), "run") == running()
    assert after(running(), "arm") == running()


def test_running_wants_arming_first() -> None:
    assert "arm first" in refusal(FRESH, "run")
    assert "self-test" in refusal(after(FRESH, "arm"), "run")


@pytest.mark.parametrize("speed", [0.0, 0.049, 1.001, -1.0, float("nan"), float("inf")])
def test_a_speed_that_is_none_is_refused(speed: float) -> None:
    assert "speed is from" in refusal(running(), "speed", value=speed)


@pytest.mark.parametrize("speed", [0.05, 1.0])
def test_the_least_and_the_most_speed_are_speeds(speed: float) -> None:
    assert after(running(), "speed", value=speed).speed == speed


def test_who_is_stopped_can_go_to_rest_if_nothing_else_is_wrong() -> None:
    stopped = after(running(), "stop")
    resting = after(stopped, "rest", facts(HOT))
    assert resting.event == stopped.event
    assert (a_stop(resting).kind, a_stop(resting).stage) == ("rest_then_off", "settling")
    assert after(resting, "rest") == resting
    assert refusal(stopped, "rest", facts(FAULT)) == FAULT.text


def test_who_is_not_armed_or_was_cut_off_cannot_go_to_rest() -> None:
    assert "arm first" in refusal(FRESH, "rest")
    assert "arm first" in refusal(after(FRESH, "arm"), "rest")
    assert "cut" in refusal(cut_off(running()), "rest")


def test_a_cut_has_to_be_confirmed_with_the_code_given() -> None:
    state, reply = requested(running(), asked("cut"), facts(), CONFIG)
    assert (state.phase, state.order, reply.event) == ("running", "", state.cut_code)
    assert "THE ARMS WILL FALL" in reply.said
    slower = asked("speed", value=0.5)
    assert requested(state, slower, facts(), CONFIG)[1].event == ""
    on_time = asked("pause", t_ns=NOW - 2 * SECOND)
    assert requested(state, on_time, facts(), CONFIG)[1].accepted
    assert refusal(state, "cut", event="x") == (
        "not the code given, or given too long ago: ask for a cut anew"
    )
    assert "not the code" in refusal(running(), "cut", event="1234")
    late = facts(after_s=10.1)
    assert "too long ago" in refusal(state, "cut", late, event=reply.event, t_ns=late.now_ns)
    cut = after(state, "cut", event=reply.event)
    assert (cut.phase, cut.order, a_stop(cut).kind) == ("stopped", "cut", "cut")
    assert (cut.cut_code, cut.cut_until_ns) == ("", 0)
    at_last = facts(after_s=10.0)
    assert after(state, "cut", at_last, event=reply.event, t_ns=at_last.now_ns).order == "cut"


def test_a_cut_can_still_be_confirmed_when_a_stop_came_between() -> None:
    state = stepped(after(running(), "cut"), facts(FAULT), CONFIG)
    cut = after(state, "cut", event=state.cut_code)
    assert (cut.event, cut.order) == (state.event, "cut")


def test_of_what_an_asker_writes_no_more_is_told_on_than_fits() -> None:
    stop = a_stop(after(running(), "stop", who="x" * 9999, reason="y" * 9999))
    assert (len(stop.by), len(stop.causes[0].text)) == (100, len("stop by : ") + 400)


def test_the_code_of_a_cut_is_forgotten_in_time() -> None:
    state = after(running(), "cut")
    assert state.cut_until_ns == NOW + 10 * SECOND
    assert stepped(state, facts(after_s=10.0), CONFIG) == state
    forgotten = replace(state, cut_code="", cut_until_ns=0)
    assert stepped(state, facts(after_s=10.1), CONFIG) == forgotten


@pytest.mark.parametrize(
    ("kind", "stop_kind", "stage"),
    [("stop", "hold", ""), ("rest", "rest_then_off", "settling"), ("cut", "cut", "cutting")],
)
def test_a_stop_tells_who_asked_for_it_when_and_why(kind: str, stop_kind: str, stage: str) -> None:
    state, then_ns = about_to_cut(), NOW - SECOND
    after_it = after(state, kind, t_ns=then_ns, reason="smoke", event=state.cut_code)
    assert a_stop(after_it) == Stop(
        event=after_it.event,
        kind=stop_kind,
        by="alice",
        at="noon",
        t_ns=then_ns,
        seq=state.seq + 1,
        causes=(Cause(1, "alice", f"{kind} by alice: smoke"),),
        stage=stage,
    )


@pytest.mark.parametrize(
    ("state", "kind", "said"),
    [
        (running, "stop", "stopped"),
        (halted, "stop", "already stopped"),
        (going_to_rest, "stop", "stopped on the way to rest"),
        (halted, "reset", "disarmed; arm to go on"),
        (fresh, "arm", "testing the stop path"),
        (in_self_test, "arm", "the self-test is under way"),
        (armed, "arm", "already armed"),
        (armed, "run", "running"),
        (running, "run", "already running"),
        (running, "pause", "paused"),
        (armed, "pause", "already paused"),
        (running, "speed", "at most 50% of the usual speed"),
        (running, "rest", "going to rest, then off"),
        (halted, "rest", "going to rest, then off"),
        (going_to_rest, "rest", "already going to rest"),
        (armed, "off", "arms at rest let go"),
        (about_to_cut, "cut", "torque goes off"),
        (halted_and_about_to_cut, "cut", "torque goes off"),
        (armed, "fault", "stopped"),
        (fresh, "fault", "noted; nothing moves"),
    ],
)
def test_what_was_done_is_said(state: Callable[[], State], kind: str, said: str) -> None:
    before = state()
    request = asked(kind, event=before.cut_code or before.event, value=0.5)
    then, reply = requested(before, request, facts(), CONFIG)
    assert reply == Reply("1", True, said, then.event)


@pytest.mark.parametrize(
    ("state", "kind", "said"),
    [
        (armed, "reset", "there is no stop to reset"),
        (letting_go, "arm", "the arms are told to let go: ask again in a second"),
        (in_self_test, "run", "not armed yet: arm first, and wait for the self-test"),
        (fresh, "pause", "only what runs can be paused; this is disarmed"),
        (fresh, "rest", "arms that are disarmed cannot go to rest: arm first"),
        (fallen, "rest", "torque was cut: the arms cannot go anywhere"),
        (running, "off", "torque is not taken off while running: pause first"),
    ],
)
def test_what_cannot_be_done_is_said(state: Callable[[], State], kind: str, said: str) -> None:
    assert refusal(state(), kind) == said
