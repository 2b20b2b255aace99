"""The numbers of a run, computed from its journal."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from station.ticks import (
    STATUS_FIELDS,
    TASK_FIELDS,
    Rows,
    Table,
    command_fields,
    read_lines,
    read_rows,
    state_fields,
)

Array = NDArray[np.float64]

TO_PLAN = "to plan"  # from the worker to the first tick that follows the chunk
CAPTURE_TO_MERGE = "capture to merge"
GRIPPER = "gripper"  # ends the names of joints that are no angles

_LONGEST_MERGE_NS = 500_000_000  # what took longer from worker to plan was never merged


@dataclass(frozen=True)
class RunData:
    """Everything that the journal of a run holds; empty where it holds nothing."""

    commands: Table
    statuses: Rows
    task: Rows
    states: dict[str, Table] = field(default_factory=dict)
    chunks: list[dict[str, Any]] = field(default_factory=list)
    holds: list[dict[str, Any]] = field(default_factory=list)
    counters: dict[str, int] = field(default_factory=dict)
    lost: dict[str, int] = field(default_factory=dict)

    @property
    def span_ns(self) -> tuple[int, int] | None:
        """First and last moment that anything was written down for, None if nothing was."""
        times = [table["t_ns"] for table in (self.commands.rows, self.statuses) if len(table)]
        if not times:
            return None
        return int(min(t[0] for t in times)), int(max(t[-1] for t in times))

    @property
    def dt_s(self) -> float:
        """Length of a control tick."""
        return float(np.median(self.statuses["dt_ns"])) * 1e-9 if len(self.statuses) else 0.01


def read_run(folder: Path) -> RunData:
    """Read the journal in `folder`; what is missing or cut off is left out."""
    states = {}
    for path in sorted(folder.glob("states.*.rows")):
        states[path.stem.removeprefix("states.")] = read_rows(path, state_fields(0))
    counters = read_lines(folder / "counters.jsonl")
    lost = read_lines(folder / "losses.json")
    chunks = [entry for entry in read_lines(folder / "chunks.jsonl") if _whole_chunk(entry)]
    return RunData(
        commands=read_rows(folder / "commands.rows", command_fields(0)),
        statuses=read_rows(folder / "statuses.rows", STATUS_FIELDS).rows,
        task=read_rows(folder / "task.rows", TASK_FIELDS).rows,
        states=states,
        chunks=chunks,
        holds=read_lines(folder / "holds.jsonl"),
        counters=_total(counters),
        lost=lost[-1] if lost else {},
    )


def tick_figures(data: RunData) -> dict[str, float]:
    """Return number and rate of control ticks, their lateness in ms, and how many were missed."""
    rows = data.statuses
    if not len(rows):
        return {"count": 0}
    late_ms = rows["late_us"] * 1e-3
    steps = np.diff(rows["t_ns"])[np.diff(rows["seq"]) == 1] * 1e-9
    missed = np.round(steps / data.dt_s) - 1
    return {
        "count": len(rows),
        "rate_hz": 1.0 / data.dt_s,
        "late_p50_ms": float(np.percentile(late_ms, 50)),
        "late_p99_ms": float(np.percentile(late_ms, 99)),
        "late_p999_ms": float(np.percentile(late_ms, 99.9)),
        "late_max_ms": float(late_ms.max()),
        "missed": int(missed[missed > 0].sum()),
    }


def merge_times_ns(data: RunData) -> NDArray[np.int64]:
    """Return when each chunk was first part of the plan, 0 for those that never were."""
    sent_ns = _sent_ns(data)
    merged = np.zeros(len(sent_ns), np.int64)
    rows = data.statuses
    if not len(rows) or not len(sent_ns):
        return merged
    times = rows["t_ns"][1:][np.diff(rows["chunks"]) > 0]
    newest = np.searchsorted(sent_ns, times, "right") - 1
    for time_ns, index in zip(times, newest, strict=True):
        if index >= 0 and time_ns - sent_ns[index] < _LONGEST_MERGE_NS:
            merged[index] = time_ns
    return merged


def hops_ms(data: RunData) -> dict[str, Array]:
    """Return the durations of each hop from capture to plan, in the order that they happen."""
    hops: dict[str, list[float]] = {}
    for chunk in data.chunks:
        for stage, took_ms in chunk["stages_ms"].items():
            hops.setdefault(stage, []).append(took_ms)
    ordered = {stage: np.array(took) for stage, took in hops.items()}
    merged_ns = merge_times_ns(data)
    if (merged_ns > 0).any():
        captured_ns = np.array([chunk["t_obs_ns"] for chunk in data.chunks], np.int64)
        ordered[TO_PLAN] = (merged_ns - _sent_ns(data))[merged_ns > 0] * 1e-6
        ordered[CAPTURE_TO_MERGE] = (merged_ns - captured_ns)[merged_ns > 0] * 1e-6
    return ordered


def arm_columns(joints: Sequence[str]) -> list[int]:
    """Return which columns are angles."""
    return [index for index, joint in enumerate(joints) if not joint.endswith(GRIPPER)]


def tracking_rms_rad(data: RunData) -> float:
    """Return how far measured angles are from what was written to the servos, RMS."""
    squares, count = 0.0, 0
    for table in data.states.values():
        columns = arm_columns(table.joints)
        error = (table.rows["position"] - table.rows["written"])[:, columns].astype(np.float64)
        error = error[np.isfinite(error)]
        squares, count = squares + float(np.sum(error**2)), count + error.size
    return math.sqrt(squares / count) if count else 0.0


def guard_holds(data: RunData) -> dict[str, int]:
    """Return how often the arms' guards held by themselves after the first command, by reason."""
    if not len(data.commands.rows):
        return {}
    first_ns = int(data.commands.rows["t_ns"][0])
    reasons = [
        re.sub(r"\d+ ms old", "too old", str(hold["why"]))
        for hold in data.holds
        if hold.get("why") and hold.get("t_ns", 0) > first_ns
    ]
    return dict(Counter(reasons))


def counted(data: RunData, prefix: str) -> dict[str, int]:
    """Return the controller's counters under `prefix`, without it."""
    start = f"{prefix}."
    return {
        name.removeprefix(start): count
        for name, count in sorted(data.counters.items())
        if name.startswith(start)
    }


def rows_unheard(data: RunData) -> dict[str, int]:
    """Return how many messages of each stream never reached the journal."""
    tables = {"commands": data.commands.rows, "statuses": data.statuses}
    tables |= {f"states.{arm}": table.rows for arm, table in data.states.items()}
    unheard = {}
    for name, rows in tables.items():
        steps = np.diff(rows["seq"])
        if missing := int((steps[steps > 1] - 1).sum()):
            unheard[name] = missing
    return unheard


def success_interval(successes: int, trials: int) -> tuple[float, float]:
    """Return the 95 % confidence interval of a success rate by Wilson's score (1927)."""
    if trials == 0:
        return 0.0, 1.0
    interval = binomtest(successes, trials).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)


def _sent_ns(data: RunData) -> NDArray[np.int64]:
    """Return when the worker was done with each chunk.

    By the stages that it measured: the journal, which yields to all others, hears of it late.
    """
    return np.array(
        [chunk["t_obs_ns"] + sum(chunk["stages_ms"].values()) * 1e6 for chunk in data.chunks],
        np.int64,
    )


def _whole_chunk(entry: dict[str, Any]) -> bool:
    return {"t_obs_ns", "stages_ms"} <= entry.keys()


def _total(entries: list[dict[str, Any]]) -> dict[str, int]:
    """Add up what several lives of a controller counted; each counts from zero."""
    total: Counter[str] = Counter()
    before: dict[str, int] = {}
    for entry in entries:
        now = entry.get("counters", {})
        for name, count in now.items():
            total[name] += count - before.get(name, 0) if count >= before.get(name, 0) else count
        before = now
    return dict(total)
