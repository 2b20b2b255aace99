"""What people ask of a run: each request is answered, and acted upon once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from messaging.messages import Reply, Request
from messaging.service import Client
from messaging.transport import Bus, Waiter
from station.asking import new_request
from station.desk import Desk


class Served:
    """A desk with somebody who asks."""

    def __init__(self, bus: Bus) -> None:
        self.wishes: list[str] = []
        self._service = bus.service("station")
        self._desk = Desk(self._service, self._wish)
        self._client: Client = bus.client("station")

    def _wish(self, kind: str, _who: str) -> str:
        if kind == "dance":
            return "no request 'dance'"
        self.wishes.append(kind)
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


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with Bus(tmp_path / "bus") as bus:
        yield Served(bus)


def test_a_wish_is_granted_and_told_with_who_has_it(served: Served) -> None:
    reply, told = served.ask(new_request("home", "dashboard 127.0.0.1 operator"))
    assert reply.accepted
    assert told == ["home, asked by dashboard 127.0.0.1 operator"]
    assert served.wishes == ["home"]


def test_a_wish_that_makes_no_sense_is_refused_with_the_reason(served: Served) -> None:
    reply, told = served.ask(new_request("dance", "shell"))
    assert (reply.accepted, reply.said, told) == (False, "no request 'dance'", [])


def test_a_replayed_wish_is_acted_upon_once(served: Served) -> None:
    request = new_request("success", "shell")
    assert served.ask(request)[0].accepted
    reply, _ = served.ask(request)
    assert not reply.accepted
    assert "before" in reply.said
    assert served.wishes == ["success"]


def test_an_old_wish_is_refused(served: Served) -> None:
    request = new_request("home", "shell")
    reply, _ = served.ask(replace(request, t_ns=request.t_ns - 3_000_000_000))
    assert not reply.accepted
    assert "3.0 s old" in reply.said
