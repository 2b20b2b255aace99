"""Questions to the services of the station, asked without holding up the page's server."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid

from messaging.messages import Reply, Request
from messaging.service import Client

_ANSWER_S = 1.0
_STOP_ANSWER_S = 0.1  # then the stop is sent again
_STOP_TRIES = 3
_SAME_PRESS_NS = 50_000_000


class Asker:
    """Asks one service; must be made and used in a running event loop."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._waiting: dict[str, asyncio.Future[Reply]] = {}
        asyncio.get_running_loop().add_reader(client.socket.fileno(), self._hear)

    async def ask(self, request: Request, timeout_s: float = _ANSWER_S) -> Reply | None:
        """Return the service's answer, None if there is none in time."""
        answer = self._waiting[request.id] = asyncio.get_running_loop().create_future()
        try:
            self._client.send(request)
            self._hear()  # sending may have swallowed the sign that something came
            with contextlib.suppress(TimeoutError):
                return await asyncio.wait_for(answer, timeout_s)
            return None
        finally:
            del self._waiting[request.id]

    def close(self) -> None:
        """Listen no longer."""
        asyncio.get_running_loop().remove_reader(self._client.socket.fileno())

    def _hear(self) -> None:
        while reply := self._client.receive():
            answer = self._waiting.get(reply.id)
            if answer and not answer.done():
                answer.set_result(reply)


class StopLine:
    """Sends stops at once; presses within 50 ms of each other are one."""

    def __init__(self, asker: Asker) -> None:
        self._asker = asker
        self.pressed_ns = 0  # when the button was pressed last, 0 before the first time
        self._press: asyncio.Task[Reply | None] | None = None

    async def press(self, who: str) -> Reply | None:
        """Stop the robot; returns what safety said, None if it did not answer in 300 ms."""
        now_ns = time.monotonic_ns()
        pressing = self._press is not None and not self._press.done()
        if self._press is None or not (pressing or now_ns - self.pressed_ns < _SAME_PRESS_NS):
            self.pressed_ns = now_ns
            self._press = asyncio.create_task(self._send(who, now_ns))
        return await asyncio.shield(self._press)

    async def _send(self, who: str, pressed_ns: int) -> Reply | None:
        for _ in range(_STOP_TRIES):
            request = asked("stop", who, t_ns=pressed_ns)
            if reply := await self._asker.ask(request, _STOP_ANSWER_S):
                return reply
        return None


def asked(
    kind: str, who: str, *, event: str = "", value: float = 0.0, reason: str = "", t_ns: int = 0
) -> Request:
    """Return a new request, asked for now unless `t_ns` says when."""
    return Request(
        id=uuid.uuid4().hex,
        kind=kind,
        who=who,
        t_ns=t_ns or time.monotonic_ns(),
        event=event,
        value=value,
        reason=reason,
    )
