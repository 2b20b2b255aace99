"""States of a robot by name, and what comes of asking it for something."""

from __future__ import annotations

from messaging.messages import Reply, Request
from safety.cause import Cause
from safety.config import SafetyConfig
from safety.facts import ArmFact, Facts, Stop
from safety.requests import requested
from safety.state import State, permitted, stepped

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


def cut_off(state: State) -> State:
    state = after(state, "cut")
    return after(state, "cut", event=state.cut_code)
