"""Writes down what a run commands, measures and decides, for the report at its end."""

from __future__ import annotations

import json
import logging
import os
import time
from collections import Counter
from pathlib import Path
from typing import Annotated

import numpy as np

from messaging.messages import ActionChunk, ControlStatus, JointCommand, JointState, TaskState
from messaging.topics import (
    ACTION_CHUNK,
    CONTROL_STATUS,
    FRAME,
    JOINT_COMMAND,
    JOINT_STATE,
    TASK_STATE,
    Keep,
)
from messaging.transport import Bus, Waiter
from runtime.config import Between, StrictModel
from runtime.process import Context
from station.clips import ClipRecorder
from station.ticks import (
    STATUS_FIELDS,
    TASK_FIELDS,
    Appender,
    RowAppender,
    command_fields,
    state_fields,
)

log = logging.getLogger(__name__)

RESERVE = "report.reserve"  # room that the report takes over when the disk is full
LOSSES = "losses.json"

_LOOK_S = 0.05
_FLUSH_NS = 1_000_000_000
_RESERVED_BYTES = 8_000_000
_LOSSES_BYTES = 4096


class Config(StrictModel):
    """What to write down, and where."""

    run_directory: str
    arms: tuple[str, ...]
    cameras: tuple[str, ...]
    video_camera: str = "cam_high"
    video_rate_hz: Annotated[float, Between(0.1, 30.0, "Hz")] = 10.0


def main(config: Config, context: Context) -> None:
    """Write the journal until told to stop."""
    journal = Journal(config, context.bus)
    try:
        while not context.stopping:
            age_ns = journal.step()
            context.beat(age_ns=age_ns, counters=dict(journal.lost), note=journal.note)
    finally:
        journal.close()


class Journal:
    """Follows the streams of a run and writes them to files; never fails for want of disk."""

    def __init__(self, config: Config, bus: Bus) -> None:
        self.lost: Counter[str] = Counter()
        self._folder = Path(config.run_directory)
        self._reserve()
        self._commands = bus.subscriber(JOINT_COMMAND, keep=Keep.ALL)
        self._statuses = bus.subscriber(CONTROL_STATUS, keep=Keep.ALL)
        self._states = [bus.subscriber(JOINT_STATE, arm, Keep.ALL) for arm in config.arms]
        self._chunks = bus.subscriber(ACTION_CHUNK)
        self._tasks = bus.subscriber(TASK_STATE, keep=Keep.ALL)
        self._waiter = Waiter([self._chunks])
        self._rows: dict[str, RowAppender] = {}
        self._lines: dict[str, Appender] = {}
        self._frames = (
            bus.subscriber(FRAME, config.video_camera, Keep.NEWEST)
            if config.video_camera in config.cameras
            else None
        )
        self._clips = ClipRecorder(self._folder / "video", config.video_rate_hz, self.lost)
        self._frame_ns = round(1e9 / config.video_rate_hz)
        self._next_frame_ns = self._flushed_ns = time.monotonic_ns()
        self._newest_ns = 0
        self._holding: dict[str, str] = {}
        self._counters: dict[str, int] = {}
        self._counters_told: dict[str, int] = {}
        self._lost_told: Counter[str] = Counter()

    @property
    def note(self) -> str:
        """Return what was lost so far, in words; empty while nothing was."""
        return f"cannot write, lost {sum(self.lost.values())} records" if self.lost else ""

    def step(self) -> int:
        """Wait a little, take in what came, write once a second; returns the newest data's age."""
        self._waiter.wait(_LOOK_S)
        for chunk in self._chunks.drain():
            self._add_chunk(chunk, time.monotonic_ns())
        for command in self._commands.drain():
            self._add_command(command)
        for status in self._statuses.drain():
            self._add_status(status)
        for states in self._states:
            for state in states.drain():
                self._add_state(state)
        for task in self._tasks.drain():
            self._add_task(task)
        now_ns = time.monotonic_ns()
        self._look(now_ns)
        if now_ns - self._flushed_ns >= _FLUSH_NS:
            self._flushed_ns = now_ns
            self._flush()
        return now_ns - self._newest_ns if self._newest_ns else 0

    def close(self) -> None:
        """Write what is left and say what was lost."""
        self._clips.close()
        self._flush()
        for rows in self._rows.values():
            rows.close()
        for lines in self._lines.values():
            lines.close()

    def _add_command(self, command: JointCommand) -> None:
        name, joints = "commands", command.joints
        rows = self._rows.get(name) or self._opened(name, command_fields(len(joints)), joints)
        rows.add(command.t_command_ns, command.seq, command.epoch, command.position)

    def _add_state(self, state: JointState) -> None:
        name, joints = f"states.{state.arm}", state.joints
        rows = self._rows.get(name) or self._opened(name, state_fields(len(joints)), joints)
        # An arm that nothing was written to yet has no goal.
        written = state.written if state.written.size else np.full(len(joints), np.nan)
        held = bool(state.holding)
        rows.add(state.t_sample_ns, state.seq, state.t_command_ns, held, state.position, written)
        if state.holding != self._holding.get(state.arm, ""):
            self._holding[state.arm] = state.holding
            self._tell("holds", {"t_ns": state.t_sample_ns, "arm": state.arm, "why": state.holding})

    def _add_status(self, status: ControlStatus) -> None:
        rows = self._rows.get("statuses") or self._opened("statuses", STATUS_FIELDS)
        rows.add(
            status.t_ns,
            status.seq,
            status.dt_ns,
            status.late_us,
            status.mode.encode(),
            status.epoch,
            status.cursor,
            status.rate,
            status.runway_s,
            status.latency_s,
            status.disagreement_rad,
            status.jerk,
            status.chunks,
        )
        self._newest_ns = status.t_ns
        self._counters = status.counters

    def _add_task(self, task: TaskState) -> None:
        rows = self._rows.get("task") or self._opened("task", TASK_FIELDS)
        rows.add(task.t_ns, task.episode, task.reward, task.success)

    def _add_chunk(self, chunk: ActionChunk, arrival_ns: int) -> None:
        entry = {
            "t_obs_ns": chunk.t_obs_ns,
            "arrival_ns": arrival_ns,
            "seq": chunk.seq,
            "cursor": chunk.cursor,
            "epoch": chunk.epoch,
            "dt_ns": chunk.dt_ns,
            "horizon": len(chunk.actions),
            "stages_ms": chunk.stages_ms,
        }
        self._tell("chunks", entry)

    def _look(self, now_ns: int) -> None:
        if self._frames is None or now_ns < self._next_frame_ns:
            return
        # A beat missed repeats the picture, so that the video plays at the speed of the run.
        beats = (now_ns - self._next_frame_ns) // self._frame_ns + 1
        self._next_frame_ns += beats * self._frame_ns
        # A slow camera's picture stands still in the video, as it did for the policy.
        frame = self._frames.receive() or self._frames.newest
        if frame is not None:
            self._clips.add(frame.image, frame.t_capture_ns, beats)

    def _opened(
        self, name: str, fields: np.dtype[np.void], joints: tuple[str, ...] = ()
    ) -> RowAppender:
        rows = RowAppender(self._folder / f"{name}.rows", self.lost, fields, joints)
        self._rows[name] = rows
        return rows

    def _tell(self, name: str, entry: dict[str, object]) -> None:
        lines = self._lines.get(name)
        if lines is None:
            lines = Appender(self._folder / f"{name}.jsonl", self.lost, name)
            self._lines[name] = lines
        lines.write(json.dumps(entry).encode() + b"\n", 1)

    def _flush(self) -> None:
        for rows in self._rows.values():
            rows.flush()
        if self._counters != self._counters_told:
            self._counters_told = self._counters
            self._tell("counters", {"t_ns": self._newest_ns, "counters": self._counters})
        if self.lost != self._lost_told:
            log.error("cannot write to %s, lost so far: %s", self._folder, dict(self.lost))
            self._lost_told = Counter(self.lost)
            self._write_losses()

    def _reserve(self) -> None:
        """Take the room that a report needs while there is some."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with (self._folder / RESERVE).open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, _RESERVED_BYTES)
            if not (self._folder / LOSSES).exists():
                (self._folder / LOSSES).write_bytes(b"{}".ljust(_LOSSES_BYTES))
        except OSError as error:
            log.warning("no room reserved for the report: %s", error)

    def _write_losses(self) -> None:
        # In place: a full disk has no new room, but this file has had its own from the start.
        text = json.dumps(dict(self.lost)).encode()[:_LOSSES_BYTES]
        try:
            with (self._folder / LOSSES).open("r+b") as file:
                file.write(text.ljust(_LOSSES_BYTES))
        except OSError as error:
            log.warning("losses not written: %s", error)
