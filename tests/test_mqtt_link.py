"""How the bridge's connection comes and goes, with a broker that is only pretended."""

import asyncio
from typing import Any, Self

import aiomqtt
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from dashboard import mqtt_link
from dashboard.mqtt_config import MqttConfig
from dashboard.mqtt_intake import Topics
from dashboard.mqtt_link import Link

TOPICS = Topics("aloha", "all")


class FakeClient:
    """Connects; then refuses what is asked of it, or breaks."""

    def __init__(self, refusal: Exception | None = None) -> None:
        self.refusal = refusal

    async def __aenter__(self) -> Self:
        if self.refusal:
            raise self.refusal
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing to do."""

    async def subscribe(self, _topics: object) -> list[ReasonCode]:
        return [ReasonCode(PacketTypes.SUBACK, "Not authorized")]


def lived(monkeypatch: pytest.MonkeyPatch, client: FakeClient, pauses: int) -> tuple[Link, Any]:
    """Return a link after so many pauses, and how long they were."""
    paused_s: list[float] = []

    async def sleep(pause_s: float) -> None:
        paused_s.append(pause_s)
        if len(paused_s) == pauses:
            raise asyncio.CancelledError

    async def live() -> Link:
        link = Link(MqttConfig(host="b"), TOPICS, TOPICS.stops, lambda *_: None)
        with pytest.raises(asyncio.CancelledError):
            await link.live()
        return link

    monkeypatch.setattr(asyncio, "sleep", sleep)
    monkeypatch.setattr(Link, "_client", lambda _: client)
    monkeypatch.setattr("random.uniform", lambda _low, high: high)
    return asyncio.run(live()), paused_s


def test_a_broker_that_refuses_the_stop_topic_is_as_good_as_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    link, _ = lived(monkeypatch, FakeClient(), 1)
    assert link.lost == "the broker refuses a subscription: Not authorized"
    assert link.connections == 0


@pytest.mark.parametrize("error", [aiomqtt.MqttError("gone"), OSError("gone"), ValueError("gone")])
def test_it_tries_for_ever_with_pauses_that_grow_to_half_a_minute(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    link, paused_s = lived(monkeypatch, FakeClient(error), 10)
    assert paused_s == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0, 30.0]
    assert link.lost == "gone"


def test_after_a_connection_that_lasted_the_pauses_begin_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mqtt_link, "_SOUND_AFTER_S", 0.0)
    _, paused_s = lived(monkeypatch, FakeClient(OSError("gone")), 3)
    assert paused_s == [0.5, 0.5, 0.5]


def test_while_the_broker_is_away_the_newest_events_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mqtt_link, "_EVENTS_KEPT", 2)
    published: list[str] = []

    class Broker(FakeClient):
        async def publish(self, _topic: str, text: str, *_: object) -> None:
            link.say_event("newer")
            published.append(text)
            if len(published) == 3:
                link.leave()

    async def write() -> None:
        await link._write(Broker())  # type: ignore[arg-type] # it does what is needed of one

    async def made() -> Link:
        return Link(MqttConfig(host="b"), TOPICS, TOPICS.stops, lambda *_: None)

    link = asyncio.run(made())
    for text in ("first", "second", "third"):
        link.say_event(text)
    asyncio.run(write())
    assert published == ["second", "third", "newer"]
