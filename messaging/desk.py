"""Where people ask something of a process: each request is answered, and acted upon once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from messaging.messages import Reply, Request
from messaging.service import Service

_MOST_AGE_NS = 2_000_000_000
_REMEMBERED = 1000  # requests, so that none is acted upon twice


class Desk:
    """Answers each request once.

    Args:
        service: where the requests come in.
        wish: takes a request and the time; returns why it cannot be fulfilled, empty if it will be.
    """

    def __init__(self, service: Service, wish: Callable[[Request, int], str]) -> None:
        self._service = service
        self._wish = wish
        self._known: deque[str] = deque(maxlen=_REMEMBERED)

    def serve(self, now_ns: int) -> list[str]:
        """Answer what was asked; returns what was granted, with who asked for it."""
        granted = []
        while (asked := self._service.receive()) is not None:
            request = asked.request
            why_not = self._judged(request, now_ns)
            self._service.answer(asked, Reply(request.id, not why_not, why_not))
            if not why_not:
                granted.append(f"{request.kind}, asked by {request.who}")
        return granted

    def _judged(self, request: Request, now_ns: int) -> str:
        if request.id in self._known:
            return "this request was acted upon before"
        age_ns = now_ns - request.t_ns
        if age_ns > _MOST_AGE_NS:
            return f"the request is {age_ns * 1e-9:.1f} s old: ask again"
        self._known.append(request.id)
        return self._wish(request, now_ns)
