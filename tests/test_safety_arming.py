"""Arming, and the test of the stop's path that it is."""

from __future__ import annotations

import pytest
from safety_states import (
    CONFIG,
    FAULT,
    FRESH,
    FROZEN_CAMERA,
    HOT,
    NOW,
    STARTING,
    a_stop,
    after,
    armed,
    facts,
    in_self_test,
    refusal,
    running,
)

from safety.cause import Cause
from safety.config import SafetyConfig
from safety.facts import ArmFact
from safety.state import permitted, stepped, unsettled


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
