"""Whether the robot may move: a state, and pure functions of it, of what is known and of time.

disarmed --arm--> testing --> armed --run--> running --pause--> armed
any of them --a person's stop, or a fault while something may move--> stopped --reset--> disarmed
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from messaging.messages import CUT, OFF, Permit
from safety.cause import MOVING, Cause
from safety.config import SafetyConfig
from safety.facts import (
    CUTTING,
    HOLD,
    MOST_CAUSES,
    REST_THEN_OFF,
    Facts,
    Stop,
    confirmed,
    with_cascade,
)

_FIRST_STAGE = {REST_THEN_OFF: "settling", CUTTING: "cutting"}
CODES, _STRIDE = 10_000, 7919  # coprime: ten thousand codes before one comes again
_SETTLE_NS = 100_000_000  # after what held the arms: the next moment may bring it again


@dataclass(frozen=True, slots=True)
class State:
    """Everything that the safety process decides by, besides the facts.

    Attributes:
        epoch: of the newest leave to move.
        seq: number of the newest permit.
        phase: one of PHASES.
        speed: most of the usual speed, by the people's wish.
        stop: the stop in force, while stopped.
        since_ns: when the present half of the self-test began.
        awaited_seq: number of the permit that arms have to confirm in the self-test.
        revoking: the self-test's second half, in which leave is taken back.
        off_until_ns: until when arms at rest are told to let go, 0 while they are not.
        drawn: the last code of four digits.
        cut_until_ns: until when the code drawn last confirms a cut, 0 if none was asked for.
        cut_code: that code.
        held_until_ns: until when nothing may move by what passes by itself, 0 while nothing holds.
        held_for: what that is, in words, once it is known.
    """

    epoch: int
    seq: int
    phase: str = "disarmed"
    speed: float = 1.0
    stop: Stop | None = None
    since_ns: int = 0
    awaited_seq: int = 0
    revoking: bool = False
    off_until_ns: int = 0
    drawn: int = 0
    cut_until_ns: int = 0
    cut_code: str = ""
    held_until_ns: int = 0
    held_for: tuple[str, ...] = ()

    @property
    def motion(self) -> str:
        """What may move now, one of MOTIONS."""
        if self.held_until_ns:
            return "none"
        if self.phase == "testing":
            return "none" if self.revoking else "poses"
        if self.stop and self.stop.stage == "resting":
            return "rest"
        return {"armed": "poses", "running": "all"}.get(self.phase, "none")

    @property
    def order(self) -> str:
        """What arms have to do with their torque: nothing, OFF or CUT."""
        if self.stop and self.stop.stage == "cutting":
            return CUT
        letting_go = self.stop is not None and self.stop.stage == "letting_go"
        return OFF if letting_go or self.off_until_ns else ""

    @property
    def event(self) -> str:
        """Id of the stop in force, empty if there is none."""
        return self.stop.event if self.stop else ""


def permitted(state: State, facts: Facts) -> tuple[State, Permit]:
    """Return the next permit, and the state that knows of it."""
    permit = Permit(
        epoch=state.epoch,
        seq=state.seq + 1,
        t_ns=facts.now_ns,
        motion=state.motion,
        speed=min(state.speed, facts.speed),
        order=state.order,
        event=state.event,
    )
    return replace(state, seq=permit.seq), permit


def stepped(state: State, facts: Facts, config: SafetyConfig) -> State:
    """Return the state after what the facts and the time demand."""
    if state.off_until_ns and facts.now_ns >= state.off_until_ns:
        state = replace(state, off_until_ns=0)
    if state.cut_until_ns and facts.now_ns > state.cut_until_ns:
        state = replace(state, cut_until_ns=0, cut_code="")
    if state.stop:
        return _held(_while_stopped(state, state.stop, facts), facts)
    if latching := tuple(cause for cause in facts.causes if state.phase in cause.phases):
        holds = any(cause.stop == HOLD for cause in latching)
        return stopped(state, latching, HOLD if holds else REST_THEN_OFF, facts)
    state = _held(state, facts)
    is_tested = state.phase == "testing" and not state.held_until_ns
    return _tested(state, facts, config) if is_tested else state


def stopped(
    state: State,
    causes: tuple[Cause, ...],
    kind: str,
    facts: Facts,
    by: str = "safety",
    t_ns: int | None = None,
) -> State:
    """Return the state stopped by a new event."""
    state, event = drawn(state)
    stop = Stop(
        event=event,
        kind=kind,
        by=by,
        at=facts.at,
        t_ns=facts.now_ns if t_ns is None else min(t_ns, facts.now_ns),
        seq=state.seq + 1,
        causes=causes[:MOST_CAUSES],
        stage=_FIRST_STAGE.get(kind, ""),
    )
    return replace(
        state,
        phase="stopped",
        stop=stop,
        off_until_ns=0,
        held_until_ns=0,
        held_for=(),
    )


def renewed(state: State, stop: Stop, t_ns: int) -> State:
    """Return the state in `stop`, which the arms have to confirm anew, from `t_ns` on."""
    return replace(state, stop=replace(stop, t_ns=t_ns, seq=state.seq + 1, confirmed_ms=()))


def granted(state: State, phase: str) -> State:
    """Return the state in a phase that lets move what did not: commands of before stay without."""
    return replace(
        state,
        phase=phase,
        epoch=state.epoch + 1,
        revoking=False,
        awaited_seq=state.seq + 1,
    )


def drawn(state: State) -> tuple[State, str]:
    """Return a code of four digits, unlike the last ten thousand, and the state that knows it."""
    state = replace(state, drawn=(state.drawn + _STRIDE) % CODES)
    return state, f"{state.drawn:04d}"


def unsettled(facts: Facts, seq: int) -> tuple[str, ...]:
    """Return the arms that have not said that they stand still since permit `seq`."""
    return tuple(
        name
        for name, arm in facts.arms.items()
        if arm is None or arm.permit < seq or not arm.t_frozen_ns
    )


def may_rest(facts: Facts) -> bool:
    """Return whether nothing is wrong but what a way to rest is the answer to."""
    return not any(cause.stop == HOLD and "armed" in cause.phases for cause in facts.causes)


def _held(state: State, facts: Facts) -> State:
    """Return the state in which what holds the arms takes leave, and gives it anew once over.

    That is another leave: nothing goes on by a command of before. A self-test begins anew.
    """
    resting = state.stop is not None and state.stop.stage == "resting"
    if state.phase not in MOVING and not resting:
        return replace(state, held_until_ns=0, held_for=()) if state.held_until_ns else state
    if facts.held:
        until_ns = facts.now_ns + _SETTLE_NS
        return replace(state, held_until_ns=until_ns, held_for=facts.holds or state.held_for)
    if not state.held_until_ns:
        return state
    if facts.now_ns < state.held_until_ns:
        return replace(state, held_for=facts.holds or state.held_for)
    over = replace(granted(state, state.phase), held_until_ns=0, held_for=())
    return replace(over, since_ns=facts.now_ns)


def _while_stopped(state: State, stop: Stop, facts: Facts) -> State:
    stop = confirmed(with_cascade(stop, facts), facts)
    state = replace(state, stop=stop)
    if stop.stage in ("settling", "resting") and not may_rest(facts):
        held = replace(stop, kind=HOLD, stage="")
        moved = stop.stage == "resting"
        return renewed(state, held, facts.now_ns) if moved else replace(state, stop=held)
    if stop.stage == "settling" and not unsettled(facts, stop.seq):
        on_its_way = replace(stop, stage="resting", confirmed_ms=())
        return granted(replace(state, stop=on_its_way), "stopped")
    if stop.stage == "resting" and facts.rested == state.epoch:
        return renewed(state, replace(stop, stage="letting_go"), facts.now_ns)
    return state


def _tested(state: State, facts: Facts, config: SafetyConfig) -> State:
    if state.revoking:
        late = unsettled(facts, state.awaited_seq)
        missing = "did not stand still when leave was taken back"
    else:
        late = tuple(
            name
            for name, arm in facts.arms.items()
            if arm is None or arm.permit < state.awaited_seq
        )
        missing = "did not hear the permit"
    if not late and state.revoking:
        return granted(state, "armed")
    if not late:
        return replace(state, revoking=True, since_ns=facts.now_ns, awaited_seq=state.seq + 1)
    if facts.now_ns - state.since_ns <= config.self_test_s * 1e9:
        return state
    text = (
        f"the stop path failed its self-test: arm {' and '.join(late)} {missing} within "
        f"{config.self_test_s * 1e3:.0f} ms; look at what its driver says"
    )
    return stopped(state, (Cause(1, "self-test", text),), HOLD, facts)
