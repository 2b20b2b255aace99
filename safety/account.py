"""What the safety process says of itself: to everyone by SafetyState, for ever by the audit."""

from __future__ import annotations

from dataclasses import replace

from messaging.messages import OFF, Reply, Request, SafetyState
from safety.audit import LONGEST, Entry
from safety.facts import Facts
from safety.state import State, unsettled

_ALIKE_NS = 1_000_000_000  # requests that change nothing are counted together for this long
_KINDS = 20  # of request that are told apart while they are counted


def told(state: State, facts: Facts) -> SafetyState:
    """Return what everyone is told."""
    stop = state.stop
    confirmed = dict(stop.confirmed_ms) if stop else {}
    return SafetyState(
        t_ns=facts.now_ns,
        phase=state.phase,
        epoch=state.epoch,
        motion=state.motion,
        speed=min(state.speed, facts.speed),
        commander="policy" if state.phase == "running" else "",
        event=state.event,
        stop=stop.kind if stop else "",
        stopped_at=stop.at if stop else "",
        by=stop.by if stop else "",
        causes=tuple(cause.text for cause in stop.causes) if stop else (),
        persisting=tuple(cause.text for cause in facts.causes),
        warnings=facts.warnings,
        confirmed_ms=confirmed,
        awaited=_awaited(state, facts),
        note=note(state, facts),
        holds=state.held_for,
        waits=facts.waits if state.phase == "running" else (),
    )


def note(state: State, facts: Facts) -> str:
    """Return what the safety process waits for, in words."""
    if state.held_until_ns:
        return "holds for a moment" if state.held_for else "holds until it is known why"
    if state.phase == "testing":
        late = " and ".join(unsettled(facts, state.awaited_seq))
        return f"tests the stop path: waits for arm {late}" if late else "tests the stop path"
    stage = state.stop.stage if state.stop else ""
    if state.order == OFF:
        stage = "letting_go"
    if stage == "cutting" and _awaited(state, facts):
        return "takes the torque off"
    return {
        "settling": "waits until the arms stand, then goes to rest",
        "resting": "goes to rest",
        "letting_go": "arms at rest let go",
        "cutting": "torque is off, the arms have fallen",
    }.get(stage, "")


def _awaited(state: State, facts: Facts) -> tuple[str, ...]:
    """Return the arms that have not confirmed the stop; while it lets them rest, none has to."""
    if state.stop is None or state.motion != "none":
        return ()
    confirmed = dict(state.stop.confirmed_ms)
    return tuple(arm for arm in facts.arms if arm not in confirmed)


def gist(state: State, facts: Facts) -> tuple[object, ...]:
    """Return of what everyone is told the part of which people should hear at once.

    Numbers in words may wait.
    """
    return (
        state.phase,
        state.epoch,
        state.motion,
        state.order,
        min(state.speed, facts.speed),
        state.stop,
        len(state.held_for),
        len(facts.waits),
        len(facts.causes),
        len(facts.warnings),
    )


def request_entry(
    request: Request, reply: Reply, before: State, after: State, facts: Facts
) -> Entry:
    """Return what the audit says of a request and of the answer to it."""
    asked = ", ".join(
        part
        for part in (
            request.reason[: LONGEST // 2],
            f"event {request.event}" if request.event else "",
            f"value {request.value:g}" if request.kind == "speed" else "",
        )
        if part
    )
    outcome = reply.said if reply.accepted else f"refused: {reply.said}"
    return Entry(
        at=facts.at,
        t_ns=facts.now_ns,
        who=request.who,
        what=request.kind,
        said=f"{asked} -> {outcome}" if asked else outcome,
        before=before.phase,
        after=after.phase,
        event=after.event,
    )


def step_entries(before: State, after: State, facts: Facts) -> list[Entry]:
    """Return what the audit says of a step that nobody asked for."""

    def entry(what: str, said: str = "") -> Entry:
        return Entry(
            facts.at, facts.now_ns, "safety", what, said, before.phase, after.phase, after.event
        )

    is_new_hold = after.held_for and not before.held_for
    entries = [entry("hold", "; ".join(after.held_for))] if is_new_hold else []
    if after.stop is None:
        return [*entries, entry(after.phase)] if before.phase != after.phase else entries
    stop = after.stop
    if before.stop is None:
        return [*entries, entry("stop", "; ".join(cause.text for cause in stop.causes))]
    entries += [entry("cause", cause.text) for cause in stop.causes[len(before.stop.causes) :]]
    if before.stop.stage != stop.stage:
        entries.append(entry(stop.stage or stop.kind))
    if new := stop.confirmed_ms[len(before.stop.confirmed_ms) :]:
        said = ", ".join(f"{arm} {late_ms:.0f} ms" for arm, late_ms in new)
        entries.append(entry("confirmed", said))
    return entries


class Tally:
    """Lets the first of many requests alike into the audit, and of the others only the count."""

    def __init__(self) -> None:
        self._since_ns: dict[str, int] = {}
        self._counts: dict[str, int] = {}
        self._last: dict[str, Entry] = {}

    def admitted(self, entry: Entry) -> list[Entry]:
        """Return the entries to write for `entry` at present: itself, or none."""
        kind = entry.what if entry.what in self._since_ns or self._has_room() else "other"
        self._last[kind] = entry
        if kind in self._since_ns:
            self._counts[kind] += 1
            return []
        self._since_ns[kind], self._counts[kind] = entry.t_ns, 0
        return [entry]

    def due(self, now_ns: int) -> list[Entry]:
        """Return the counts of which no more will be counted."""
        over = [kind for kind, since in self._since_ns.items() if now_ns - since >= _ALIKE_NS]
        entries = []
        for kind in over:
            count, last = self._counts.pop(kind), self._last.pop(kind)
            del self._since_ns[kind]
            if count:
                said = f"{count} more like it within a second, the last: {last.said}"
                entries.append(replace(last, said=said))
        return entries

    def _has_room(self) -> bool:
        return len(self._since_ns) < _KINDS
