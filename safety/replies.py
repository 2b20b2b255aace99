"""Answers to requests: sent once what they tell is written, and remembered against replays."""

from __future__ import annotations

from collections import deque

from messaging.messages import Reply
from messaging.service import Asked, Service


class Replies:
    """Sends the replies of a service.

    Args:
        service: that was asked.
        age_s: how old a request may be to be acted upon; its id is known for longer than that.
    """

    def __init__(self, service: Service, age_s: float) -> None:
        self.count = 0
        self._service = service
        self._keep_ns = round(2 * age_s * 1e9)
        self._given: dict[str, Reply] = {}
        self._order: deque[tuple[int, str]] = deque()
        self._waiting: deque[tuple[int, Asked, Reply]] = deque()

    def given(self, request_id: str) -> Reply | None:
        """Return the answer that the request was given already, None if it is new."""
        return self._given.get(request_id)

    def remember(self, reply: Reply, now_ns: int) -> None:
        """Know the request that `reply` answers, for as long as it could be asked again."""
        self._given[reply.id] = reply
        self._order.append((now_ns, reply.id))
        while now_ns - self._order[0][0] > self._keep_ns:
            del self._given[self._order.popleft()[1]]

    def answer(self, asked: Asked, reply: Reply, ticket: int) -> None:
        """Send `reply` once the scribe has done the job of this ticket; 0: there is none."""
        self.count += 1
        self._waiting.append((ticket, asked, reply))

    def send_written(self, done: int) -> None:
        """Send the replies whose tickets are done, in the order of the requests."""
        while self._waiting and self._waiting[0][0] <= done:
            _, asked, reply = self._waiting.popleft()
            self._service.answer(asked, reply)
