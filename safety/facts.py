"""What is known of a robot, and the stop in force with all that belongs to it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from safety.cause import Cause

HOLD, REST_THEN_OFF, CUTTING = "hold", "rest_then_off", "cut"
MOST_CAUSES = 20
_CASCADE_NS = 1_000_000_000  # what goes wrong within this time of a stop belongs to it


@dataclass(frozen=True, slots=True)
class ArmFact:
    """What an arm's driver last said of the permit."""

    permit: int  # number of the newest permit that it heard
    t_written_ns: int
    t_frozen_ns: int  # since when its goal stands still, 0 while it moves
    limp: bool = False  # whether it says that its torque is off


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a decision may depend on.

    Attributes:
        now_ns: the time.
        at: the same moment on the wall's clock, for people.
        causes: what is wrong at present.
        warnings: what somebody should look after.
        speed: most of the usual speed that the robot's state allows.
        arms: what each arm said, None for one that was not heard yet.
        rested: epoch of the permit under which all arms came to rest, 0 while they are not there.
        held: whether nothing may move just now, by what may pass by itself.
        holds: what that is, in words, once it is known.
        waits: what keeps a policy's plan from going on, in words.
    """

    now_ns: int
    at: str = ""
    causes: tuple[Cause, ...] = ()
    warnings: tuple[str, ...] = ()
    speed: float = 1.0
    arms: dict[str, ArmFact | None] = field(default_factory=dict)
    rested: int = 0
    held: bool = False
    holds: tuple[str, ...] = ()
    waits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stop:
    """The stop in force.

    Attributes:
        event: four digits that a reset has to name.
        kind: one of STOPS.
        by: who asked for it, or `safety` if a fault did.
        at: when, on the wall's clock.
        t_ns: when what the arms have to confirm was asked for, or its cause found.
        seq: number of the first permit that tells of that.
        causes: why, the first cause first.
        stage: settling, resting, letting_go of a rest_then_off, cutting of a cut, else empty.
        confirmed_ms: arms whose goal stands still, whose torque is off if it was cut, and how long
            after `t_ns` that was so.
    """

    event: str
    kind: str
    by: str
    at: str
    t_ns: int
    seq: int
    causes: tuple[Cause, ...]
    stage: str = ""
    confirmed_ms: tuple[tuple[str, float], ...] = ()


def with_cascade(stop: Stop, facts: Facts) -> Stop:
    """Return the stop with what else went wrong soon after it."""
    if facts.now_ns - stop.t_ns > _CASCADE_NS:
        return stop
    known = {cause.key for cause in stop.causes}
    more = [cause for cause in facts.causes if cause.phases and cause.key not in known]
    return replace(stop, causes=(*stop.causes, *more)[:MOST_CAUSES]) if more else stop


def confirmed(stop: Stop, facts: Facts) -> Stop:
    """Return the stop with the arms that have obeyed it by now."""
    if stop.stage == "resting":
        return stop  # arms on their way hold nothing
    known = {name for name, _ in stop.confirmed_ms}
    new = [
        (name, _confirmed_ms(arm, stop))
        for name, arm in facts.arms.items()
        if arm is not None and name not in known and _confirms(arm, stop)
    ]
    return replace(stop, confirmed_ms=(*stop.confirmed_ms, *new)) if new else stop


def _confirms(arm: ArmFact, stop: Stop) -> bool:
    obeyed = arm.limp if stop.kind == CUTTING else arm.t_frozen_ns > 0
    return obeyed and arm.permit >= stop.seq


def _confirmed_ms(arm: ArmFact, stop: Stop) -> float:
    # An arm that stood already when the stop was asked for has confirmed it when it heard of it.
    stood_since = stop.kind != CUTTING and arm.t_frozen_ns > stop.t_ns
    obeyed_ns = arm.t_frozen_ns if stood_since else arm.t_written_ns
    return max(0, obeyed_ns - stop.t_ns) * 1e-6
