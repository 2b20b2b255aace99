"""A conversation with one browser: who it is, what it says, and when it is sent away."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable

from starlette.websockets import WebSocket, WebSocketDisconnect

from dashboard.browsers import Browser
from dashboard.gate import Allowance
from dashboard.refusals import Refusals
from dashboard.spoken import LONGEST, Hello, Spoken, Stop, understood
from dashboard.tokens import Role

MISUNDERSTOOD, UNAUTHORIZED, TOO_MUCH, FULL = 4400, 4401, 4429, 4503
_HELLO_S = 5.0
_PER_S, _BURST = 20.0, 60.0  # messages of one browser, stops apart

Hear = Callable[[Browser, Spoken], Awaitable[None]]


class _SentAwayError(Exception):
    def __init__(self, code: int, why: str) -> None:
        super().__init__(why)
        self.code = code
        self.why = why


async def converse(socket: WebSocket, browser: Browser, hear: Hear, refusals: Refusals) -> None:
    """Hear what a browser says and send what there is for it, until it leaves or is sent away."""
    sending = asyncio.create_task(browser.send())
    asking: set[asyncio.Future[None]] = set()
    allowance = Allowance(_PER_S, _BURST)
    try:
        while True:
            spoken = await _next(socket, browser, allowance)
            if isinstance(spoken, Hello):
                await hear(browser, spoken)
                if browser.role is Role.NOBODY:
                    raise _SentAwayError(UNAUTHORIZED, "wrong token")
                continue
            # Answers are waited for elsewhere: a stop never waits behind a slow question.
            task = asyncio.ensure_future(hear(browser, spoken))
            asking.add(task)
            task.add_done_callback(asking.discard)
    except _SentAwayError as away:
        refusals.note(browser.who, away.why)
        await send_away(socket, away.code, away.why)
    except WebSocketDisconnect:
        pass
    finally:
        sending.cancel()


async def send_away(socket: WebSocket, code: int, why: str) -> None:
    """End a conversation, telling why."""
    with contextlib.suppress(RuntimeError, WebSocketDisconnect):
        await socket.close(code, why)


async def _next(socket: WebSocket, browser: Browser, allowance: Allowance) -> Spoken:
    is_unknown = browser.role is Role.NOBODY
    try:
        async with asyncio.timeout(_HELLO_S if is_unknown else None):
            text = await socket.receive_text()
        if len(text) > LONGEST:
            raise _SentAwayError(TOO_MUCH, "too long")
        spoken = understood(text)
    except TimeoutError:
        raise _SentAwayError(UNAUTHORIZED, "no token in time") from None
    except (ValueError, KeyError):  # a KeyError, where bytes came instead of text
        raise _SentAwayError(MISUNDERSTOOD, "not understood") from None
    if is_unknown and not isinstance(spoken, Hello):
        raise _SentAwayError(UNAUTHORIZED, "say a token first")
    if not isinstance(spoken, Stop) and not allowance.take("", time.monotonic_ns()):
        raise _SentAwayError(TOO_MUCH, "too much at once")
    return spoken
