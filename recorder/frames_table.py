"""The rows of an episode's data file: what a policy learns from, and who did it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa

from recorder import labels
from recorder.labels import Codes, Flags
from recorder.layout import ACTION, RECAP, STATE, Robot, Source, Success, features
from recorder.recorded import Recorded, Stamps
from recorder.resample import Rows, at, intended, nearest, newest
from recorder.ticks import Ticks, arrow, measured

_APART_NS: Final = 30_000_000  # from a row to its tick, beyond which that is a gap


@dataclass(frozen=True, slots=True)
class Numbers:
    """What an episode is called in the dataset that it joins."""

    episode: int
    first_index: int  # of its first row among all rows
    task: int
    policy_version: int


def columns(
    recorded: Recorded,
    ticks: Ticks,
    rows: Rows,
    numbers: Numbers,
    success: Success,
    subtasks: Codes,
    unreadable: Flags,
) -> dict[str, Any]:
    """Return the columns of an episode's data file by name.

    Args:
        recorded: the episode.
        ticks: its control ticks.
        rows: the moments of its rows.
        numbers: of episode, rows, task and policy.
        success: how it ended, so far as that is known.
        subtasks: the subtask's number at each row.
        unreadable: rows of which an image was damaged.
    """
    tick = nearest(ticks.t_ns, rows.t_ns)
    action = at(recorded.commands, rows.t_ns)
    gap = rows.gap | unreadable | (np.abs(ticks.t_ns[tick] - rows.t_ns) > _APART_NS)
    source = ticks.source[tick]
    count = np.arange(len(rows.t_ns))
    last = count == len(count) - 1
    won = last & (success is Success.SUCCESS)
    human = ticks.human[tick]
    joints = recorded.header.joints
    policy, policy_valid = intended(recorded.chunks, joints, rows.t_ns, action)
    recap = {
        "policy_action": policy,
        "policy_action_valid": policy_valid,
        "human_action": np.where(np.isnan(human), action, human),
        "human_action_valid": ticks.human_valid[tick],
        "source": source,
        "is_intervention": source == Source.INTERVENTION,
        **{f"intervention_{arm}": moved[tick] for arm, moved in ticks.moved.items()},
        "intervention_id": ticks.correction[tick],
        "segment_id": _segments(ticks.segment[tick], gap),
        **_provenance(recorded, ticks, tick, rows.t_ns),
        "t_mono_ns": rows.t_ns,
        "t_wall_ns": rows.t_ns + recorded.header.wall_less_monotonic_ns,
        **_captures(recorded, rows),
        "gap": gap,
        "policy_version": numbers.policy_version * (source == Source.AUTO),
        "safety_flags": ticks.safety[tick],
    }
    return {
        STATE: measured(recorded, rows.t_ns),
        ACTION: action,
        **{RECAP + name: values for name, values in recap.items()},
        "subtask_index": subtasks,
        "next.reward": won.astype(np.float32),
        "next.done": last,
        "next.success": won,
        "timestamp": count / recorded.header.rate_hz,
        "frame_index": count,
        "episode_index": np.full(len(count), numbers.episode),
        "index": numbers.first_index + count,
        "task_index": np.full(len(count), numbers.task),
    }


def table(given: dict[str, Any], robot: Robot) -> pa.Table:
    """Return the content of a data file with columns as `features` declares them."""
    return pa.table(
        {
            name: arrow(given[name], "vector" if feature["names"] else feature["dtype"])
            for name, feature in features(robot).items()
            if feature["dtype"] != "video"
        }
    )


def _segments(of_ticks: Codes, gap: Flags) -> Codes:
    """Return the segment of each row: a new one where the ticks' is, and around a gap."""
    if not len(of_ticks):
        return of_ticks
    breaks = (np.diff(of_ticks) != 0) | (np.diff(gap.astype(np.int8)) != 0)
    return np.concatenate([[0], np.cumsum(breaks)]).astype(np.int64)


def _provenance(
    recorded: Recorded, ticks: Ticks, tick: Codes, moments: Stamps
) -> dict[str, Codes | Any]:
    """Return which chunk each row's action comes from, and what it was inferred from."""
    by_number = {chunk.seq: chunk for chunk in recorded.chunks}
    chunk_id = ticks.column("chunk")[tick].astype(np.int64)
    step, seen = np.full(len(tick), -1, np.int64), np.full(len(tick), -1, np.int64)
    latency_ms = np.zeros(len(tick))
    half_row_ns = 0.5e9 / recorded.header.rate_hz
    for number in np.unique(chunk_id):
        chunk = by_number.get(int(number))
        if chunk is None:
            continue
        mine = chunk_id == number
        steps = np.round((moments[mine] - chunk.t_obs_ns) / chunk.dt_ns).astype(np.int64)
        step[mine] = np.where((steps >= 0) & (steps < len(chunk.actions)), steps, -1)
        latency_ms[mine] = (ticks.t_ns[tick[mine]] - chunk.t_obs_ns) * 1e-6
        row = int(nearest(moments, np.array([chunk.t_obs_ns]))[0])
        if abs(int(moments[row]) - chunk.t_obs_ns) <= half_row_ns:
            seen[mine] = row
    return {
        "chunk_id": chunk_id,
        "chunk_step": step,
        "chunk_obs_index": seen,
        "n_ensembled": ticks.column("blended")[tick].astype(np.int64),
        "latency_ms": latency_ms,
    }


def _captures(recorded: Recorded, rows: Rows) -> dict[str, Stamps]:
    """Return when the image that each row shows was taken, 0 where there is none."""
    found = {}
    for camera, shown in rows.shown.items():
        stamps = np.append(recorded.frames[camera], 0)
        found[f"t_{camera}_ns"] = stamps[shown.index]
    return found


def subtask_numbers(moments: Stamps, begun: list[tuple[int, int]]) -> Codes:
    """Return the subtask's number at each moment; `begun` says when each one begins."""
    stamps = np.array([t_ns for t_ns, _ in begun], np.int64)
    numbers = np.array([0, *(number for _, number in begun)], np.int64)
    return numbers[newest(stamps, moments) + 1]


def intervention_share(source: Codes) -> float:
    """Return how much of the rows a person corrected."""
    return float(np.mean(source == Source.INTERVENTION)) if len(source) else 0.0


def correction_count(ticks: Ticks) -> int:
    """Return how many corrections an episode has."""
    return int(labels.corrections(ticks.source).max(initial=-1)) + 1
