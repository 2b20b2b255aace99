"""How smooth a run was: what was commanded, and, told apart, how the arms were braked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from station.record import RunEvent
from station.report.figures import RunData, arm_columns
from station.ticks import Rows

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

ORDERED = "at the end of an episode, of a person's command, or by a pause"
SLOWED = "the plan ran out"

_FULL_RATE = 0.999
_STOP_NS = 500_000_000  # from leave that is withdrawn to the word of the stop that it was for
_APART_NS = 200_000_000  # closer together, brakes of two arms or two moments are one


@dataclass(frozen=True, slots=True)
class Brake:
    """What arms were braked for, how often, and the greatest jerk of a joint in rad/s^3."""

    cause: str
    count: int
    jerk_max: float


@dataclass(frozen=True, slots=True)
class _Stretch:
    """A brake of one arm, or of the controller."""

    t_ns: int
    cause: str
    jerk: float


def led_jerk(data: RunData) -> tuple[float, float]:
    """Return RMS and greatest jerk of a joint in rad/s^3 while the policy or a person commanded.

    Ticks in which the plan's clock was slower than full speed do not count, nor those in which
    nobody commanded: there the arms were braked or set in motion again.
    """
    led, _, _ = _ticks(data)
    jerk = _jerk(data.commands.rows, "position", arm_columns(data.commands.joints), data.dt_s)
    if jerk is None:
        return 0.0, 0.0
    jerk = jerk[_all_of(4, led)]
    jerk = jerk[np.isfinite(jerk)]
    if not jerk.size:
        return 0.0, 0.0
    return float(np.sqrt(np.mean(jerk**2))), float(np.abs(jerk).max())


def brakes(data: RunData, events: Sequence[RunEvent]) -> list[Brake]:
    """Return how the arms were braked, by cause, the hardest first."""
    found = sorted([*_of_controller(data), *_of_guards(data, events)], key=lambda one: one.t_ns)
    counts: dict[str, list[float]] = {}
    last_ns: dict[str, int] = {}
    for one in found:
        jerks = counts.setdefault(one.cause, [])
        if jerks and one.t_ns - last_ns[one.cause] < _APART_NS:
            jerks[-1] = max(jerks[-1], one.jerk)
        else:
            jerks.append(one.jerk)
        last_ns[one.cause] = one.t_ns
    told = [Brake(cause, len(jerks), max(jerks)) for cause, jerks in counts.items()]
    return sorted(told, key=lambda brake: -brake.jerk_max)


def _of_controller(data: RunData) -> Iterator[_Stretch]:
    """Yield where the controller brought moving arms to a stop, or slowed their plan."""
    rows = data.commands.rows
    jerk = _jerk(rows, "position", arm_columns(data.commands.joints), data.dt_s)
    if jerk is None:
        return
    _, slowed, ordered = _ticks(data)
    moving = np.any(np.diff(rows["position"], axis=0, prepend=rows["position"][:1]) != 0, axis=1)
    for cause, mask in ((SLOWED, slowed), (ORDERED, ordered & moving)):
        for first, last in _runs(mask):
            yield _Stretch(int(rows["t_ns"][first]), cause, _peak(jerk, first, last))


def _of_guards(data: RunData, events: Sequence[RunEvent]) -> Iterator[_Stretch]:
    """Yield where an arm's own guard braked it, by what its servos were told."""
    for arm, table in data.states.items():
        rows = table.rows
        jerk = _jerk(rows, "written", arm_columns(table.joints), data.dt_s)
        if jerk is None:
            continue
        steps = np.diff(rows["written"], axis=0, prepend=rows["written"][:1])
        moving = np.any(np.nan_to_num(steps) != 0, axis=1)
        for first, last in _runs(rows["held"] & moving):
            t_ns = int(rows["t_ns"][first])
            yield _Stretch(t_ns, _why(data, arm, t_ns, events), _peak(jerk, first, last))


def _why(data: RunData, arm: str, t_ns: int, events: Sequence[RunEvent]) -> str:
    """Return what a guard braked for: the stop by which it lost its leave, or its own reason."""
    for event in events:
        is_stop = event.source == "safety" and event.text[:5] in ("stop ", "cut o")
        if is_stop and -_APART_NS <= event.t_ns - t_ns <= _STOP_NS:
            return event.text
    reasons = [hold for hold in data.holds if hold.get("arm") == arm and hold.get("why")]
    said = [str(hold["why"]) for hold in reasons if hold.get("t_ns", 0) <= t_ns]
    return re.sub(r"\d+ ms old", "too old", said[-1]) if said else "unknown"


def _ticks(data: RunData) -> tuple[Mask, Mask, Mask]:
    """Return of each command whether it was led, slowed, or a stop that was ordered."""
    rows, status = data.commands.rows, data.statuses
    nothing = np.zeros(len(rows), np.bool_)
    if not len(status):
        return nothing, nothing, nothing
    place = np.minimum(np.searchsorted(status["t_ns"], rows["t_ns"]), len(status) - 1)
    known = status["t_ns"][place] == rows["t_ns"]
    status = status[place]
    policy, human = status["commander"] == b"policy", status["commander"] == b"human"
    full = status["rate"] > _FULL_RATE
    ordered = known & (status["commander"] == b"hold") & (status["permit"] > 0)
    slowed = known & policy & ~full
    falling = slowed & (np.diff(status["rate"], prepend=status["rate"][:1]) < 0)
    braked = nothing.copy()
    for first, last in _runs(slowed):
        braked[first:last] = falling[first:last].any()
    return known & (human | (policy & full)), braked, ordered


def _jerk(rows: Rows, name: str, columns: list[int], dt_s: float) -> Array | None:
    """Return the third derivative (N - 3, J) in rad/s^3, nan across gaps; None of too few rows."""
    if len(rows) < 4 or not columns:
        return None
    jerk: Array = np.diff(rows[name][:, columns].astype(np.float64), 3, axis=0) / dt_s**3
    # A third difference across a gap, of lost rows or of a restart, would be no derivative.
    jerk[~_all_of(3, np.diff(rows["seq"]) == 1)] = np.nan
    return jerk


def _all_of(count: int, mask: Mask) -> Mask:
    """Return of each `count` neighbours whether all are True."""
    return np.asarray(np.convolve(mask, np.ones(count), "valid") == count)


def _peak(jerk: Array, first: int, last: int) -> float:
    """Return the greatest jerk of any joint from tick `first` to the one after the stretch."""
    within = np.abs(jerk[max(first - 3, 0) : max(last - 2, 1)])
    within = within[np.isfinite(within)]
    return float(within.max()) if within.size else 0.0


def _runs(mask: Mask) -> Iterator[tuple[int, int]]:
    """Yield begin and end of each unbroken stretch of True."""
    edges = np.flatnonzero(np.diff(mask.astype(np.int8), prepend=0, append=0))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
