"""Faults that cannot be brought about in a running stack, shown to their detectors in time."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.stopping.faults import ALONE, CYCLE_MS, LOOK_MS, Finding
from drivers.guard import NOT_FINITE
from messaging.messages import ControlStatus, JointState
from safety.config import SafetyConfig
from safety.watch import Heard, Watch

_MS = 1_000_000  # in ns
_CYCLE_NS = round(CYCLE_MS * _MS)
_HEALTHY_S = 0.5  # before anything goes wrong
_LOOKS = 200  # after which a fault counts as not found
_JOINT = "left_elbow"
_RANGE = (-1.7, 1.6)
_NOTHING = np.zeros(0)
_TOO_HOT_MS = 1000.0

State = Callable[[JointState, int], JointState]  # of an arm, and for how long it is wrong, in ns
Status = Callable[[ControlStatus, int], ControlStatus]


@dataclass(frozen=True, slots=True)
class _Wrong:
    """What an arm, or the controller, says from the moment on at which something goes wrong."""

    row: int
    text: str
    promised_ms: float
    state: State = lambda state, _: state
    status: Status = lambda status, _: status


def findings(count: int, seed: int = 0) -> list[Finding]:
    """Return how long each detector took, so many times, beginning anywhere between two looks."""
    chance = random.Random(seed)
    return [
        Finding(wrong.row, wrong.text, wrong.promised_ms, took_ms, ALONE)
        for wrong in _faults(SafetyConfig())
        for _ in range(count)
        if (took_ms := _took_ms(wrong, chance.uniform(0.0, LOOK_MS))) is not None
    ]


def _faults(config: SafetyConfig) -> Iterator[_Wrong]:
    yield _Wrong(
        *(2, "a policy's plan is at its end", config.starved_s * 1e3),
        status=lambda status, ns: replace(status, starved_s=ns * 1e-9),
    )
    yield _Wrong(
        *(11, "a motor is too hot", _TOO_HOT_MS),
        lambda state, _: replace(state, temperature=np.array([config.temperature_rest])),
    )
    yield _Wrong(
        *(12, "the supply's voltage is low", config.voltage_s * 1e3),
        lambda state, _: replace(state, voltage=np.array([config.voltage_hold - 0.1])),
    )
    yield _Wrong(
        *(14, "a joint does not get where it is told", config.tracking_s * 1e3),
        lambda state, _: replace(state, position=state.written + 1.1 * config.tracking_rad),
    )
    yield _Wrong(
        *(16, "commands are not finite", config.refused_commands * CYCLE_MS),
        lambda state, _: replace(state, holding=NOT_FINITE),
    )
    yield _Wrong(
        *(17, "a joint is measured beyond its range", CYCLE_MS),
        lambda state, _: replace(state, position=np.array([_RANGE[1] + 1.1 * config.outside_rad])),
    )
    yield _Wrong(
        *(20, "something is in the way", config.blocked_s * 1e3),
        status=lambda status, ns: replace(status, blocked_s=ns * 1e-9),
    )
    yield _Wrong(
        *(24, "the controller's ticks are late", config.overruns * CYCLE_MS),
        status=lambda status, _: replace(status, late_us=1.1e3 * CYCLE_MS),
    )


def _took_ms(wrong: _Wrong, phase_ms: float) -> float | None:
    """Return when a watch that looks in its rhythm finds what is wrong, None if it never does."""
    watch = Watch(("left",), {_JOINT: _RANGE}, {}, SafetyConfig())
    wrong_ns = round((_HEALTHY_S * 1e3 + phase_ms) * _MS)
    said_ns = 0
    for look in range(1, _LOOKS):
        now_ns = round(look * LOOK_MS * _MS)
        statuses = []
        while said_ns + _CYCLE_NS <= now_ns:
            said_ns += _CYCLE_NS
            state, status = _state(said_ns), _status(said_ns)
            if said_ns >= wrong_ns:
                since_ns = said_ns - wrong_ns
                state, status = wrong.state(state, since_ns), wrong.status(status, since_ns)
            statuses.append(status)
        found = watch.look(Heard({"left": state}, statuses, {}), now_ns, running=True)
        if any(cause.row == wrong.row for cause in found.causes):
            return (now_ns - wrong_ns) / _MS
    return None


def _state(t_ns: int) -> JointState:
    place = np.zeros(1)
    return JointState(
        arm="left",
        seq=t_ns // _CYCLE_NS,
        t_sample_ns=t_ns,
        joints=(_JOINT,),
        position=place,
        velocity=place,
        current=_NOTHING,
        temperature=np.array([40.0]),
        voltage=np.array([12.0]),
        age_s=_NOTHING,
        errors=(),
        warnings=(),
        written=place,
        t_written_ns=t_ns,
        t_command_ns=t_ns,
        holding="",
    )


def _status(t_ns: int) -> ControlStatus:
    return ControlStatus(
        seq=t_ns // _CYCLE_NS,
        t_ns=t_ns,
        late_us=0.0,
        mode="run",
        epoch=1,
        cursor=0.0,
        rate=1.0,
        upcoming=np.zeros((0, 1)),
        dt_ns=_CYCLE_NS,
        runway_s=1.0,
        latency_s=0.0,
        disagreement_rad=0.0,
        jerk=0.0,
        chunks=1,
        counters={},
    )
