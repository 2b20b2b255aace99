"""The bridge to an MQTT broker: says how the robot is, and takes stops.

Nothing that comes from the broker can start a motion: the only things ever asked of safety are
`stop` and, where the config allows it, `reset`, which leads to a disarmed robot.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from dashboard.asking import Asker
from dashboard.mqtt_config import MqttConfig
from dashboard.mqtt_events import Budget, Event, Lives, as_json, phase_events, state_said
from dashboard.mqtt_intake import Intake, Topics
from dashboard.mqtt_link import Link, password, tls_context
from dashboard.tokens import is_loopback
from messaging.messages import Reply, Request, SafetyState
from messaging.topics import HEARTBEAT, SAFETY_STATE, Keep
from runtime.config import StrictModel
from runtime.process import Context

log = logging.getLogger(__name__)

_ROUND_S = 0.04
_STATE_EVERY_NS = 1_000_000_000
_TOLD_PER_S = 20  # messages from the broker that are logged and answered
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.1, 2.0  # for the answer to a stop, before it is sent again
_RESET_WAIT_S = 1.0
_FAREWELL_S, _FAREWELLS = 0.5, 4
_UNDER_WAY = 32  # requests that wait for their answer; of further stops the newest waits its turn


class Config(StrictModel):
    """What the bridge is told."""

    robot: str
    broker: MqttConfig
    processes: tuple[str, ...] = ()  # whose deaths are told


def main(config: Config, context: Context) -> None:
    """Bridge until the context stops.

    Raises:
        SecretError: the password or a key cannot be used.
        OSError: a certificate cannot be read.
        ValueError: the robot's name cannot stand in a topic.
    """
    topics = topics_of(config)
    broker = config.broker
    password(broker)
    tls_context(broker)
    if broker.user and not broker.tls and not _is_here(broker.host):
        log.warning("the password goes to %s unencrypted: configure `tls`", broker.host)
    asyncio.run(_bridged(config, topics, context))


def topics_of(config: Config) -> Topics:
    """Return the robot's topics; raises ValueError if its name is not fit for them."""
    broker = config.broker
    # The config's own rules for names hold for the robot's too.
    named = MqttConfig.model_validate({**broker.model_dump(), "name": broker.name or config.robot})
    return Topics(str(named.name), named.fleet)


def _is_here(host: str) -> bool:
    return host == "localhost" or is_loopback(host)


async def _bridged(config: Config, topics: Topics, context: Context) -> None:
    bridge = Bridge(config, topics, context)
    connection = asyncio.create_task(bridge.link.live())
    try:
        while not context.stopping and not connection.done():
            bridge.look()
            await asyncio.sleep(_ROUND_S)
    finally:
        bridge.link.leave()
        for _ in range(_FAREWELLS):
            # A wait that is over in the very moment of its cancellation goes on as if nothing was.
            if not connection.done():
                connection.cancel()
                await asyncio.wait([connection], timeout=_FAREWELL_S)
    if connection.done() and not connection.cancelled():
        connection.result()  # only a fault of ours ends it unasked: let the process die of it


class Bridge:
    """Between the bus and the broker; must be made and used in a running event loop."""

    def __init__(self, config: Config, topics: Topics, context: Context) -> None:
        self._context = context
        self._intake = Intake(topics, allow_reset=config.broker.allow_reset)
        self.link = Link(config.broker, topics, self._intake.subscribed, self.hear)
        # Each state is wanted, lest an event between two looks is missed.
        self._states = context.bus.subscriber(SAFETY_STATE, keep=Keep.ALL)
        self._heartbeats = [context.bus.subscriber(HEARTBEAT, name) for name in config.processes]
        self._asker = Asker(context.bus.client("safety"))
        self._lives = Lives()
        self._state: SafetyState | None = None
        self._said: tuple[dict[str, Any], int] = ({}, 0)
        self._under_way: set[asyncio.Task[None]] = set()
        self._next: Request | None = None
        self._budget = Budget(_TOLD_PER_S)
        self._counters = {"stops": 0, "resets": 0, "refused": 0, "ignored": 0}

    def hear(self, topic: str, payload: bytes, retained: bool) -> None:
        """Take a message from the broker."""
        now_ns = time.monotonic_ns()
        asked = self._intake.request(topic, payload, retained, now_ns)
        if isinstance(asked, Request):
            self._take(asked)
            return
        self._counters["ignored"] += 1
        if self._budget.allows(now_ns):
            log.warning("ignored a message on %s: %s", topic, asked.why)
            self._tell({"kind": "ignored", "topic": topic, "why": asked.why})

    def look(self) -> None:
        """Tell the broker what the bus says, and the station that the bridge lives."""
        now_ns = time.monotonic_ns()
        for state in self._states.drain():
            for event in phase_events(self._state, state):
                self._tell(event)
            self._state = state
        for heartbeats in self._heartbeats:
            for heartbeat in heartbeats.drain():
                self._tell(*self._lives.hear(heartbeat, now_ns))
        self._tell(*self._lives.look(now_ns))
        self._say_state(now_ns)
        self._context.beat(
            counters={**self._counters, "connections": self.link.connections},
            note=f"WARNING: broker lost: {self.link.lost}" if self.link.lost else "",
        )

    @property
    def _safety_is_silent(self) -> bool:
        if self._state is None:
            return True
        return time.monotonic_ns() - self._state.t_ns > SAFETY_STATE.stale_after_ns

    def _say_state(self, now_ns: int) -> None:
        known = state_said(None if self._safety_is_silent else self._state)
        said, said_ns = self._said
        if known != said or now_ns - said_ns > _STATE_EVERY_NS:
            self._said = known, now_ns
            self.link.say_state(as_json(known, _wall_time()))

    def _tell(self, *events: Event) -> None:
        for event in events:
            self.link.say_event(as_json(event, _wall_time()))

    def _take(self, request: Request) -> None:
        if len(self._under_way) >= _UNDER_WAY:
            if request.kind == "stop":
                self._next = request
            return
        task = asyncio.create_task(self._settle(request))
        self._under_way.add(task)
        task.add_done_callback(self._settled)

    def _settled(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if self._next and not task.cancelled():
            request, self._next = self._next, None
            self._take(request)

    async def _settle(self, request: Request) -> None:
        reply = await self._answer(request)
        accepted = reply is not None and reply.accepted
        said = reply.said if reply else "no answer"
        self._counters[f"{request.kind}s" if accepted else "refused"] += 1
        if not self._budget.allows(time.monotonic_ns()):
            return
        log.info("%s by %s: %s", request.kind, request.who, "done" if accepted else said)
        self._tell(
            {
                "kind": "answer",
                "to": request.kind,
                "id": request.id.removeprefix(f"mqtt-{request.kind}-"),
                "accepted": accepted,
                "said": said,
                "event": reply.event if reply else "",
            }
        )

    async def _answer(self, request: Request) -> Reply | None:
        if request.kind != "stop":
            return await self._asker.ask(request, _RESET_WAIT_S)
        wait_s = _FIRST_WAIT_S
        while (reply := await self._asker.ask(request, wait_s)) is None:
            wait_s = min(2 * wait_s, _LONGEST_WAIT_S)
            # Nothing moves while safety is silent, but once it is back it shall know.
            while self._safety_is_silent:
                await asyncio.sleep(_ROUND_S)
            # An answer to the first one would say that it is too old, or there already.
            again = f"mqtt-again-{secrets.token_hex(16)}"
            request = replace(request, id=again, t_ns=time.monotonic_ns())
        return reply


def _wall_time() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
