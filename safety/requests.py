"""What people and programs may ask of the safety process, as pure functions of its state."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from messaging.messages import Reply, Request
from safety.cause import MOVING, Cause
from safety.config import SafetyConfig
from safety.facts import CUTTING, HOLD, REST_THEN_OFF, Facts
from safety.state import State, drawn, granted, may_rest, renewed, stopped

LEAST_SPEED, MOST_SPEED = 0.05, 1.0
LONGEST_WHO, LONGEST_REASON = 100, 300  # characters that are told on
_EARLY_S = 0.1  # how far ahead of this clock a request may claim to have been made


@dataclass(frozen=True, slots=True)
class Asking:
    """A request and what it is judged by."""

    request: Request
    facts: Facts
    config: SafetyConfig


Answer = tuple[State, str]  # the state after it, and what is said of it


class _RefusedError(Exception):
    """A request that changes nothing; says why."""


def requested(
    state: State, request: Request, facts: Facts, config: SafetyConfig
) -> tuple[State, Reply]:
    """Return the state after `request`, and the answer to it; a refused one changes nothing."""
    request = replace(
        request, who=request.who[:LONGEST_WHO], reason=request.reason[:LONGEST_REASON]
    )
    try:
        act = _ACTS.get(request.kind)
        if act is None:
            raise _RefusedError(f"no request {request.kind!r}; there are: {', '.join(_ACTS)}")
        _require_fresh(request, facts, config)
        after, said = act(state, Asking(request, facts, config))
    except _RefusedError as refusal:
        return state, Reply(request.id, False, str(refusal), state.event)
    code = after.cut_code if request.kind == "cut" else ""
    return after, Reply(request.id, True, said, code or after.event)


def _require_fresh(request: Request, facts: Facts, config: SafetyConfig) -> None:
    age_s = (facts.now_ns - request.t_ns) * 1e-9
    if age_s > config.request_age_s:
        raise _RefusedError(
            f"the request is {age_s:.1f} s old, at most {config.request_age_s:g} s are accepted: "
            "ask again"
        )
    if age_s < -_EARLY_S and request.kind not in ("stop", "fault"):
        raise _RefusedError(f"the request is {-age_s:.1f} s ahead of the station's clock")


def _stop(state: State, asking: Asking) -> Answer:
    stop = state.stop
    if stop is None:
        return _stopped_by(state, asking, HOLD, "stop"), "stopped"
    if stop.stage in ("settling", "resting"):
        held = replace(stop, kind=HOLD, stage="")
        return renewed(state, held, _asked_ns(asking)), "stopped on the way to rest"
    return state, "already stopped"


def _reset(state: State, asking: Asking) -> Answer:
    if state.stop is None:
        raise _RefusedError("there is no stop to reset")
    if asking.request.event != state.stop.event:
        raise _RefusedError(
            f"event {asking.request.event!r} is not in force; {state.stop.event} is"
        )
    _require_healthy(asking)
    _require_standing(asking)
    return replace(state, phase="disarmed", stop=None), "disarmed; arm to go on"


def _arm(state: State, asking: Asking) -> Answer:
    if state.phase in MOVING:
        return state, "already armed" if state.phase != "testing" else "the self-test is under way"
    _require_not_stopped(state)
    if state.off_until_ns:
        raise _RefusedError("the arms are told to let go: ask again in a second")
    _require_healthy(asking)
    _require_standing(asking)
    if asking.facts.held:
        raise _RefusedError("something holds the robot for a moment: ask again")
    after = replace(granted(state, "testing"), since_ns=asking.facts.now_ns)
    return after, "testing the stop path"


def _run(state: State, asking: Asking) -> Answer:
    if state.phase == "running":
        return state, "already running"
    _require_not_stopped(state)
    if state.phase != "armed":
        raise _RefusedError("not armed yet: arm first, and wait for the self-test")
    _require_healthy(asking)
    return replace(state, phase="running"), "running"


def _pause(state: State, _: Asking) -> Answer:
    if state.phase == "armed":
        return state, "already paused"
    if state.phase != "running":
        raise _RefusedError(f"only what runs can be paused; this is {state.phase}")
    return replace(state, phase="armed"), "paused"


def _speed(state: State, asking: Asking) -> Answer:
    speed = asking.request.value
    if not (math.isfinite(speed) and LEAST_SPEED <= speed <= MOST_SPEED):
        raise _RefusedError(f"speed is from {LEAST_SPEED} to {MOST_SPEED:g} of usual, got {speed}")
    return replace(state, speed=speed), f"at most {speed:.0%} of the usual speed"


def _rest(state: State, asking: Asking) -> Answer:
    if state.phase in ("disarmed", "testing"):
        raise _RefusedError(f"arms that are {state.phase} cannot go to rest: arm first")
    if not may_rest(asking.facts):
        _require_healthy(asking)
    stop = state.stop
    if stop is None:
        return _stopped_by(state, asking, REST_THEN_OFF, "rest"), "going to rest, then off"
    if stop.kind == CUTTING:
        raise _RefusedError("torque was cut: the arms cannot go anywhere")
    if stop.kind == REST_THEN_OFF:
        return state, "already going to rest"
    resting = replace(stop, kind=REST_THEN_OFF, stage="settling")
    return replace(state, stop=resting), "going to rest, then off"


def _off(state: State, asking: Asking) -> Answer:
    if state.phase not in ("disarmed", "armed"):
        _require_not_stopped(state)
        raise _RefusedError(f"torque is not taken off while {state.phase}: pause first")
    until_ns = asking.facts.now_ns + round(asking.config.off_s * 1e9)
    return replace(state, phase="disarmed", off_until_ns=until_ns), "arms at rest let go"


def _cut(state: State, asking: Asking) -> Answer:
    facts, request = asking.facts, asking.request
    if not request.event:
        state, code = drawn(state)
        until_ns = facts.now_ns + round(asking.config.cut_code_s * 1e9)
        said = f"THE ARMS WILL FALL: confirm with {code} within {asking.config.cut_code_s:g} s"
        return replace(state, cut_code=code, cut_until_ns=until_ns), said
    if request.event != state.cut_code or facts.now_ns > state.cut_until_ns:
        raise _RefusedError("not the code given, or given too long ago: ask for a cut anew")
    state = replace(state, cut_code="", cut_until_ns=0)
    if state.stop is None:
        return _stopped_by(state, asking, CUTTING, "cut"), "torque goes off"
    causes = (*state.stop.causes, _asked_for(request, "cut"))
    cut = replace(state.stop, kind=CUTTING, stage="cutting", causes=causes)
    return renewed(state, cut, _asked_ns(asking)), "torque goes off"


def _fault(state: State, asking: Asking) -> Answer:
    request = asking.request
    if state.phase not in MOVING:
        return state, "noted; nothing moves"
    cause = Cause(3, request.event or request.who, request.reason or f"{request.who} found a fault")
    after = stopped(state, (cause,), HOLD, asking.facts, request.who, request.t_ns)
    return after, "stopped"


_ACTS: dict[str, Callable[[State, Asking], Answer]] = {
    "stop": _stop,
    "reset": _reset,
    "arm": _arm,
    "run": _run,
    "pause": _pause,
    "speed": _speed,
    "rest": _rest,
    "off": _off,
    "cut": _cut,
    "fault": _fault,
}


def _stopped_by(state: State, asking: Asking, kind: str, name: str) -> State:
    request = asking.request
    cause = _asked_for(request, name)
    return stopped(state, (cause,), kind, asking.facts, request.who, request.t_ns)


def _asked_ns(asking: Asking) -> int:
    return min(asking.request.t_ns, asking.facts.now_ns)


def _asked_for(request: Request, name: str) -> Cause:
    reason = f": {request.reason}" if request.reason else ""
    return Cause(1, request.who, f"{name} by {request.who}{reason}")


def _require_not_stopped(state: State) -> None:
    if state.stop:
        raise _RefusedError(f"stopped by event {state.stop.event}: reset it first")


def _require_healthy(asking: Asking) -> None:
    if asking.facts.causes:
        raise _RefusedError("; ".join(cause.text for cause in asking.facts.causes))


def _require_standing(asking: Asking) -> None:
    moving = [name for name, arm in asking.facts.arms.items() if arm and not arm.t_frozen_ns]
    if moving:
        raise _RefusedError(f"arm {' and '.join(moving)} still moves: wait until it stands")
