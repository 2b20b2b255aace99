"""What the worker sees: the newest of everything, put together into one observation."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from messaging.images import ImageError, pixels
from messaging.topics import CONTROL_STATUS, DIRECTIVE, FRAME, JOINT_STATE, TWIN_STATE, Keep, Topic
from messaging.transport import Bus, Subscriber, Waiter
from policy_worker.policy import Observation, PolicySpec
from policy_worker.track import Track

_HUMAN = "human"
_RUNNING = ("run", _HUMAN)  # while a person commands, the policy infers on: it will be asked again
_CLOCK_SAMPLES = 100


@dataclass(frozen=True, slots=True)
class Seen:
    """An observation, and where in which plan it was made."""

    observation: Observation
    cursor: float
    epoch: int
    transport_ns: int = 0  # how long the first camera's frame was under way, 0 without cameras
    hand_backs: int = 0  # how often a person had commanded, and no longer did


@dataclass(frozen=True, slots=True)
class Source:
    """A stream that observations are made of, and how to tell when its newest message was true."""

    what: str
    subscriber: Subscriber[Any]
    topic: Topic[Any]
    stamp: str  # field of the message

    def t_ns(self) -> int:
        """Return the stamp of the newest message, 0 before the first."""
        newest = self.subscriber.newest
        return 0 if newest is None else int(getattr(newest, self.stamp))


class Senses:
    """Subscribes to what a policy needs and nothing else."""

    def __init__(self, spec: PolicySpec, arms: tuple[str, ...], bus: Bus) -> None:
        self._frames = {camera: bus.subscriber(FRAME, camera) for camera in spec.cameras}
        # Where the plan and the joints were when a frame was captured lies in the past by now.
        self._states = [bus.subscriber(JOINT_STATE, arm, Keep.ALL) for arm in arms]
        self._positions = [Track() for _ in arms]
        self._status = bus.subscriber(CONTROL_STATUS, keep=Keep.ALL)
        self._cursor = Track()
        self._epoch_ns = 0  # since when the present epoch goes on
        self._hand_backs = 0
        self._directive = bus.subscriber(DIRECTIVE)
        self._twin = bus.subscriber(TWIN_STATE) if spec.needs_twin_state else None
        self._views = [
            Source(f"frame of {camera}", frame, FRAME, "t_capture_ns")
            for camera, frame in self._frames.items()
        ]
        self._sources = [
            Source("controller status", self._status, CONTROL_STATUS, "t_ns"),
            *self._views,
            *(Source(s.stream, s, JOINT_STATE, "t_sample_ns") for s in self._states),
        ]
        if self._twin:
            self._sources.append(Source("state of the twin", self._twin, TWIN_STATE, "t_ns"))
        # Whatever paces the policy wakes it: its first camera, or else the joints.
        self._first_camera = next(iter(self._frames.values()), None)
        self._waiter = Waiter([self._first_camera or self._states[0]])
        self._images: dict[str, NDArray[np.uint8]] = {}
        self._transport_ns = 0
        self._t_obs_ns = 0
        self._elsewhere = bus.spans_machines
        self._clock_ahead_ns: deque[int] = deque(maxlen=_CLOCK_SAMPLES)

    def wait(self, timeout_s: float) -> None:
        """Take in what is new, as soon as there is something to look at or after `timeout_s`."""
        self._waiter.wait(timeout_s)
        if self._first_camera and (frame := self._first_camera.receive()):
            self._transport_ns = self.now_ns() - frame.t_sent_ns
        self._hear_controller()
        for subscriber, track in zip(self._states, self._positions, strict=True):
            for state in subscriber.drain():
                track.add(state.t_sample_ns, state.position)
        for source in self._views:
            source.subscriber.receive()
        if self._twin:
            self._twin.receive()
        self._directive.receive()

    def _hear_controller(self) -> None:
        before = self._status.newest
        statuses = self._status.drain()
        for status in statuses:
            self._cursor.add(status.t_ns, np.array([status.cursor]))
            if before is None or status.epoch != before.epoch:
                self._epoch_ns = status.t_ns
            if before is not None and before.mode == _HUMAN and status.mode != _HUMAN:
                self._hand_backs += 1
            before = status
        if statuses and self._elsewhere:
            # Each status waited up to a tick to be read; the one that waited least tells best.
            self._clock_ahead_ns.append(statuses[-1].t_ns - time.monotonic_ns())

    def now_ns(self) -> int:
        """Return the station's time; a worker on another machine has another monotonic clock."""
        return time.monotonic_ns() + max(self._clock_ahead_ns, default=0)

    def running(self) -> bool:
        """Return whether chunks are wanted: by the controller, or for the record meanwhile."""
        status = self._status.newest
        return status is not None and status.mode in _RUNNING and self._directive.newest is not None

    def age_ns(self, now_ns: int) -> int:
        """Return the age of the oldest frame that the policy relies on, 0 before there is one."""
        oldest_ns = min((view.t_ns() for view in self._views), default=0)
        return now_ns - oldest_ns if oldest_ns else 0

    def refusal(self, now_ns: int) -> str:
        """Return why what is to be seen is not good enough to act on, empty if it is."""
        for source in self._sources:
            if source.subscriber.newest is None:
                return f"no {source.what}"
            if now_ns - source.t_ns() > source.topic.stale_after_ns:
                return f"stale {source.what}"
        t_obs_ns = self._newest_t_obs_ns()
        # What was seen before the arms were told to run says nothing about the present plan.
        return "nothing new" if t_obs_ns <= max(self._t_obs_ns, self._epoch_ns) else self._look()

    def _look(self) -> str:
        """Take the pixels of the newest frames; returns which of them cannot be read."""
        self._images = {}
        for camera, subscriber in self._frames.items():
            if (frame := subscriber.newest) is None:
                continue
            try:
                self._images[camera] = pixels(frame.image)
            except ImageError:
                return f"unreadable frame of {camera}"
        return ""

    def seen(self) -> Seen:
        """Return the present observation; only meaningful while there is no `refusal`."""
        status, directive = self._status.newest, self._directive.newest
        if status is None or directive is None:
            raise RuntimeError("nothing is running yet, so there is nothing to observe")
        self._t_obs_ns = self._newest_t_obs_ns()
        cursor = float(self._cursor.at(self._t_obs_ns)[0])
        observation = Observation(
            t_obs_ns=self._t_obs_ns,
            plan_time_s=cursor * status.dt_ns * 1e-9,
            episode=directive.episode,
            instruction=directive.instruction,
            images=self._images,
            position=np.concatenate([track.at(self._t_obs_ns) for track in self._positions]),
            upcoming=status.upcoming,
            twin_qpos=self._twin.newest.qpos if self._twin and self._twin.newest else np.empty(0),
        )
        return Seen(
            observation, cursor, status.epoch, self._transport_ns, hand_backs=self._hand_backs
        )

    def _newest_t_obs_ns(self) -> int:
        return min(source.t_ns() for source in self._views or self._sources[1:])
