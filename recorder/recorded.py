"""An episode as its journal has it: every control tick, sample, chunk and capture, in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from messaging.messages import (
    ActionChunk,
    ControlStatus,
    Directive,
    EpisodeState,
    Frame,
    HumanCommand,
    JointCommand,
    JointState,
    SafetyState,
)
from recorder.journal import OVER, Header, Journal
from recorder.log import Reading

Stamps = NDArray[np.int64]  # (n,) ns on the station's clock, rising
Values = NDArray[np.float64]

LIMIT: Final = "limit."  # begins the controller's counters of limits that acted


class EmptyEpisodeError(ValueError):
    """A journal of which no row can be made; says what it lacks."""


@dataclass(frozen=True, slots=True)
class Series:
    """Vectors with the moments that they are of."""

    t_ns: Stamps
    values: Values  # (n, J)


@dataclass(frozen=True, slots=True)
class HumanSeries:
    """What the person's device said."""

    t_ns: Stamps
    position: Values  # (n, J), nan for a joint that it does not name
    engaged: NDArray[np.bool_]  # (n,)
    rewinding: NDArray[np.bool_]  # (n,)


@dataclass(frozen=True, slots=True)
class Recorded:
    """All of an episode but the images themselves."""

    header: Header
    end: EpisodeState | None  # None if it was cut off
    statuses: Sequence[ControlStatus]  # by tick, each with its command
    commands: Series
    measured: dict[str, Series]  # by arm, with its own joints only
    human: HumanSeries
    chunks: Sequence[ActionChunk]  # by number
    frames: dict[str, Stamps]  # capture stamps by camera
    stops: Sequence[tuple[int, str]]  # when a stop came into force, and which; empty: when it ended
    events: Sequence[tuple[int, str]]
    frames_lost: int
    ticks_lost: int
    damaged: int

    @property
    def t_begin_ns(self) -> int:
        """When the episode began."""
        return self.header.t_begin_ns

    @property
    def t_end_ns(self) -> int:
        """When it ended, or the last moment that is known of it."""
        return self.end.t_end_ns if self.end and self.end.t_end_ns else int(self.commands.t_ns[-1])


def read(journal: Journal, told: Callable[[float], None] = lambda _: None) -> Recorded:
    """Return what a journal holds.

    Args:
        journal: to be read.
        told: how much of it was read so far, 0..1, again and again.

    Raises:
        JournalError: it cannot be read.
        EmptyEpisodeError: it has no control tick, or an arm never reported.
    """
    gathered = _Gathered(journal.header())
    reading = Reading()
    size = max(1, journal.log_bytes())
    for count, item in enumerate(journal.said(reading=reading)):
        gathered.add(item.message)
        if count % 1000 == 0:
            told(reading.whole_bytes / size)
    return gathered.recorded(reading.damaged)


@dataclass
class _Gathered:
    """Messages by what they say, in any order."""

    header: Header
    end: EpisodeState | None = None
    statuses: dict[int, ControlStatus] = field(default_factory=dict)
    commands: dict[int, JointCommand] = field(default_factory=dict)
    states: dict[str, dict[int, JointState]] = field(default_factory=dict)
    human: dict[int, HumanCommand] = field(default_factory=dict)
    chunks: dict[int, ActionChunk] = field(default_factory=dict)
    frames: dict[str, dict[int, int]] = field(default_factory=dict)  # camera, stamp -> number
    stops: list[tuple[int, str]] = field(default_factory=list)
    events: list[tuple[int, str]] = field(default_factory=list)
    _stop: str = ""
    _mode: str = ""

    def add(self, message: object) -> None:
        """Take a message in; what no column tells of stays in the journal."""
        match message:
            case Frame():
                stamps = self.frames.setdefault(message.camera, {})
                stamps.setdefault(message.t_capture_ns, message.seq)
            case ControlStatus():
                self.statuses[message.seq] = message
            case JointCommand():
                self.commands[message.seq] = message
            case JointState():
                self.states.setdefault(message.arm, {})[message.t_sample_ns] = message
            case HumanCommand():
                self.human[message.t_ns] = message
            case ActionChunk():
                self.chunks[message.t_obs_ns] = message
            case SafetyState() if message.event != self._stop:
                self._stop = message.event
                self.stops.append((message.t_ns, message.event))
                self.events.append((message.t_ns, _stop_words(message)))
            case Directive() if message.mode != self._mode:
                self._mode = message.mode
                self.events.append((self._newest_ns(), f"directed to {message.mode}"))
            case EpisodeState() if message.phase == OVER:
                self.end = message if message.episode == self.header.episode else self.end

    def recorded(self, damaged: int) -> Recorded:
        """Return all in order; raises EmptyEpisodeError."""
        numbers = sorted(self.statuses.keys() & self.commands.keys())
        numbers = [n for n in numbers if self._joints_fit(self.commands[n].joints)]
        if not numbers:
            raise EmptyEpisodeError("it has no control tick: the controller did not run")
        missing = [arm for arm in self.header.arms if arm not in self.states]
        if missing:
            raise EmptyEpisodeError(f"it has no measured joints of {', '.join(missing)}")
        commands = [self.commands[number] for number in numbers]
        return Recorded(
            header=self.header,
            end=self.end,
            statuses=[self.statuses[number] for number in numbers],
            commands=Series(
                np.array([command.t_command_ns for command in commands], np.int64),
                np.stack([command.position for command in commands]),
            ),
            measured={arm: _measured(self.states[arm]) for arm in self.header.arms},
            human=self._human(),
            chunks=[self.chunks[t_ns] for t_ns in sorted(self.chunks)],
            frames={
                camera: np.array(sorted(self.frames.get(camera, ())), np.int64)
                for camera in self.header.cameras
            },
            stops=sorted(self.stops),
            events=sorted(self.events),
            frames_lost=sum(_left_out(stamps.values()) for stamps in self.frames.values()),
            ticks_lost=_left_out(numbers),
            damaged=damaged,
        )

    def _joints_fit(self, joints: Sequence[str]) -> bool:
        return list(joints) == self.header.joints

    def _newest_ns(self) -> int:
        """Return the stamp of the newest tick, for what has none of its own."""
        return next(reversed(self.statuses.values())).t_ns if self.statuses else 0

    def _human(self) -> HumanSeries:
        stamps = sorted(self.human)
        column = {joint: index for index, joint in enumerate(self.header.joints)}
        position = np.full((len(stamps), len(column)), np.nan)
        for row, t_ns in enumerate(stamps):
            said = self.human[t_ns]
            for joint, value in zip(said.joints, said.position, strict=False):
                if joint in column:
                    position[row, column[joint]] = value
        return HumanSeries(
            np.array(stamps, np.int64),
            position,
            np.array([self.human[t_ns].engaged for t_ns in stamps], bool),
            np.array([self.human[t_ns].doing == "rewind" for t_ns in stamps], bool),
        )


def _measured(states: dict[int, JointState]) -> Series:
    stamps = sorted(states)
    return Series(np.array(stamps, np.int64), np.stack([states[t_ns].position for t_ns in stamps]))


def _left_out(numbers: Any) -> int:
    """Return how many numbers are left out; a writer that was started anew counts from its own."""
    steps = np.diff(np.array(list(numbers), np.int64))
    return int(np.sum(steps[steps > 1] - 1))


def _stop_words(state: SafetyState) -> str:
    return f"stopped: {'; '.join(state.causes)}" if state.event else "the stop is over"
