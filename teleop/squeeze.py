"""The trigger that every leader arm has: its gripper, squeezed on purpose. Pure."""

from __future__ import annotations

from typing import Final

DEPTH: Final = 0.25  # below what its motor is told: nobody leans on a gripper like that by accident
STEADY: Final = 0.05  # by which what it is told may change meanwhile
STEADY_NS: Final = 300_000_000  # for which it has to be: one on its way is behind, not pressed
LONGEST_NS: Final = 1_500_000_000  # of a squeeze; fingers that rest on it are none
CLOSED: Final = 0.15
OPEN: Final = 0.4
TWICE_NS: Final = 1_000_000_000  # from the first time that it closes to the second


class Squeeze:
    """One gripper, from 0 closed to 1 open.

    While its motor holds it, it is squeezed when it is pressed against the motor and let go again,
    not before: a grasp goes on as it was. While it is free, it is when it closes twice in a second.
    """

    def __init__(self) -> None:
        self._told: float | None = None
        self._steady_ns = 0  # since when it has been told so
        self._pressed_ns: int | None = None  # since when it is pressed
        self._open = False
        self._closed_ns: int | None = None

    def look(self, now_ns: int, position: float, told: float | None) -> bool:
        """Return whether it has been squeezed just now.

        Args:
            now_ns: the present time.
            position: where it is.
            told: where its motor is to hold it, None while it is free.
        """
        if told is not None:
            self._open, self._closed_ns = False, None
            return self._let_go(position, told, now_ns)
        self._told = self._pressed_ns = None
        return self._closed_again(position, now_ns)

    def _let_go(self, position: float, told: float, now_ns: int) -> bool:
        if self._told is None or abs(told - self._told) > STEADY:
            self._told, self._steady_ns, self._pressed_ns = told, now_ns, None
        depth, since_ns = told - position, self._pressed_ns
        if since_ns is None:
            if depth > DEPTH and now_ns - self._steady_ns >= STEADY_NS:
                self._pressed_ns = now_ns
            return False
        if depth > 0.5 * DEPTH:
            return False
        self._pressed_ns = None
        return now_ns - since_ns <= LONGEST_NS

    def _closed_again(self, position: float, now_ns: int) -> bool:
        if position > OPEN:
            self._open = True
        if not (self._open and position < CLOSED):
            return False
        self._open = False
        before, self._closed_ns = self._closed_ns, now_ns
        if before is None or now_ns - before > TWICE_NS:
            return False
        self._closed_ns = None
        return True
