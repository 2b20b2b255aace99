"""What a message from the broker asks for; pure, knows neither the broker nor the bus.

On a stop topic everything is a stop, unless the broker merely kept it or somebody sends it again:
whoever presses a button must not be turned away for a missing quotation mark. A reset must be
spelled out. Nothing else is understood at all.
"""

from __future__ import annotations

import json
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from messaging.messages import Request

LONGEST_PAYLOAD = 4096  # bytes that are looked into
_LONGEST_ID = 128
_LONGEST_REASON = 200
_REMEMBERED = 10_000  # ids


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics of one robot and of its fleet."""

    robot: str
    fleet: str

    @property
    def state(self) -> str:
        """What safety thinks, retained."""
        return f"evenhand/{self.robot}/state"

    @property
    def events(self) -> str:
        """What happened, each once."""
        return f"evenhand/{self.robot}/events"

    @property
    def status(self) -> str:
        """Whether the bridge hears what the stop topics say: `online` or `offline`, retained."""
        return f"evenhand/{self.robot}/status"

    @property
    def stops(self) -> tuple[str, str]:
        """Where a message stops this robot: alone, and with its fleet."""
        return f"evenhand/{self.robot}/stop", f"evenhand/{self.fleet}/stop"

    @property
    def reset(self) -> str:
        """Where a message resets a stop of this robot, if the config allows it."""
        return f"evenhand/{self.robot}/reset"


@dataclass(frozen=True, slots=True)
class Ignored:
    """A message that asks for nothing, and why."""

    why: str


class Intake:
    """Turns messages into requests, none of them twice."""

    def __init__(self, topics: Topics, *, allow_reset: bool) -> None:
        self._topics = topics
        self._allow_reset = allow_reset
        self._taken: OrderedDict[str, None] = OrderedDict()

    @property
    def subscribed(self) -> tuple[str, ...]:
        """The topics to listen to."""
        return (
            (*self._topics.stops, self._topics.reset) if self._allow_reset else self._topics.stops
        )

    def request(self, topic: str, payload: bytes, retained: bool, now_ns: int) -> Request | Ignored:
        """Return what the message asks of safety, or why it is not heeded."""
        if topic not in self.subscribed:
            return Ignored("nobody listens to this topic")
        if retained:
            return Ignored("retained: it was sent before, not now; send it without the retain flag")
        if topic == self._topics.reset:
            return self._reset(payload, now_ns)
        return self._stop(topic, payload, now_ns)

    def _stop(self, topic: str, payload: bytes, now_ns: int) -> Request | Ignored:
        said = _object_in(payload)
        given = _id_in(said)
        if given and not self._is_new(f"stop-{given}"):
            return Ignored(f"the id {given!r} was taken before: each stop needs an id of its own")
        return Request(
            id=f"mqtt-stop-{given}" if given else f"mqtt-{secrets.token_hex(16)}",
            kind="stop",
            who=f"mqtt {topic}",
            t_ns=now_ns,
            reason=_reason(said, payload),
        )

    def _reset(self, payload: bytes, now_ns: int) -> Request | Ignored:
        said = _object_in(payload)
        given, event = _id_in(said), said.get("event")
        if not given or not isinstance(event, str) or not _is_name(event):
            return Ignored('a reset needs both: {"id": "never used before", "event": "1234"}')
        if not self._is_new(f"reset-{given}"):
            return Ignored(f"the id {given!r} was taken before: each reset needs an id of its own")
        return Request(
            id=f"mqtt-reset-{given}",
            kind="reset",
            who=f"mqtt {self._topics.reset}",
            t_ns=now_ns,
            event=event,
        )

    def _is_new(self, identity: str) -> bool:
        if identity in self._taken:
            return False
        self._taken[identity] = None
        if len(self._taken) > _REMEMBERED:
            self._taken.popitem(last=False)
        return True


def _object_in(payload: bytes) -> dict[str, Any]:
    """Return the JSON object that the payload is, an empty one for anything else."""
    if len(payload) > LONGEST_PAYLOAD:
        return {}
    try:
        said = json.loads(payload)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _id_in(said: dict[str, Any]) -> str:
    """Return the id, empty if there is none that can be told from others."""
    given = said.get("id")
    if isinstance(given, int) and not isinstance(given, bool):
        given = str(given)
    return given if isinstance(given, str) and _is_name(given) else ""


def _is_name(given: str) -> bool:
    return 0 < len(given) <= _LONGEST_ID and given.isprintable()


def _reason(said: dict[str, Any], payload: bytes) -> str:
    if isinstance(reason := said.get("reason"), str):
        return _printable(reason)
    if said or not payload:
        return ""
    if len(payload) > LONGEST_PAYLOAD:
        return f"a message of {len(payload)} bytes"
    return _printable(payload.decode("utf-8", "replace"))


def _printable(text: str) -> str:
    """Return the beginning of `text` without what would upset a terminal or a log."""
    return "".join(c if c.isprintable() else "?" for c in text[:_LONGEST_REASON])
