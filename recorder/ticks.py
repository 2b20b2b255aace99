"""Every control tick of an episode with what belongs to it, as columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from messaging.messages import ControlStatus
from recorder import labels
from recorder.labels import Codes, Flags
from recorder.layout import Robot, SafetyFlag, tick_columns
from recorder.recorded import LIMIT, Recorded, Stamps, Values
from recorder.resample import at, intended, nearest, newest

_FRESH_NS: Final = 100_000_000  # as old as what a person's device says may be


@dataclass(frozen=True, slots=True)
class Ticks:
    """Columns of equal length, a row a control tick."""

    statuses: Sequence[ControlStatus]
    t_ns: Stamps
    command: Values
    measured: Values
    t_measured_ns: dict[str, Stamps]  # by arm
    human: Values  # nan for joints that the device does not name, or while it is silent
    human_valid: Flags
    engaged: Flags
    policy: Values
    policy_valid: Flags
    source: Codes
    moved: dict[str, Flags]  # by arm: a person moved it
    correction: Codes
    segment: Codes
    safety: Codes

    def column(self, name: str) -> NDArray[Any]:
        """Return a field of all statuses."""
        return np.array([getattr(status, name) for status in self.statuses])


def ticks(recorded: Recorded) -> Ticks:
    """Return all control ticks of an episode."""
    statuses, t_ns = recorded.statuses, recorded.commands.t_ns
    command = recorded.commands.values
    human, engaged, rewinding = _human(recorded, t_ns)
    source = labels.sources(
        [status.commander for status in statuses],
        [status.mode for status in statuses],
        [status.chunk for status in statuses],
        rewinding,
    )
    policy, policy_valid = intended(recorded.chunks, recorded.header.joints, t_ns, command)
    epochs = np.array([status.epoch for status in statuses], np.int64)
    return Ticks(
        statuses=statuses,
        t_ns=t_ns,
        command=command,
        measured=measured(recorded, t_ns),
        t_measured_ns={
            arm: series.t_ns[nearest(series.t_ns, t_ns)]
            for arm, series in recorded.measured.items()
        },
        human=human,
        human_valid=~np.all(np.isnan(human), axis=1),
        engaged=engaged,
        policy=policy,
        policy_valid=policy_valid,
        source=source,
        moved=_moved(recorded, source, human),
        correction=labels.corrections(source),
        segment=labels.segments(t_ns, epochs, source),
        safety=_safety(recorded, t_ns),
    )


def measured(recorded: Recorded, moments: Stamps) -> Values:
    """Return where all joints were (n, J) at `moments`."""
    return np.hstack([at(series, moments) for series in recorded.measured.values()])


def table(columns: Ticks, recorded: Recorded, robot: Robot) -> pa.Table:
    """Return the content of an episode's ticks file."""
    filled = np.where(np.isnan(columns.human), columns.command, columns.human)
    given: dict[str, Any] = {
        "t_ns": columns.t_ns,
        "source": columns.source,
        "safety_flags": columns.safety,
        "command": columns.command,
        "measured": columns.measured,
        **{f"t_{arm}_ns": stamps for arm, stamps in columns.t_measured_ns.items()},
        "human": filled,
        "human_valid": columns.human_valid,
        "engaged": columns.engaged,
        "policy": columns.policy,
        "policy_valid": columns.policy_valid,
        **{f"intervention_{arm}": moved for arm, moved in columns.moved.items()},
        "events": _events(recorded, columns.t_ns),
    }
    kinds = tick_columns(robot)
    return pa.table(
        {
            name: arrow(given[name] if name in given else columns.column(name), kind)
            for name, kind in kinds.items()
        }
    )


def arrow(values: Any, kind: str) -> pa.Array:
    """Return a column of a file: of a type by its name, `vector` being float32 of equal length."""
    if kind == "vector":
        flat = np.asarray(values, np.float32)
        return pa.FixedSizeListArray.from_arrays(pa.array(flat.reshape(-1)), flat.shape[1])
    if kind == "string":
        return pa.array([str(value) for value in values], pa.string())
    return pa.array(np.asarray(values).astype(kind))


def _human(recorded: Recorded, t_ns: Stamps) -> tuple[Values, Flags, Flags]:
    """Return at each tick what the device says, whether a person is engaged, and rewinding."""
    said = recorded.human
    position = np.full(recorded.commands.values.shape, np.nan)
    engaged, rewinding = np.zeros(len(t_ns), bool), np.zeros(len(t_ns), bool)
    if len(said.t_ns):
        index = newest(said.t_ns, t_ns)
        fresh = (index >= 0) & (t_ns - said.t_ns[index] <= _FRESH_NS)
        position[fresh] = said.position[index[fresh]]
        engaged[fresh] = said.engaged[index[fresh]]
        rewinding[fresh] = said.rewinding[index[fresh]]
    return position, engaged, rewinding


def _moved(recorded: Recorded, source: Codes, human: Values) -> dict[str, Flags]:
    """Return for each arm where a person moved it."""
    dt_s = recorded.statuses[0].dt_ns * 1e-9
    found, first = {}, 0
    for arm, joints in recorded.header.arms.items():
        own = human[:, first : first + len(joints)]
        found[arm] = labels.moved_by_person(source, own, dt_s)
        first += len(joints)
    return found


def _safety(recorded: Recorded, t_ns: Stamps) -> Codes:
    """Return the SafetyFlags of each tick."""
    flags = np.zeros(len(t_ns), np.int64)
    limits_before = _limits(recorded.statuses[0])
    for tick, status in enumerate(recorded.statuses):
        limits = _limits(status)
        flags[tick] = (
            SafetyFlag.LIMITED * (limits > limits_before)
            | SafetyFlag.HELD * (status.commander == "hold")
            | SafetyFlag.STARVED * (status.starved_s > 0)
            | SafetyFlag.BLOCKED * (status.blocked_s > 0)
        )
        limits_before = limits
    stamps = np.array([stop_ns for stop_ns, _ in recorded.stops], np.int64)
    stopped = np.array([False, *(event != "" for _, event in recorded.stops)])
    flags[stopped[newest(stamps, t_ns) + 1]] |= SafetyFlag.STOPPED
    return flags


def _limits(status: ControlStatus) -> int:
    return sum(count for name, count in status.counters.items() if name.startswith(LIMIT))


def _events(recorded: Recorded, t_ns: Stamps) -> list[str]:
    """Return what happened since the tick before, in words."""
    words: list[list[str]] = [[] for _ in t_ns]
    for event_ns, said in recorded.events:
        words[min(int(np.searchsorted(t_ns, event_ns)), len(t_ns) - 1)].append(said)
    before = recorded.statuses[0].counters
    for tick, status in enumerate(recorded.statuses):
        if status.counters != before:
            words[tick] += [
                name for name, count in status.counters.items() if count > before.get(name, 0)
            ]
            before = status.counters
    return ["; ".join(parts) for parts in words]
