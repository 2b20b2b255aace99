"""Who may move, as a pure function: each transition."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from safety_states import (
    CONFIG,
    FAULT,
    FRESH,
    FROZEN_CAMERA,
    HOT,
    NOW,
    SECOND,
    STARTING,
    a_stop,
    after,
    armed,
    arms,
    cut_off,
    facts,
    fallen,
    going_to_rest,
    halted,
    halted_and_about_to_cut,
    letting_go,
    refusal,
    running,
)

from messaging.messages import Permit
from safety.account import step_entries, told
from safety.cause import MOVING, Cause
from safety.facts import ArmFact, Facts, Stop
from safety.state import State, permitted, stepped


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


def test_a_pause_goes_back_to_armed_in_the_same_epoch() -> None:
    paused = after(running(), "pause")
    assert (paused.phase, paused.motion, paused.epoch) == ("armed", "poses", running().epoch)
    assert after(paused, "pause") == paused
    assert "this is disarmed" in refusal(FRESH, "pause")


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


def on_the_way_to_rest() -> State:
    """Return a state in which both arms confirmed a stop, and then began to travel."""
    state = stepped(permitted(going_to_rest(), facts())[0], facts(), CONFIG)
    assert (state.motion, a_stop(state).confirmed_ms) == ("rest", ())
    return stepped(state, facts(), CONFIG)


def test_arms_on_their_way_to_rest_confirm_nothing_and_are_not_waited_for() -> None:
    state = on_the_way_to_rest()
    assert a_stop(state).confirmed_ms == ()
    assert told(state, facts()).awaited == ()


@pytest.mark.parametrize("cause", ["person", "fault", "arrival"])
def test_what_ends_the_way_to_rest_has_to_be_confirmed_anew(cause: str) -> None:
    state = on_the_way_to_rest()
    event, seq, later = state.event, state.seq, facts(after_s=1.0)
    if cause == "person":
        state = after(state, "stop", later, t_ns=later.now_ns)
    elif cause == "fault":
        state = stepped(state, facts(FAULT, after_s=1.0), CONFIG)
    else:
        state = stepped(state, replace(later, rested=state.epoch), CONFIG)
    stop = a_stop(state)
    assert (state.motion, state.event, stop.confirmed_ms) == ("none", event, ())
    assert (stop.t_ns, stop.seq) == (later.now_ns, seq + 1)
    deaf = replace(later, arms=arms(seq))
    assert told(stepped(state, deaf, CONFIG), deaf).awaited == ("left", "right")
    braked = replace(later, arms=arms(seq + 1, later.now_ns + 23_000_000))
    assert dict(a_stop(stepped(state, braked, CONFIG)).confirmed_ms) == {
        "left": 23.0,
        "right": 23.0,
    }


def test_a_fault_before_the_way_to_rest_begins_leaves_what_was_confirmed() -> None:
    state, _ = permitted(going_to_rest(), facts())
    known = facts()
    known.arms["right"] = ArmFact(10_000, NOW, 0)
    settling = stepped(state, known, CONFIG)
    held = a_stop(stepped(settling, replace(known, causes=(FAULT,)), CONFIG))
    assert (held.kind, held.stage) == ("hold", "")
    assert held.confirmed_ms == a_stop(settling).confirmed_ms == (("left", 5.0),)


def test_a_cut_is_confirmed_by_torque_that_is_off_and_by_nothing_that_was_before() -> None:
    held = stepped(permitted(halted_and_about_to_cut(), facts())[0], facts(), CONFIG)
    assert len(a_stop(held).confirmed_ms) == 2
    cut = cut_off(held)
    known = facts(after_s=0.1)
    cut = stepped(permitted(cut, known)[0], known, CONFIG)
    assert (a_stop(cut).confirmed_ms, told(cut, known).note) == ((), "takes the torque off")
    fell = ArmFact(10_000, NOW + 30_000_000, 0, limp=True)
    cut = stepped(cut, replace(known, arms=dict.fromkeys(("left", "right"), fell)), CONFIG)
    assert a_stop(cut).confirmed_ms == (("left", 30.0), ("right", 30.0))
    assert "have fallen" in told(cut, known).note


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


HELD = "the machine stood still for 310 ms"


def passing(after_s: float, why: str = "") -> Facts:
    return replace(facts(after_s=after_s), held=True, holds=(why,) if why else ())


@pytest.mark.parametrize("begin", [armed, running])
def test_what_passes_takes_leave_latches_nothing_and_gives_another_leave(
    begin: Callable[[], State],
) -> None:
    before = begin()
    held = stepped(before, passing(0.0), CONFIG)
    assert (held.phase, held.motion, held.event) == (before.phase, "none", "")
    assert told(held, passing(0.0)).note == "holds until it is known why"
    held = stepped(held, passing(0.02, HELD), CONFIG)
    assert told(held, facts()).holds == (HELD,)
    assert step_entries(before, held, facts())[0].said == HELD
    settling = stepped(held, facts(after_s=0.119), CONFIG)
    assert (settling.motion, settling.held_for) == ("none", (HELD,))
    over = stepped(settling, facts(after_s=0.12), CONFIG)
    assert (over.phase, over.motion) == (before.phase, before.motion)
    assert (over.epoch, told(over, facts()).holds) == (before.epoch + 1, ())


def test_a_self_test_that_is_held_begins_anew() -> None:
    state = stepped(after(FRESH, "arm"), passing(0.0), CONFIG)
    late = replace(passing(9.0), arms={"left": None, "right": None})
    state = stepped(state, late, CONFIG)
    assert (state.phase, state.motion) == ("testing", "none")
    state = stepped(state, facts(seq=0, after_s=9.1), CONFIG)
    assert (state.motion, state.since_ns, state.awaited_seq) == (
        "poses",
        NOW + round(9.1 * SECOND),
        state.seq + 1,
    )


def test_arms_that_are_held_on_their_way_to_rest_go_on() -> None:
    state = on_the_way_to_rest()
    held = stepped(state, passing(1.0), CONFIG)
    assert (held.motion, held.event) == ("none", state.event)
    resting = stepped(held, facts(after_s=1.1), CONFIG)
    assert (resting.motion, resting.epoch) == ("rest", state.epoch + 1)


def test_nothing_is_armed_while_something_holds_and_a_stop_ends_what_holds() -> None:
    assert "ask again" in refusal(FRESH, "arm", passing(0.0))
    held = stepped(running(), passing(0.0), CONFIG)
    assert not a_stop(stepped(held, facts(FAULT), CONFIG)).stage
    assert stepped(held, facts(FAULT), CONFIG).held_until_ns == 0
    disarmed = stepped(after(stepped(armed(), passing(0.0), CONFIG), "off"), passing(0.01), CONFIG)
    assert (disarmed.phase, disarmed.held_until_ns) == ("disarmed", 0)


def test_what_a_policy_waits_for_is_told_while_it_runs_and_takes_no_leave() -> None:
    waiting = replace(facts(), waits=("camera.cam_high is silent",))
    for state, waits in ((running(), waiting.waits), (armed(), ())):
        assert stepped(state, waiting, CONFIG) == state
        assert told(state, waiting).waits == waits
