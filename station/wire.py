"""The station's own streams: what it hears of a run, and what it says to it."""

from __future__ import annotations

import time
from collections import deque

from messaging.messages import ControlStatus, Directive, TaskState
from messaging.topics import ACTION_CHUNK, CONTROL_STATUS, DIRECTIVE, EPISODE_REQUEST, TASK_STATE
from messaging.transport import Bus
from station.conductor import Orders

_SHOWN_INFERENCES = 100
_REPEAT_NS = round(1e9 / DIRECTIVE.rate_hz)


class Wire:
    """Hears the newest of what matters to the whole run, and gives its orders."""

    def __init__(self, bus: Bus) -> None:
        self._statuses = bus.subscriber(CONTROL_STATUS)
        self._tasks = bus.subscriber(TASK_STATE)
        self._chunks = bus.subscriber(ACTION_CHUNK)
        self._directives = bus.publisher(DIRECTIVE)
        self._requests = bus.publisher(EPISODE_REQUEST)
        self.chunk_arrival_ns = 0
        self.inference_ms: deque[float] = deque(maxlen=_SHOWN_INFERENCES)
        self._said: Orders | None = None
        self._said_ns = 0
        self._seq = 0

    @property
    def status(self) -> ControlStatus | None:
        """The controller's newest status."""
        return self._statuses.newest

    @property
    def task(self) -> TaskState | None:
        """The newest state of the task."""
        return self._tasks.newest

    def listen(self) -> None:
        """Take in what is new."""
        self._statuses.receive()
        self._tasks.receive()
        for chunk in self._chunks.drain():
            self.chunk_arrival_ns = time.monotonic_ns()
            self.inference_ms.append(chunk.stages_ms.get("infer", 0.0))

    def say(self, orders: Orders, now_ns: int) -> None:
        """Tell the orders at once when they change, and repeat them for those who come late."""
        if orders == self._said and now_ns - self._said_ns < _REPEAT_NS:
            return
        self._said, self._said_ns = orders, now_ns
        self._seq += 1
        self._directives.send(Directive(self._seq, orders.mode, orders.episode, orders.instruction))
        if orders.request:
            self._requests.send(orders.request)
