"""What every request passes first: is it meant for this page, and are there not too many."""

from __future__ import annotations

import socket
import time
from collections import OrderedDict
from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.refusals import Refusals

REQUESTS_PER_S = 50.0  # of one address, stops apart
BURST = 200.0
_ADDRESSES = 1000  # whose requests are counted
_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    b"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = (
    (b"content-security-policy", _POLICY),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    # A stricter policy would have browsers send "Origin: null" with the form.
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
    (b"cache-control", b"no-cache"),
)


class Allowance:
    """How many requests each address has left."""

    def __init__(self, per_s: float = REQUESTS_PER_S, burst: float = BURST) -> None:
        self._per_ns = per_s * 1e-9
        self._burst = burst
        self._left: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def take(self, address: str, now_ns: int) -> bool:
        """Return whether `address` may ask once more."""
        left, then_ns = self._left.pop(address, (self._burst, now_ns))
        left = min(self._burst, left + (now_ns - then_ns) * self._per_ns)
        self._left[address] = (max(left - 1.0, 0.0), now_ns)
        if len(self._left) > _ADDRESSES:
            self._left.popitem(last=False)
        return left >= 1.0


class Gate:
    """Refuses requests that another site or a flood sends, before anything else looks at them."""

    def __init__(self, app: ASGIApp, refusals: Refusals) -> None:
        self._app = app
        self._refusals = refusals
        self._allowance = Allowance()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it here."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        address = scope["client"][0] if scope["client"] else ""
        is_stop = scope["type"] == "http" and (scope["method"], scope["path"]) == ("POST", "/stop")
        # Counted apart, so that a flood of requests keeps no page that is open from coming back.
        share = f"{scope['type']} {address}"
        if not is_stop and not self._allowance.take(share, time.monotonic_ns()):
            await self._refuse(scope, receive, send, 429, "too many requests")
            return
        if why := misdirected({name: value.decode("latin-1") for name, value in scope["headers"]}):
            await self._refuse(scope, receive, send, 403, why)
            return
        await self._app(scope, receive, _protected(send))

    async def _refuse(
        self, scope: Scope, receive: Receive, send: Send, status: int, why: str
    ) -> None:
        self._refusals.note(str(scope["client"]), why)
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": why})
            return
        body = f"{why}\n".encode()
        length = str(len(body)).encode()
        # What else is waiting on this connection need not even be read.
        headers = [
            (b"content-length", length),
            (b"content-type", b"text/plain"),
            (b"connection", b"close"),
            *_HEADERS,
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def misdirected(headers: Mapping[bytes, str]) -> str:
    """Return why a request is not meant for this page, empty if it is.

    A foreign page can have a browser ask, and can give its own name this machine's address; but
    the browser then tells that name, as the origin or as the host.
    """
    host = headers.get(b"host", "").lower()
    if not _is_own_name(host):
        return f"no page for host {host!r} here: use the machine's address or its name"
    origin = headers.get(b"origin", "").lower()
    if origin and origin not in {f"http://{host}", f"https://{host}"}:
        return f"a page of {origin!r} may not ask {host!r}"
    return ""


def _is_own_name(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
        own = socket.gethostname().lower()
        if name in {"localhost", own, f"{own}.local"}:
            return True
        ip_address(name)
    except ValueError:
        return False
    return True


def _protected(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            own = {name for name, _ in message["headers"]}
            extra = [header for header in _HEADERS if header[0] not in own]
            message = {**message, "headers": [*message["headers"], *extra]}
        await send(message)

    return sending
