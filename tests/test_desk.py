"""What people ask of a process: each request is answered, and acted upon once."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from messaging.desk import Desk
from messaging.messages import Reply, Request
from messaging.transport import Bus, Waiter


class Served:
    """A desk with somebody who asks."""

    def __init__(self, bus: Bus) -> None:
        self.wishes: list[tuple[str, float]] = []
        self._service = bus.service("teleop")
        self._desk = Desk(self._service, self._wish)
        self._client = bus.client("teleop")

    def _wish(self, request: Request, now_ns: int) -> str:
        assert now_ns <= time.monotonic_ns()
        if request.kind == "dance":
            return "nobody dances"
        self.wishes.append((request.kind, request.value))
        return ""

    def ask(self, request: Request) -> tuple[Reply, list[str]]:
        """Ask; returns the answer, and what the desk told."""
        self._client.send(request)
        assert Waiter([self._service]).wait(5.0)
        told = self._desk.serve(time.monotonic_ns())
        assert Waiter([self._client]).wait(5.0)
        reply = self._client.receive()
        assert reply is not None
        return reply, told


def asked(kind: str, value: float = 0.0, age_ns: int = 0) -> Request:
    t_ns = time.monotonic_ns() - age_ns
    return Request(id=uuid.uuid4().hex, kind=kind, who="pedal", t_ns=t_ns, value=value)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with Bus(tmp_path / "bus") as bus:
        yield Served(bus)


def test_a_wish_is_granted_and_told_with_who_has_it(served: Served) -> None:
    reply, told = served.ask(asked("rewind", 3.0))
    assert reply.accepted
    assert told == ["rewind, asked by pedal"]
    assert served.wishes == [("rewind", 3.0)]


def test_a_wish_that_cannot_be_is_refused_with_the_reason(served: Served) -> None:
    reply, told = served.ask(asked("dance"))
    assert (reply.accepted, reply.said, told) == (False, "nobody dances", [])


def test_a_request_is_acted_upon_once(served: Served) -> None:
    request = asked("toggle")
    served.ask(request)
    reply, _ = served.ask(request)
    assert reply.said == "this request was acted upon before"
    assert len(served.wishes) == 1


def test_an_old_request_is_refused(served: Served) -> None:
    reply, _ = served.ask(asked("takeover", age_ns=3_000_000_000))
    assert "is 3.0 s old" in reply.said
    assert served.wishes == []
