"""Whatever happens to the state machine in whatever order: no other transition can be reached."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from safety_states import (
    CONFIG,
    FAULT,
    FRESH,
    FROZEN_CAMERA,
    HOT,
    KINDS,
    NOW,
    SECOND,
    STARTING,
)

from messaging.messages import MOTIONS, PHASES, Reply, Request
from safety.cause import MOVING, Cause
from safety.facts import ArmFact, Facts
from safety.requests import requested
from safety.state import State, permitted, stepped


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
        self.held = False
        self.codes = ["", "0000"]

    def facts(self) -> Facts:
        seq = self.state.seq if self.heard else 0
        fact = ArmFact(seq, self.now_ns, self.now_ns if self.frozen else 0)
        rested = self.state.epoch if self.rested else 0
        return Facts(
            self.now_ns,
            "noon",
            self.causes,
            arms={"left": fact, "right": fact},
            rested=rested,
            held=self.held,
            holds=("the machine stood still",) * self.held,
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
        if self.held:
            assert self.state.motion == "none"
        elif seconds > 0.1:
            assert not self.state.held_until_ns, "it passes by itself"
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
        self.causes, self.heard, self.frozen, self.held = (), True, True, False

    @rule(held=st.booleans())
    def hold(self, held: bool) -> None:
        self.held = held

    @rule(heard=st.booleans(), frozen=st.booleans(), rested=st.booleans())
    def move(self, heard: bool, frozen: bool, rested: bool) -> None:
        self.heard, self.frozen, self.rested = heard, frozen, rested

    def check_change(self, before: State) -> None:
        state = self.state
        gained = before.motion == "none" != state.motion
        # Where something else than the phase holds, leave may be withheld as it is given anew.
        assert state.epoch - before.epoch in ((1,) if gained else (0, bool(state.held_until_ns)))
        if before.stop and state.stop:
            assert state.event == before.event
            assert state.stop.causes[0] == before.stop.causes[0]
            assert set(before.stop.causes) <= set(state.stop.causes)
            if (before.stop.kind, before.stop.stage) == (state.stop.kind, state.stop.stage):
                assert set(before.stop.confirmed_ms) <= set(state.stop.confirmed_ms)
            if state.motion == "rest":
                assert not state.stop.confirmed_ms
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
        assert (state.motion == "all") == (state.phase == "running" and not state.held_until_ns)
        assert not state.held_until_ns or state.phase in (*MOVING, "stopped", "disarmed")
        if state.held_until_ns:
            assert state.motion == "none"
        if state.order:
            assert state.motion == "none"


AnyLife.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestAnyLife = AnyLife.TestCase
