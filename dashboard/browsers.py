"""The browsers that look, and which of their operators has control."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from dashboard.telling import as_text
from dashboard.tokens import Role

MOST = 100  # browsers at once; a stop by HTTP still comes through
MOST_STRANGERS = 20  # of them without a token
_ANSWERS = 256  # that wait for a browser that does not read


class Browser:
    """One page that is open: of each kind of message only the newest waits for it."""

    def __init__(self, socket: WebSocket, address: str, role: Role) -> None:
        self.address = address
        self.role = role
        self.heard_ns = time.monotonic_ns()
        self._socket = socket
        self._newest: dict[str, str | bytes] = {}
        self._answers: deque[str] = deque(maxlen=_ANSWERS)
        self._wake = asyncio.Event()

    @property
    def who(self) -> str:
        """Name it for the audit."""
        return f"dashboard {self.address} {self.role.name.lower()}"

    def tell(self, kind: str, text: str | bytes) -> None:
        """Send `text` when the browser is ready for it, in place of an older one of its kind."""
        self._newest[kind] = text
        self._wake.set()

    def answer(self, kind: str, content: Any) -> None:
        """Send something that nothing newer replaces."""
        self._answers.append(as_text(kind, content))
        self._wake.set()

    async def send(self) -> None:
        """Send what there is to send, until the browser is gone."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._answers:
                    await self._socket.send_text(self._answers.popleft())
                for kind in tuple(self._newest):
                    await self._send(self._newest.pop(kind))
        except (WebSocketDisconnect, RuntimeError):
            return  # the reading side ends the connection

    async def _send(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            await self._socket.send_bytes(message)
        else:
            await self._socket.send_text(message)


class Browsers:
    """All pages that are open. At most one operator's has control: the first, or who took it."""

    def __init__(self) -> None:
        self.in_control: Browser | None = None
        self._open: set[Browser] = set()

    def __len__(self) -> int:
        return len(self._open)

    def join(self, browser: Browser) -> bool:
        """Add a browser; returns whether there was room.

        Who has not said a token yet gets a few places only, and nobody else's.
        """
        strangers = sum(other.role is Role.NOBODY for other in self._open)
        is_one_more = browser.role is Role.NOBODY and strangers >= MOST_STRANGERS
        if is_one_more or len(self._open) >= MOST:
            return False
        self._open.add(browser)
        return True

    def leave(self, browser: Browser) -> None:
        """Remove a browser; control is then free to be taken."""
        self._open.discard(browser)
        if self.in_control is browser:
            self.in_control = None
            self.tell_roles()

    def greet(self, browser: Browser) -> None:
        """Give control to the first operator, and tell everybody who has it."""
        if browser.role is Role.OPERATOR and self.in_control is None:
            self.in_control = browser
        self.tell_roles()

    def take(self, browser: Browser) -> None:
        """Give control to `browser`, if an operator sits there."""
        if browser.role is Role.OPERATOR:
            self.in_control = browser
            self.tell_roles()

    def watching(self) -> tuple[int, int]:
        """Return how many look who may, and when the last of them was heard of, 0 if none was.

        Who lost the link, or fell asleep, may seem to be there for long.
        """
        heard = [browser.heard_ns for browser in self._open if browser.role is not Role.NOBODY]
        return len(heard), max(heard, default=0)

    def tell(self, kind: str, content: Any) -> None:
        """Tell everybody, encoding only once."""
        text = as_text(kind, content)
        for browser in self._open:
            browser.tell(kind, text)

    def tell_roles(self) -> None:
        """Tell each browser what it may do and who has control."""
        for browser in self._open:
            browser.tell("you", as_text("you", self._you(browser)))

    def _you(self, browser: Browser) -> dict[str, Any]:
        holder = self.in_control
        return {
            "role": browser.role.name.lower(),
            "in_control": holder is browser,
            "holder": holder.address if holder else "",
            "browsers": len(self._open),
        }
