"""What the page is told, as JSON: pure functions of what was observed."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from dashboard import recording
from dashboard.observed import Observed, Sample
from dashboard.tally import Tally
from messaging.messages import (
    ControlStatus,
    Heartbeat,
    HumanCommand,
    JointState,
    MotorStates,
    SafetyState,
)

SILENT_MS = 500.0  # a process that says nothing for longer is silent
CONFIRM_MS = 300.0  # arms that have not confirmed a stop by then are called out
_LONGEST_TEXT = 300


def as_text(kind: str, content: Any) -> str:
    """Return a message to the browsers."""
    return json.dumps({kind: content}, separators=(",", ":"), allow_nan=False)


def state(observed: Observed, now_ns: int) -> dict[str, Any]:
    """Return all that changes from moment to moment; takes the plot's new samples along."""
    trace = [_traced(sample) for sample in observed.trace]
    observed.trace.clear()
    task = observed.task
    return {
        "t_ms": now_ns // 1_000_000,
        "safety": safety(observed, now_ns),
        "control": _control(observed.control, now_ns),
        "arms": {arm: _arm(state, now_ns) for arm, state in observed.arms.items()},
        "processes": [_process(name, beat, now_ns) for name, beat in observed.beats.items()],
        "delays": [
            [name, number(delay.newest_ms, 2), number(delay.worst_ms, 2)]
            for name, delay in observed.delays.items()
        ],
        "task": task and {"episode": task.episode, "reward": task.reward, "success": task.success},
        "trace": trace,
        "human": _human(observed.human, now_ns),
        "episode": _episode(observed.tally, now_ns),
        "tally": [[*key, count] for key, count in sorted(observed.tally.counts.items())],
        "recorder": _recorder(observed.beats, "recorder", now_ns),
        "finisher": _recorder(observed.beats, "finisher", now_ns),
    }


def safety(observed: Observed, now_ns: int) -> dict[str, Any] | None:
    """Return what safety says, None before its first word."""
    said = observed.safety
    if said is None:
        return None
    return {
        "phase": said.phase,
        "motion": said.motion,
        "speed": number(said.speed, 2),
        "commander": said.commander,
        "event": said.event,
        "stop": said.stop,
        "stopped_at": said.stopped_at,
        "by": said.by,
        "causes": list(said.causes),
        "persisting": list(said.persisting),
        "warnings": list(said.warnings),
        "confirmed_ms": {arm: number(ms, 1) for arm, ms in sorted(said.confirmed_ms.items())},
        "awaited": list(said.awaited),
        "overdue": overdue(said, observed, now_ns),
        "note": said.note,
        "holds": list(said.holds),
        "waits": list(said.waits),
        "age_ms": number((now_ns - said.t_ns) * 1e-6, 0),
    }


def overdue(said: SafetyState, observed: Observed, now_ns: int) -> list[str]:
    """Return the arms that should have confirmed the stop long ago."""
    waited_ms = (now_ns - observed.awaited_ns) * 1e-6
    return list(said.awaited) if waited_ms > CONFIRM_MS else []


def motors(states: Mapping[str, MotorStates | None], now_ns: int) -> dict[str, Any]:
    """Return every motor of every arm, a list each."""
    return {
        arm: {
            "age_ms": number((now_ns - state.t_ns) * 1e-6, 0),
            "rows": [_motor(state, at) for at in range(len(state.names))],
        }
        for arm, state in states.items()
        if state
    }


def number(value: float | None, digits: int) -> float | None:
    """Return `value` rounded, None where it is not finite: JSON has no word for that."""
    return None if value is None or not math.isfinite(value) else round(float(value), digits)


def _control(status: ControlStatus | None, now_ns: int) -> dict[str, Any] | None:
    if status is None:
        return None
    return {
        "mode": status.mode,
        "commander": status.commander,
        "rate": number(status.rate, 2),
        "runway_s": number(status.runway_s, 2),
        "latency_s": number(status.latency_s, 3),
        "disagreement_rad": number(status.disagreement_rad, 4),
        "jerk": number(status.jerk, 1),
        "chunks": status.chunks,
        "late_ms": number(status.late_us * 1e-3, 2),
        "starved_s": number(status.starved_s, 2),
        "blocked_s": number(status.blocked_s, 2),
        "counters": status.counters,
        "age_ms": number((now_ns - status.t_ns) * 1e-6, 0),
    }


def _human(command: HumanCommand | None, now_ns: int) -> dict[str, Any] | None:
    if command is None:
        return None
    return {
        "engaged": command.engaged,
        "arms": list(dict.fromkeys(joint.partition("_")[0] for joint in command.joints)),
        "doing": command.doing,
        "age_ms": number((now_ns - command.t_ns) * 1e-6, 0),
    }


def _episode(tally: Tally, now_ns: int) -> dict[str, Any] | None:
    episode = tally.episode
    if episode is None or episode.phase == "none":
        return None
    return {
        "number": episode.episode,
        "phase": episode.phase,
        "kind": tally.kind,
        "lasts_s": number(((episode.t_end_ns or now_ns) - episode.t_begin_ns) * 1e-9, 1),
        "outcome": episode.outcome,
        "judge": episode.judge,
    }


def _recorder(
    beats: Mapping[str, Heartbeat | None], name: str, now_ns: int
) -> dict[str, Any] | None:
    """Return what it says of itself, None where there is none."""
    if name not in beats:
        return None
    beat = beats[name]
    said = recording.told(beat)
    silent = beat is None or (now_ns - beat.t_ns) * 1e-6 > SILENT_MS + beat.quiet_s * 1e3
    return {
        "work": said.work[:_LONGEST_TEXT],
        "troubles": [trouble[:_LONGEST_TEXT] for trouble in said.troubles],
        "free_gb": number(said.free_gb, 1),
        "silent": silent,
    }


def _arm(state: JointState | None, now_ns: int) -> dict[str, Any] | None:
    if state is None:
        return None
    return {
        "holding": state.holding,
        "torque": state.torque,
        "frozen": bool(state.t_frozen_ns),
        "errors": list(state.errors),
        "warnings": list(state.warnings),
        "age_ms": number((now_ns - state.t_sample_ns) * 1e-6, 0),
    }


def _process(name: str, beat: Heartbeat | None, now_ns: int) -> dict[str, Any]:
    if beat is None:
        return {"name": name, "state": "absent"}
    silent_ms = (now_ns - beat.t_ns) * 1e-6
    is_silent = silent_ms > SILENT_MS + beat.quiet_s * 1e3
    return {
        "name": name,
        "state": "silent" if is_silent else "ready" if beat.ready else "starting",
        "rate_hz": number(beat.rate_hz, 1),
        "late_ms": number(beat.late_ms, 2),
        "age_ms": number(beat.age_ms, 0),
        "silent_ms": number(silent_ms, 0),
        "note": beat.note[:_LONGEST_TEXT],
    }


def _traced(sample: Sample) -> list[Any]:
    return [
        sample.t_ns // 1_000_000,
        [number(value, 4) for value in sample.command],
        [number(value, 4) for value in sample.position],
    ]


def _motor(state: MotorStates, at: int) -> list[Any]:
    columns: Sequence[tuple[Any, int]] = (
        (state.position, 3),
        (state.lower, 3),
        (state.upper, 3),
        (state.current, 2),
        (state.most_current, 2),
        (state.temperature, 0),
        (state.voltage, 1),
    )
    numbers = [number(values[at], digits) for values, digits in columns]
    return [state.names[at], *numbers, state.errors[at]]
