"""Who may move, as a pure function: each transition, and that no other one can be reached."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from messaging.messages import MOTIONS, PHASES, Permit, Reply, Request
from safety.cause import MOVING, Cause
from safety.config import SafetyConfig
from safety.requests import requested
from safety.state import ArmFact, Facts, State, Stop, permitted, stepped, unsettled

CONFIG = SafetyConfig()
SECOND = 1_000_000_000
NOW = 100 * SECOND
FAULT = Cause(10, "left", "arm left: a motor is limp")
HOT = Cause(11, "left_waist", "left_waist reached 70 degrees", stop="rest_then_off")
FROZEN_CAMERA = Cause(22, "camera.high", "camera.high is FROZEN", phases=("running",))
STARTING = Cause(4, "controller", "controller is not ready", phases=())
KINDS = ("stop", "reset", "arm", "run", "pause", "speed", "rest", "off", "cut", "fault", "dance")
FRESH = State(epoch=7, seq=40)


def arms(seq: int, frozen_ns: int = NOW - 1) -> dict[str, ArmFact | None]:
    return {name: ArmFact(seq, NOW + 5_000_000, frozen_ns) for name in ("left", "right")}


def facts(*causes: Cause, seq: int = 10_000, after_s: float = 0.0) -> Facts:
    """Return facts of a robot whose arms stand and have heard every permit."""
    return Facts(NOW + round(after_s * SECOND), "noon", causes, arms=arms(seq))


def asked(kind: str, **changes: object) -> Request:
    fields = {"id": "1", "kind": kind, "who": "alice", "t_ns": NOW} | changes
    return Request(**fields)  # type: ignore[arg-type]


def after(state: State, kind: str, known: Facts | None = None, **changes: object) -> State:
    """Return the state after a request that must be accepted."""
    state, reply = requested(state, asked(kind, **changes), known or facts(), CONFIG)
    assert reply.accepted, reply.said
    return state


def refusal(state: State, kind: str, known: Facts | None = None, **changes: object) -> str:
    """Return why a request is refused, which must change nothing."""
    then, reply = requested(state, asked(kind, **changes), known or facts(), CONFIG)
    assert then == state
    assert reply == Reply("1", False, reply.said, state.event)
    return reply.said


def armed() -> State:
    state = after(FRESH, "arm")
    for _ in range(2):
        state = stepped(permitted(state, facts())[0], facts(), CONFIG)
    assert state.phase == "armed"
    return state


def running() -> State:
    return after(armed(), "run")


def fresh() -> State:
    return FRESH


def in_self_test() -> State:
    return after(FRESH, "arm")


def halted() -> State:
    return after(running(), "stop")


def going_to_rest() -> State:
    return after(running(), "rest")


def about_to_cut() -> State:
    return after(running(), "cut")


def halted_and_about_to_cut() -> State:
    return after(halted(), "cut")


def letting_go() -> State:
    return after(FRESH, "off")


def fallen() -> State:
    return cut_off(running())


def a_stop(state: State) -> Stop:
    assert state.phase == "stopped"
    assert state.stop
    return state.stop


def test_arming_grants_takes_back_and_grants_anew() -> None:
    state = after(FRESH, "arm")
    assert (state.phase, state.motion, state.epoch) == ("testing", "poses", 8)
    state = stepped(permitted(state, facts())[0], facts(), CONFIG)
    assert (state.phase, state.motion, state.epoch) == ("testing", "none", 8)
    state = stepped(permitted(state, facts())[0], facts(), CONFIG)
    assert (state.phase, state.motion, state.epoch) == ("armed", "poses", 9)


def test_the_self_test_waits_for_the_very_permits_that_test_it() -> None:
    state = after(FRESH, "arm")
    early = facts(seq=state.seq)
    assert stepped(state, early, CONFIG) == state
    revoking = stepped(state, facts(seq=state.seq + 1), CONFIG)
    assert revoking.revoking
    assert stepped(revoking, facts(seq=revoking.seq), CONFIG) == revoking


def test_each_half_of_the_self_test_is_over_with_the_first_permit_that_tells_of_it() -> None:
    state = permitted(in_self_test(), facts())[0]
    revoking = stepped(state, facts(seq=state.seq), CONFIG)
    assert stepped(revoking, facts(seq=state.seq), CONFIG) == revoking
    assert stepped(revoking, facts(seq=state.seq + 1), CONFIG).phase == "armed"


def test_each_half_of_the_self_test_has_all_of_its_time() -> None:
    patient = SafetyConfig(self_test_s=2.0)
    revoking = stepped(in_self_test(), facts(after_s=1.5), patient)
    assert stepped(revoking, facts(seq=0, after_s=3.5), patient) == revoking
    failed = a_stop(stepped(revoking, facts(seq=0, after_s=3.6), patient))
    assert "within 2000 ms" in failed.causes[0].text


def test_arms_that_do_not_hear_the_permit_fail_the_self_test() -> None:
    state = after(FRESH, "arm")
    deaf = facts(seq=0, after_s=0.51)
    stop = a_stop(stepped(state, deaf, CONFIG))
    text = (
        "the stop path failed its self-test: arm left and right did not hear the permit within "
        "500 ms; look at what its driver says"
    )
    assert (stop.kind, stop.causes) == ("hold", (Cause(1, "self-test", text),))
    assert stepped(state, facts(seq=0, after_s=0.5), CONFIG) == state


def test_an_arm_that_goes_on_moving_fails_the_self_test() -> None:
    state = after(FRESH, "arm")
    state = stepped(state, facts(), CONFIG)
    moving = facts(after_s=0.51)
    moving.arms["right"] = ArmFact(10_000, NOW, 0)
    failed = stepped(state, moving, CONFIG)
    assert "arm right did not stand still" in a_stop(failed).causes[0].text
    again = after(after(failed, "reset", event=failed.event), "arm")
    assert (again.phase, again.motion) == ("testing", "poses")


def test_an_arm_never_heard_fails_the_self_test() -> None:
    unheard = facts(after_s=0.51)
    unheard.arms["left"] = None
    assert "arm left did not hear" in (
        a_stop(stepped(after(FRESH, "arm"), unheard, CONFIG)).causes[0].text
    )
    assert unsettled(unheard, 1) == ("left",)


@pytest.mark.parametrize("cause", [FAULT, FROZEN_CAMERA, STARTING, HOT])
def test_a_cause_of_any_kind_keeps_from_arming_and_running_and_is_named(cause: Cause) -> None:
    assert refusal(FRESH, "arm", facts(cause)) == cause.text
    assert refusal(armed(), "run", facts(cause)) == cause.text


def test_all_that_is_wrong_is_named() -> None:
    assert refusal(FRESH, "arm", facts(FAULT, HOT)) == f"{FAULT.text}; {HOT.text}"


def test_an_arm_that_moves_keeps_from_arming_and_from_a_reset() -> None:
    moving = facts()
    moving.arms["left"] = ArmFact(10_000, NOW, 0)
    assert refusal(FRESH, "arm", moving) == "arm left still moves: wait until it stands"
    stopped = after(running(), "stop")
    moving.arms["right"] = ArmFact(10_000, NOW, 0)
    assert refusal(stopped, "reset", moving, event=stopped.event) == (
        "arm left and right still moves: wait until it stands"
    )


@pytest.mark.parametrize("phase", MOVING)
def test_a_fault_stops_whatever_may_move(phase: str) -> None:
    state = {"testing": after(FRESH, "arm"), "armed": armed(), "running": running()}[phase]
    stop = a_stop(stepped(state, facts(FAULT), CONFIG))
    assert (stop.kind, stop.by, stop.causes, stop.at) == ("hold", "safety", (FAULT,), "noon")


def test_a_fault_while_disarmed_is_not_latched() -> None:
    assert stepped(FRESH, facts(FAULT), CONFIG) == FRESH


def test_what_only_a_policy_needs_stops_only_a_run() -> None:
    assert stepped(armed(), facts(FROZEN_CAMERA), CONFIG).phase == "armed"
    assert stepped(running(), facts(FROZEN_CAMERA), CONFIG).phase == "stopped"


def test_heat_alone_asks_for_rest_then_off() -> None:
    assert a_stop(stepped(running(), facts(HOT), CONFIG)).kind == "rest_then_off"
    assert a_stop(stepped(running(), facts(HOT, FAULT), CONFIG)).kind == "hold"


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


def test_two_events_have_different_ids() -> None:
    first = after(FRESH, "stop")
    second = after(after(first, "reset", event=first.event), "stop")
    assert first.event != second.event
    assert len(second.event) == 4


def test_a_stop_in_any_phase_stops_and_a_second_one_changes_nothing() -> None:
    for state in (FRESH, after(FRESH, "arm"), armed(), running()):
        stopped = after(state, "stop", reason="smoke")
        assert (stopped.phase, stopped.motion) == ("stopped", "none")
        assert a_stop(stopped).causes[0].text == "stop by alice: smoke"
        assert after(stopped, "stop", who="bob") == stopped


def test_stopped_is_left_by_nothing_but_a_reset() -> None:
    stopped = after(running(), "stop")
    for kind in ("arm", "run", "off"):
        assert "reset it first" in refusal(stopped, kind)
    assert "stopped" in refusal(stopped, "pause")


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


def test_a_pause_goes_back_to_armed_in_the_same_epoch() -> None:
    paused = after(running(), "pause")
    assert (paused.phase, paused.motion, paused.epoch) == ("armed", "poses", running().epoch)
    assert after(paused, "pause") == paused
    assert "this is disarmed" in refusal(FRESH, "pause")


@pytest.mark.parametrize("speed", [0.0, 0.049, 1.001, -1.0, float("nan"), float("inf")])
def test_a_speed_that_is_none_is_refused(speed: float) -> None:
    assert "speed is from" in refusal(running(), "speed", value=speed)


@pytest.mark.parametrize("speed", [0.05, 1.0])
def test_the_least_and_the_most_speed_are_speeds(speed: float) -> None:
    assert after(running(), "speed", value=speed).speed == speed


def test_the_lower_of_the_speeds_is_permitted() -> None:
    state = after(running(), "speed", value=0.6)
    assert permitted(state, facts())[1].speed == 0.6
    assert permitted(state, replace(facts(), speed=0.5))[1].speed == 0.5


def test_off_disarms_and_is_ordered_for_a_second() -> None:
    off = after(armed(), "off")
    assert (off.phase, off.motion, off.order) == ("disarmed", "none", "off")
    assert "let go" in refusal(off, "arm")
    assert stepped(off, facts(after_s=0.99), CONFIG) == off
    let_go = stepped(off, facts(after_s=1.0), CONFIG)
    assert (let_go, let_go.order) == (replace(off, off_until_ns=0), "")
    assert (after(off, "stop").off_until_ns, after(off, "stop").order) == (0, "")
    assert after(FRESH, "off").order == "off"
    assert "pause first" in refusal(running(), "off")
    assert "testing" in refusal(after(FRESH, "arm"), "off")


def test_rest_then_off_holds_then_rests_in_a_new_epoch_then_orders_off() -> None:
    state = after(permitted(running(), facts())[0], "rest")
    epoch = state.epoch
    assert (state.motion, a_stop(state).stage) == ("none", "settling")
    assert stepped(state, facts(seq=state.seq), CONFIG).motion == "none"
    state = stepped(permitted(state, facts())[0], facts(), CONFIG)
    assert (state.motion, state.epoch) == ("rest", epoch + 1)
    assert after(state, "rest") == state
    there = replace(facts(), rested=epoch)
    assert stepped(state, there, CONFIG).motion == "rest"
    state = stepped(state, replace(facts(), rested=epoch + 1), CONFIG)
    assert (state.motion, state.order, state.phase) == ("none", "off", "stopped")
    assert after(state, "stop") == state


@pytest.mark.parametrize("resting", [False, True])
def test_a_stop_or_a_fault_on_the_way_to_rest_holds(resting: bool) -> None:
    state = after(running(), "rest")
    if resting:
        state = stepped(permitted(state, facts())[0], facts(), CONFIG)
    for held in (after(state, "stop"), stepped(state, facts(FAULT), CONFIG)):
        assert (held.motion, a_stop(held).kind, a_stop(held).stage) == ("none", "hold", "")
        assert stepped(held, facts(), CONFIG).motion == "none"
    assert a_stop(stepped(state, facts(HOT), CONFIG)).kind == "rest_then_off"


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


def cut_off(state: State) -> State:
    state = after(state, "cut")
    return after(state, "cut", event=state.cut_code)


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


def test_a_cut_of_what_is_stopped_keeps_the_event_and_its_first_cause() -> None:
    stopped = after(running(), "stop")
    cut = cut_off(stopped)
    assert (cut.event, cut.order, a_stop(cut).kind) == (stopped.event, "cut", "cut")
    assert [cause.text for cause in a_stop(cut).causes] == ["stop by alice", "cut by alice"]


def test_a_fault_that_the_launch_tells_of_stops_what_may_move() -> None:
    state, then_ns = armed(), NOW - SECOND
    died = after(state, "fault", reason="arm.left died", event="arm.left", t_ns=then_ns)
    causes = (Cause(3, "arm.left", "arm.left died"),)
    assert a_stop(died) == Stop(died.event, "hold", "alice", "noon", then_ns, state.seq + 1, causes)
    assert a_stop(after(armed(), "fault")).causes[0].text == "alice found a fault"
    assert after(FRESH, "fault") == FRESH


def test_what_goes_wrong_right_after_a_stop_is_told_with_it_and_later_things_are_not() -> None:
    stopped = after(running(), "stop")
    soon = stepped(stopped, facts(FAULT, STARTING, FAULT, after_s=0.9), CONFIG)
    assert FAULT in a_stop(soon).causes
    assert STARTING not in a_stop(soon).causes
    assert stepped(soon, facts(FAULT, after_s=0.9), CONFIG) == soon
    assert FAULT in a_stop(stepped(stopped, facts(FAULT, after_s=1.0), CONFIG)).causes
    assert FAULT not in a_stop(stepped(stopped, facts(FAULT, after_s=1.1), CONFIG)).causes


def test_causes_are_told_up_to_a_number() -> None:
    many = [Cause(10, str(i), str(i)) for i in range(100)]
    assert len(a_stop(stepped(armed(), facts(*many), CONFIG)).causes) == 20
    stopped = after(running(), "stop")
    assert len(a_stop(stepped(stopped, facts(*many), CONFIG)).causes) == 20


def test_each_arm_confirms_a_stop_once_by_when_its_goal_stood_still() -> None:
    stopped = after(running(), "stop")
    assert a_stop(stepped(stopped, facts(seq=stopped.seq), CONFIG)).confirmed_ms == ()
    known = facts()
    known.arms["left"] = ArmFact(10_000, NOW + 40_000_000, NOW + 23_000_000)
    known.arms["right"] = ArmFact(10_000, NOW + 40_000_000, 0)
    state = stepped(stopped, known, CONFIG)
    assert a_stop(state).confirmed_ms == (("left", 23.0),)
    state = stepped(state, facts(), CONFIG)
    # The right arm says that it stood before the stop: it confirms by having heard of it.
    assert dict(a_stop(state).confirmed_ms) == {"left": 23.0, "right": 5.0}
    assert stepped(state, facts(), CONFIG) == state


def test_an_arm_that_stood_before_the_stop_confirms_it_when_it_hears_of_it_and_not_before() -> None:
    known = facts()
    known.arms["left"] = ArmFact(10_000, NOW + 40_000_000, NOW)
    known.arms["right"] = ArmFact(10_000, NOW - 1, NOW - 2)
    stop = a_stop(stepped(halted(), known, CONFIG))
    assert stop.confirmed_ms == (("left", 40.0), ("right", 0.0))


@pytest.mark.parametrize(("state", "order"), [(fallen, "cut"), (letting_go, "off"), (armed, "")])
def test_a_permit_tells_all_that_an_arm_has_to_know(state: Callable[[], State], order: str) -> None:
    before = replace(state(), speed=0.5)
    assert permitted(before, facts())[1] == Permit(
        epoch=before.epoch,
        seq=before.seq + 1,
        t_ns=NOW,
        motion="none" if order else "poses",
        speed=0.5,
        order=order,
        event=before.event,
    )


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
        (about_to_cut, "cut", "torque is off"),
        (halted_and_about_to_cut, "cut", "torque is off"),
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


def test_the_same_fault_of_another_arm_and_another_fault_of_the_same_are_told_too() -> None:
    others = (replace(FAULT, subject="right"), replace(FAULT, row=12))
    stopped = stepped(running(), facts(FAULT), CONFIG)
    assert a_stop(stepped(stopped, facts(FAULT, *others), CONFIG)).causes == (FAULT, *others)


def test_permits_count_up_and_tell_what_is_allowed() -> None:
    state, first = permitted(running(), facts())
    state, second = permitted(after(state, "stop"), facts())
    assert second.seq == first.seq + 1
    assert (first.motion, first.event, first.order) == ("all", "", "")
    assert (second.motion, second.event) == ("none", state.event)


class AnyLife(RuleBasedStateMachine):
    """Requests, facts and time in any order: what must hold holds after each of them."""

    @initialize()
    def begin(self) -> None:
        self.state = FRESH
        self.now_ns = NOW
        self.causes: tuple[Cause, ...] = ()
        self.heard = True
        self.frozen = True
        self.rested = False
        self.codes = ["", "0000"]

    def facts(self) -> Facts:
        seq = self.state.seq if self.heard else 0
        fact = ArmFact(seq, self.now_ns, self.now_ns if self.frozen else 0)
        rested = self.state.epoch if self.rested else 0
        return Facts(
            self.now_ns, "noon", self.causes, arms={"left": fact, "right": fact}, rested=rested
        )

    @rule(kind=st.sampled_from(KINDS), age_s=st.sampled_from([0.0, 0.0, 1.0, 3.0]), data=st.data())
    def ask(self, kind: str, age_s: float, data: st.DataObject) -> None:
        codes = [*self.codes, self.state.event, self.state.cut_code]
        event = data.draw(st.sampled_from(codes))
        value = data.draw(st.floats() | st.floats(0.05, 1.0))
        t_ns = self.now_ns - round(age_s * SECOND)
        request = Request("id", kind, "someone", t_ns, event, value)
        before = self.state
        self.state, reply = requested(before, request, self.facts(), CONFIG)
        self.codes.append(self.state.event)
        self.check_answer(before, request, reply, age_s)
        self.check_change(before)

    def check_answer(self, before: State, request: Request, reply: Reply, age_s: float) -> None:
        state = self.state
        if not reply.accepted:
            assert state == before
        if request.kind == "stop" and age_s < 2:
            assert state.phase == "stopped"
            assert state.motion == "none"
        if before.phase != "running" and state.phase == "running":
            assert request.kind == "run"
            assert before.phase == "armed"
            assert not self.causes
        if before.phase == "stopped" != state.phase:
            assert request.kind == "reset"
            assert request.event == before.event
            assert state.phase == "disarmed"
            assert not self.causes
        if age_s > 2:
            assert not reply.accepted

    @rule(seconds=st.sampled_from([0.001, 0.02, 0.3, 1.1, 11.0]))
    def step(self, seconds: float) -> None:
        self.now_ns += round(seconds * SECOND)
        before = self.state
        self.state = stepped(before, self.facts(), CONFIG)
        assert (before.phase, self.state.phase) in {
            *((phase, phase) for phase in PHASES),
            *((phase, "stopped") for phase in MOVING),
            ("testing", "armed"),
        }
        if any(before.phase in cause.phases for cause in self.causes):
            assert self.state.phase == "stopped"
        self.check_change(before)

    @rule()
    def publish(self) -> None:
        before = self.state
        self.state, permit = permitted(before, self.facts())
        assert permit.seq == before.seq + 1
        assert permit.motion == before.motion
        self.check_change(before)

    @rule(causes=st.lists(st.sampled_from([FAULT, HOT, FROZEN_CAMERA, STARTING]), max_size=2))
    def go_wrong(self, causes: list[Cause]) -> None:
        self.causes = tuple(causes)

    @rule()
    def be_healthy(self) -> None:
        self.causes, self.heard, self.frozen = (), True, True

    @rule(heard=st.booleans(), frozen=st.booleans(), rested=st.booleans())
    def move(self, heard: bool, frozen: bool, rested: bool) -> None:
        self.heard, self.frozen, self.rested = heard, frozen, rested

    def check_change(self, before: State) -> None:
        state = self.state
        gained = before.motion == "none" != state.motion
        assert state.epoch == before.epoch + gained
        if before.stop and state.stop:
            assert state.event == before.event
            assert state.stop.causes[0] == before.stop.causes[0]
            assert set(before.stop.causes) <= set(state.stop.causes)
            assert set(before.stop.confirmed_ms) <= set(state.stop.confirmed_ms)
        if state.stop and not before.stop:
            assert state.event != before.event
            assert state.motion == "none"

    @invariant()
    def what_may_move_follows_from_the_phase(self) -> None:
        state = self.state
        assert state.motion in MOTIONS
        assert (state.stop is not None) == (state.phase == "stopped")
        if state.phase == "disarmed" or (state.stop and state.stop.kind != "rest_then_off"):
            assert state.motion == "none"
        if state.stop:
            assert state.motion in ("none", "rest")
        assert (state.motion == "all") == (state.phase == "running")
        if state.order:
            assert state.motion == "none"


AnyLife.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestAnyLife = AnyLife.TestCase
