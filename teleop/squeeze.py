"""The trigger that every leader arm has: its gripper, squeezed on purpose. Pure."""

from __future__ import annotations

from typing import Final

DEPTH: Final = 0.25  # below what its motor is told: nobody leans on a gripper like that by accident
CLOSED: Final = 0.15
OPEN: Final = 0.4
TWICE_NS: Final = 1_000_000_000  # from the first time that it closes to the second


class Squeeze:
    """One gripper, from 0 closed to 1 open.

    While its motor holds it, it is squeezed when it is pressed against the motor and let go again,
    not before: a grasp goes on as it was. While it is free, it is when it closes twice in a second.
    """

    def __init__(self) -> None:
        self._pressed = False
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
            return self._let_go(told - position)
        self._pressed = False
        return self._closed_again(position, now_ns)

    def _let_go(self, depth: float) -> bool:
        was, self._pressed = self._pressed, depth > (0.5 * DEPTH if self._pressed else DEPTH)
        return was and not self._pressed

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
