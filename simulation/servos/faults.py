"""What can go wrong on a bus of servos, on request."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Spoiling = Literal["late", "lost", "truncated", "corrupt"]
Mishap = Literal["overload", "overheating", "brown_out", "torque_off"]

ALWAYS = -1


@dataclass(slots=True)
class Spoiled:
    """How answers are spoiled until `count` of them were."""

    how: Spoiling
    servo: int | None = None  # None: whoever answers
    count: int = 1  # ALWAYS: until cleared
    share: float = 1.0  # the part of the answers that it hits; of the bytes, if `how` is corrupt
    by_ns: int = 0  # how late, if `how` is late


class Faults:
    """The faults of one line. Everything may be set at any time, from any thread.

    Servos are named by the ids that they have at the start; who names another gets a ValueError.
    """

    def __init__(self, servos: Iterable[int]) -> None:
        self._servos = frozenset(servos)
        self._random = random.Random(0)
        self._spoiled: tuple[Spoiled, ...] = ()
        self._mishaps: deque[tuple[Mishap, int]] = deque()
        self.silent: frozenset[int] = frozenset()  # say nothing, execute everything
        self.broken: frozenset[int] = frozenset()  # cut off: those behind wait for them in vain
        self.powered = True  # the 12 V supply
        self.chatter_hz = 0.0  # how often a second master reads a servo of this bus

    def spoil(
        self,
        how: Spoiling,
        servo: int | None = None,
        *,
        count: int = 1,
        share: float = 1.0,
        by_ns: int = 0,
    ) -> None:
        """Spoil the next `count` answers (`ALWAYS`: all) of a servo, or of any.

        A late answer holds up those behind it in the same sync or bulk read, and no others.
        """
        self._check(() if servo is None else (servo,))
        self._spoiled = (*self._spoiled, Spoiled(how, servo, count, share, by_ns))

    def silence(self, *servos: int) -> None:
        """Let these servos answer nothing; the others still answer."""
        self._check(servos)
        self.silent |= set(servos)

    def break_chain(self, *servos: int) -> None:
        """Let these servos answer and do nothing, nor those behind them in a sync read answer."""
        self._check(servos)
        self.broken |= set(servos)

    def happen(self, mishap: Mishap, servo: int) -> None:
        """Let something happen to a servo, once."""
        self._check((servo,))
        self._mishaps.append((mishap, servo))

    def clear(self) -> None:
        """Let everything work again; what happened to a servo stays until it is rebooted."""
        self._spoiled = ()
        self._mishaps.clear()
        self.silent = self.broken = frozenset()
        self.powered = True
        self.chatter_hz = 0.0

    def happened(self) -> list[tuple[Mishap, int]]:
        """Return what is to happen now, each once."""
        events: list[tuple[Mishap, int]] = []
        while self._mishaps:
            events.append(self._mishaps.popleft())
        return events

    def spoiled(self, servo: int, answer: bytes) -> tuple[bytes, int]:
        """Return what is left of an answer, and how much later it comes in ns."""
        late_ns = 0
        for fault in self._spoiled:
            if fault.servo not in (None, servo):
                continue
            if fault.how == "corrupt":
                damaged = self._corrupted(answer, fault.share)
                hit, answer = damaged != answer, damaged
            else:
                hit = fault.share >= 1.0 or self._random.random() < fault.share
                if hit and fault.how == "late":
                    late_ns += fault.by_ns
                elif hit:
                    answer = b"" if fault.how == "lost" else answer[: len(answer) // 2]
            if hit:
                self._count_down(fault)
        return answer, late_ns

    def _check(self, servos: Iterable[int]) -> None:
        for servo in servos:
            if servo not in self._servos:
                raise ValueError(f"no servo {servo} on this line, it has {sorted(self._servos)}")

    def _corrupted(self, answer: bytes, share: float) -> bytes:
        draw = self._random.random
        return bytes(
            byte ^ (1 << self._random.randrange(8)) if draw() < share else byte for byte in answer
        )

    def _count_down(self, fault: Spoiled) -> None:
        if fault.count == ALWAYS:
            return
        fault.count -= 1
        if fault.count <= 0:
            self._spoiled = tuple(other for other in self._spoiled if other is not fault)
