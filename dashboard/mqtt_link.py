"""The connection to the broker: it comes, it goes, it comes again, and nobody waits for it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable
from functools import partial

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from dashboard.mqtt_config import MqttConfig, SecretError, require_private, secret
from dashboard.mqtt_intake import Topics
from runtime.folders import expanded

log = logging.getLogger(__name__)

ONLINE, OFFLINE = "online", "offline"
_AT_LEAST_ONCE = 1
_KEEPALIVE_S = 5
_SESSION_S = 10  # a stop sent while the connection is gone for no longer than this still arrives
_ANSWER_S = 5.0
_FAREWELL_S = 1.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 30.0
_SOUND_AFTER_S = 10.0  # a connection that lasted so long begins anew with the first pause
_UNTOLD = "Unspecified error"  # what the library calls a connection that is no more
_EVENTS_KEPT = 1000  # while the broker is away

Heard = Callable[[str, bytes, bool], None]  # topic, payload, whether the broker had retained it


class _Inbox(asyncio.Queue[aiomqtt.Message]):
    """Hands each message over as it comes: in a flood, a stop must not wait for its turn."""

    def __init__(self, heard: Heard, *, maxsize: int) -> None:
        super().__init__(maxsize)
        self._heard = heard

    def put_nowait(self, message: aiomqtt.Message) -> None:
        """Hand `message` over; none is ever in the queue."""
        self._heard(message.topic.value, message.payload, bool(message.retain))


class Link:
    """Keeps up a connection; says the newest state and every event, hears the given topics."""

    def __init__(
        self, config: MqttConfig, topics: Topics, subscribed: tuple[str, ...], heard: Heard
    ) -> None:
        self.lost = "not connected yet"  # why the broker is out of reach, empty while it is not
        self.connections = 0
        self._config = config
        self._topics = topics
        self._subscribed = subscribed
        self._heard = heard
        self._state = ""
        self._events: deque[str] = deque(maxlen=_EVENTS_KEPT)
        self._news = asyncio.Event()
        self._leaving = False

    def say_state(self, text: str) -> None:
        """Publish the newest state, as soon as may be."""
        self._state = text
        self._news.set()

    def say_event(self, text: str) -> None:
        """Publish an event, as soon as may be."""
        self._events.append(text)
        self._news.set()

    def leave(self) -> None:
        """Say nothing more; to be cancelled next."""
        self._leaving = True
        self._news.set()

    async def live(self) -> None:
        """Connect again and again, with growing pauses, until cancelled."""
        pause_s = _FIRST_PAUSE_S
        while True:
            began_s = time.monotonic()
            try:
                async with self._client() as client:
                    await self._converse(client)
            except* (aiomqtt.MqttError, SecretError, OSError, ValueError) as errors:
                self._lose(errors)
            if time.monotonic() - began_s > _SOUND_AFTER_S:
                pause_s = _FIRST_PAUSE_S
            # A fleet that lost its broker must not come back all at once.
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    async def _converse(self, client: aiomqtt.Client) -> None:
        for code in await client.subscribe([(topic, _AT_LEAST_ONCE) for topic in self._subscribed]):
            if getattr(code, "is_failure", False):
                raise aiomqtt.MqttError(f"the broker refuses a subscription: {code}")
        await client.publish(self._topics.status, ONLINE, _AT_LEAST_ONCE, retain=True)
        log.info("connected to the broker at %s", self._config.host)
        self.lost = ""
        self.connections += 1
        self._news.set()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_until_lost(client))
                tasks.create_task(self._write(client))
        except asyncio.CancelledError:
            with contextlib.suppress(aiomqtt.MqttError):
                await client.publish(
                    self._topics.status, OFFLINE, _AT_LEAST_ONCE, retain=True, timeout=_FAREWELL_S
                )
            raise

    async def _write(self, client: aiomqtt.Client) -> None:
        while not self._leaving:
            await self._news.wait()
            self._news.clear()
            state, self._state = self._state, ""
            if state:
                await client.publish(self._topics.state, state, _AT_LEAST_ONCE, retain=True)
            while self._events and not self._leaving:
                event = self._events[0]
                await client.publish(self._topics.events, event, _AT_LEAST_ONCE)
                if self._events[0] is event:  # it may have made room for newer ones meanwhile
                    self._events.popleft()

    def _lose(self, errors: BaseExceptionGroup[BaseException]) -> None:
        error: BaseException = errors
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        # Why a connection ended is told by the error behind the one about its end.
        why = str(error.__cause__ or error) or type(error).__name__
        if _UNTOLD in why:
            why = f"the connection broke; does another client call itself {self._identifier!r}?"
        if why != self.lost:
            log.warning("no connection to the broker at %s: %s", self._config.host, why)
        self.lost = why

    @property
    def _identifier(self) -> str:
        return self._config.client_id or f"evenhand-{self._topics.robot}"

    def _client(self) -> aiomqtt.Client:
        config = self._config
        session = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call] # paho's
        session.SessionExpiryInterval = _SESSION_S
        return aiomqtt.Client(
            config.host,
            config.port_number,
            protocol=aiomqtt.ProtocolVersion.V5,
            identifier=self._identifier,
            username=config.user,
            password=password(config),
            tls_context=tls_context(config),
            will=aiomqtt.Will(self._topics.status, OFFLINE, _AT_LEAST_ONCE, retain=True),
            clean_start=False,
            properties=session,
            keepalive=_KEEPALIVE_S,
            timeout=_ANSWER_S,
            queue_type=partial(_Inbox, self._heard),  # type: ignore[arg-type] # makes one all the same
            # An acknowledgement that waits for company holds the broker's next message up, 40 ms.
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        )


async def _until_lost(client: aiomqtt.Client) -> None:
    """Wait for the connection to end; raises aiomqtt.MqttError then."""
    async for _ in client.messages:
        pass


def password(config: MqttConfig) -> str | None:
    """Return the password, None without one; raises SecretError if its file cannot be trusted."""
    return secret(config.password_file) if config.password_file else None


def tls_context(config: MqttConfig) -> ssl.SSLContext | None:
    """Return whom to trust and who this is, None without TLS.

    Raises:
        SecretError: others may read the key.
        OSError: a file cannot be read, or is no certificate.
    """
    if config.tls is None:
        return None
    ca, certificate, key = config.tls.ca, config.tls.certificate, config.tls.key
    context = ssl.create_default_context(cafile=expanded(ca) if ca else None)
    if certificate and key:
        require_private(key)
        context.load_cert_chain(expanded(certificate), expanded(key))
    return context
