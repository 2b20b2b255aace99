"""When a button asks for a stop; pure, knows neither the device nor the bus."""

from __future__ import annotations

import secrets

from messaging.messages import Reply, Request, SafetyState

_FIRST_PAUSE_NS, _LONGEST_PAUSE_NS = 100_000_000, 2_000_000_000
_KEPT = 100  # requests that an answer may still come to


class Press:
    """Asks at once when pressed, again until answered, and anew if it is held through a reset."""

    def __init__(self, who: str) -> None:
        self._who = who
        self._pressed = False
        self._open = False  # a stop is wanted and not granted yet
        self._since_ns = 0
        self._granted_ns = 0
        self._due_ns = 0
        self._pause_ns = _FIRST_PAUSE_NS
        self._asked: list[str] = []

    def waiting_s(self, now_ns: int) -> float:
        """Return for how long a stop has been asked for without being granted, 0 if none is."""
        return (now_ns - self._since_ns) * 1e-9 if self._open else 0.0

    def request(
        self, reason: str, state: SafetyState | None, safety_is_silent: bool, now_ns: int
    ) -> Request | None:
        """Return what has to be asked of safety now, None if nothing.

        Args:
            reason: why the robot must stop, empty while the button is not pressed.
            state: the newest of safety, None before the first.
            safety_is_silent: whether nothing has been heard of it for too long. What is sent
                meanwhile waits for it, so one request is enough.
            now_ns: the time.
        """
        pressed_now = bool(reason) and not self._pressed
        if pressed_now or (reason and not self._open and self._was_reset(state)):
            self._open = True
            self._reason = reason
            self._since_ns = self._due_ns = now_ns
            self._pause_ns = _FIRST_PAUSE_NS
            self._asked.clear()
        self._pressed = bool(reason)
        if not self._open or now_ns < self._due_ns or (safety_is_silent and self._asked):
            return None
        self._due_ns = now_ns + self._pause_ns
        self._pause_ns = min(2 * self._pause_ns, _LONGEST_PAUSE_NS)
        # A new id each time: an answer to an old one may say that it came too late.
        request = Request(
            id=f"button-{secrets.token_hex(16)}",
            kind="stop",
            who=self._who,
            t_ns=now_ns,
            reason=self._reason,
        )
        self._asked = [*self._asked[-_KEPT:], request.id]
        return request

    def answer(self, reply: Reply, now_ns: int) -> None:
        """Take an answer; only a granted stop puts an end to asking."""
        if reply.accepted and reply.id in self._asked:
            self._open = False
            self._granted_ns = now_ns

    def _was_reset(self, state: SafetyState | None) -> bool:
        return state is not None and state.phase != "stopped" and state.t_ns > self._granted_ns
