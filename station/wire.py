"""The station's own streams: what it hears of a run, and what it says to it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from messaging.messages import (
    OFF,
    ControlStatus,
    Directive,
    EpisodeState,
    HumanCommand,
    SafetyState,
    TaskState,
)
from messaging.topics import (
    ACTION_CHUNK,
    CONTROL_STATUS,
    DIRECTIVE,
    EPISODE_REQUEST,
    EPISODE_STATE,
    HUMAN_COMMAND,
    JOINT_STATE,
    SAFETY_STATE,
    TASK_STATE,
)
from messaging.transport import Bus
from station.asking import LAUNCH, new_request
from station.course import Orders

_SHOWN_INFERENCES = 100
_REPEAT_NS = round(1e9 / DIRECTIVE.rate_hz)
_TELL_AGAIN_NS = round(1e9 / EPISODE_STATE.rate_hz)
_ASK_AGAIN_NS = 1_000_000_000
# Without these nothing moves as it should.
_MOVERS = ("policy_worker", "controller", "arm.", "twin")


class Wire:
    """Hears the newest of what matters to the whole run, and gives its orders."""

    def __init__(self, bus: Bus, arms: Sequence[str]) -> None:
        self._statuses = bus.subscriber(CONTROL_STATUS)
        self._tasks = bus.subscriber(TASK_STATE)
        self._chunks = bus.subscriber(ACTION_CHUNK)
        self._human = bus.subscriber(HUMAN_COMMAND)
        self._safety = bus.subscriber(SAFETY_STATE)
        self._states = {arm: bus.subscriber(JOINT_STATE, arm) for arm in arms}
        self._directives = bus.publisher(DIRECTIVE)
        self._requests = bus.publisher(EPISODE_REQUEST)
        self._episodes = bus.publisher(EPISODE_STATE)
        self._client = bus.client("safety")
        self.chunk_arrival_ns = 0
        self.inference_ms: deque[float] = deque(maxlen=_SHOWN_INFERENCES)
        self._said: Orders | None = None
        self._said_ns = 0
        self._told: EpisodeState | None = None
        self._told_ns = 0
        self._asked = ""
        self._asked_ns = 0
        self._unanswered: dict[str, str] = {}  # id of a request -> its kind
        self._seq = 0

    @property
    def status(self) -> ControlStatus | None:
        """The controller's newest status."""
        return self._statuses.newest

    @property
    def human(self) -> HumanCommand | None:
        """What a person wants, None before the first word of a device."""
        return self._human.newest

    @property
    def task(self) -> TaskState | None:
        """The newest state of the task."""
        return self._tasks.newest

    @property
    def safety(self) -> SafetyState | None:
        """What the safety process thinks; None while it is silent."""
        state = self._safety.newest
        if state is None or time.monotonic_ns() - state.t_ns > SAFETY_STATE.stale_after_ns:
            return None
        return state

    @property
    def energised(self) -> tuple[str, ...]:
        """Arms that do not say that their torque is off."""
        return tuple(
            arm
            for arm, states in self._states.items()
            if states.newest is None or states.newest.torque != OFF
        )

    @property
    def is_awaiting(self) -> bool:
        """Whether the safety process has not answered all that it was asked."""
        return bool(self._unanswered)

    def listen(self) -> list[str]:
        """Take in what is new; returns what the safety process refused, in words."""
        self._statuses.receive()
        self._tasks.receive()
        self._human.receive()
        self._safety.receive()
        for states in self._states.values():
            states.receive()
        for chunk in self._chunks.drain():
            self.chunk_arrival_ns = time.monotonic_ns()
            self.inference_ms.append(chunk.stages_ms.get("infer", 0.0))
        refused = []
        while (reply := self._client.receive()) is not None:
            kind = self._unanswered.pop(reply.id, "")
            if kind and not reply.accepted:
                refused.append(f"refused to {kind}: {reply.said}")
        return refused

    def say(self, orders: Orders, now_ns: int) -> None:
        """Tell the orders at once when they change, and repeat them for those who come late."""
        if orders.ask != self._asked or now_ns - self._asked_ns >= _ASK_AGAIN_NS:
            self._asked, self._asked_ns = orders.ask, now_ns
            if orders.ask:
                self.ask(orders.ask)
        if orders == self._said and now_ns - self._said_ns < _REPEAT_NS:
            return
        self._said, self._said_ns = orders, now_ns
        self._seq += 1
        self._directives.send(Directive(self._seq, orders.mode, orders.episode, orders.instruction))
        if orders.request:
            self._requests.send(orders.request)

    def tell(self, state: EpisodeState) -> None:
        """Tell of the episode at once when something changes, and again for those who come late."""
        changed = self._told is None or replace(state, t_ns=self._told.t_ns) != self._told
        if changed or state.t_ns - self._told_ns >= _TELL_AGAIN_NS:
            self._told, self._told_ns = state, state.t_ns
            self._episodes.send(state)

    def tell_death(self, process: str, detail: str) -> None:
        """Tell the safety process at once of a death that it would find by the silence after it."""
        if process.startswith(_MOVERS):
            self.ask("fault", process, f"{process} died ({detail})")

    def ask(self, kind: str, event: str = "", reason: str = "") -> None:
        """Ask the safety process for something; what it refuses is heard by `listen`."""
        request = new_request(kind, LAUNCH, event=event, reason=reason)
        self._unanswered[request.id] = kind
        self._client.send(request)
