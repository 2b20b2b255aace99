"""All that the recorder listens to, and what came in the last moments."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from messaging.messages import ActionChunk, ControlStatus, Frame, Message
from messaging.topics import (
    ACTION_CHUNK,
    CONTROL_STATUS,
    DIRECTIVE,
    EPISODE_REQUEST,
    FRAME,
    HUMAN_COMMAND,
    JOINT_COMMAND,
    JOINT_STATE,
    SAFETY_STATE,
    TASK_STATE,
    TWIN_STATE,
    Keep,
    Topic,
)
from messaging.transport import Bus, Subscriber

_PRELUDE_NS: Final = 300_000_000  # more than it takes to hear that an episode has begun
_NUMBERED = (Frame, ControlStatus)  # what the counters count when a number is left out


@dataclass(frozen=True, slots=True)
class Heard:
    """A message, where it came from and when."""

    stream: str
    t_arrival_ns: int
    message: Message


class Streams:
    """Hears everything, keeping what came in the last moments and the newest of each stream."""

    def __init__(
        self, bus: Bus, arms: tuple[str, ...], cameras: tuple[str, ...], *, twin: bool
    ) -> None:
        single: list[Topic[Any]] = [
            JOINT_COMMAND, CONTROL_STATUS, ACTION_CHUNK, HUMAN_COMMAND, DIRECTIVE, SAFETY_STATE,
            *((TASK_STATE, EPISODE_REQUEST, TWIN_STATE) if twin else ()),
        ]  # fmt: skip
        self.missed: Counter[str] = Counter()  # numbers that a stream left out, by stream
        self._subscribers: list[Subscriber[Any]] = [
            *(bus.subscriber(topic, keep=Keep.ALL) for topic in single),
            *(bus.subscriber(JOINT_STATE, arm, Keep.ALL) for arm in arms),
            *(bus.subscriber(FRAME, camera, Keep.ALL) for camera in cameras),
        ]
        self._latest: deque[Heard] = deque()
        self._newest: dict[str, Heard] = {}
        self._numbers: dict[str, int] = {}

    @property
    def refused(self) -> int:
        """How many messages did not fit their schema."""
        return sum(subscriber.refused for subscriber in self._subscribers)

    def heard(self, now_ns: int) -> list[Heard]:
        """Return what came since the last call, stream by stream in order."""
        news = [
            Heard(subscriber.stream, now_ns, message)
            for subscriber in self._subscribers
            for message in subscriber.drain()
        ]
        for item in news:
            self._count(item)
            self._newest[item.stream] = item
        self._latest.extend(news)
        while self._latest and self._latest[0].t_arrival_ns < now_ns - _PRELUDE_NS:
            self._latest.popleft()
        return news

    def prelude(self) -> Iterator[Heard]:
        """Yield what an episode that has just been announced began with."""
        lately = {item.stream for item in self._latest}
        yield from (item for stream, item in self._newest.items() if stream not in lately)
        yield from self._latest

    def chunk(self) -> ActionChunk | None:
        """Return the newest chunk, None before the first."""
        newest = self._newest.get(ACTION_CHUNK.name)
        return newest.message if newest and isinstance(newest.message, ActionChunk) else None

    def _count(self, item: Heard) -> None:
        if isinstance(item.message, _NUMBERED):
            seq = item.message.seq
            self.missed[item.stream] += max(0, seq - self._numbers.get(item.stream, seq) - 1)
            self._numbers[item.stream] = seq
