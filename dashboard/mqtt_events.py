"""What goes out to the broker: the state as JSON, and what happened since the last one; pure."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from messaging.messages import Heartbeat, SafetyState

_LOST_AFTER_S = 1.0
_UNKNOWN = {
    "phase": "unknown",
    "confirmed_ms": {},
    "note": "the safety process is silent: nothing moves without it",
}
_KIND_OF_PHASE = {
    "disarmed": "disarmed",
    "testing": "arming",
    "armed": "armed",
    "running": "running",
    "stopped": "stop",
}

Event = dict[str, Any]


def state_said(state: SafetyState | None) -> dict[str, Any]:
    """Return what is known of safety as JSON can say it, without the station's own clock."""
    if state is None:
        return dict(_UNKNOWN)
    said = asdict(state)
    del said["t_ns"]
    return said


def as_json(said: dict[str, Any], time: str) -> str:
    """Return `said` with its wall-clock time, as text."""
    return json.dumps({"time": time, **said})


def phase_events(before: SafetyState | None, after: SafetyState) -> list[Event]:
    """Return what happened between two states of safety, of which the first may be missing."""
    if after.phase == "stopped":
        if before is not None and before.event == after.event:
            return []
        return [_stop(after)]
    if before is None:
        return []
    if before.phase == after.phase:
        new = after.holds and not before.holds
        return [{"kind": "hold", "causes": after.holds}] if new else []
    if before.phase == "stopped":
        return [{"kind": "reset", "event": before.event}]
    return [{"kind": _KIND_OF_PHASE[after.phase]}]


def _stop(state: SafetyState) -> Event:
    return {
        "kind": "stop",
        "event": state.event,
        "stop": state.stop,
        "by": state.by,
        "causes": state.causes,
    }


@dataclass
class Lives:
    """Notices processes that fall silent, come back, or were started anew."""

    _heard: dict[str, tuple[int, Heartbeat]] = field(default_factory=dict)
    _lost: set[str] = field(default_factory=set)

    def hear(self, heartbeat: Heartbeat, now_ns: int) -> list[Event]:
        """Return what a sign of life says about the process's past."""
        name = heartbeat.process
        before = self._heard.get(name)
        self._heard[name] = now_ns, heartbeat
        was_lost = name in self._lost
        self._lost.discard(name)
        if before is not None and before[1].pid != heartbeat.pid:
            return [{"kind": "process_restarted", "process": name}]
        return [{"kind": "process_back", "process": name}] if was_lost else []

    def look(self, now_ns: int) -> list[Event]:
        """Return the processes that have just been silent for too long."""
        silent = [
            name
            for name, (heard_ns, heartbeat) in self._heard.items()
            if (now_ns - heard_ns) * 1e-9 > max(_LOST_AFTER_S, heartbeat.quiet_s)
        ]
        newly = [name for name in silent if name not in self._lost]
        self._lost.update(newly)
        return [{"kind": "process_lost", "process": name} for name in newly]


@dataclass
class Budget:
    """How much may be told in a second: a flood of messages must fill neither disk nor network."""

    per_s: int
    _second: int = 0
    _told: int = 0

    def allows(self, now_ns: int) -> bool:
        """Return whether one more may be told."""
        second = now_ns // 1_000_000_000
        if second != self._second:
            self._second, self._told = second, 0
        self._told += 1
        return self._told <= self.per_s
