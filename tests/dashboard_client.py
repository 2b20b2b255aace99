"""The dashboard's server before a stand that plays the robot, and a page without a browser."""

import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from dashboard_stand import Stand, standing
from websockets.sync.client import ClientConnection, connect

WAIT_S = 5.0


@pytest.fixture
def stand() -> Iterator[Stand]:
    with tempfile.TemporaryDirectory() as directory, standing(Path(directory)) as stand:
        yield stand


class Page:
    """A browser's end of the socket."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    def say(self, **message: object) -> None:
        self.socket.send(json.dumps(message))

    def next(self, kind: str) -> Any:
        """Return the content of the next message of this kind."""
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            message = json.loads(self.socket.recv(timeout=WAIT_S))
            if kind in message:
                return message[kind]
        raise AssertionError(f"nothing of kind {kind!r} came")

    def ask(self, what: str, **more: object) -> Any:
        self.say(do="ask", n=7, what=what, **more)
        return self.next("answer")


@contextmanager
def page(
    stand: Stand, token: str | None = "", path: str = "/state", **headers: str
) -> Iterator[Page]:
    """Open a socket and say hello with `token`, or nothing for None."""
    url = f"ws://127.0.0.1:{stand.port}{path}"
    with connect(url, additional_headers=headers, max_size=None, close_timeout=0.2) as connection:
        opened = Page(connection)
        if token is not None:
            opened.say(do="hello", token=token)
        yield opened
