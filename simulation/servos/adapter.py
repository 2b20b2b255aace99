"""The USB adapter and the wire between host and servos: when bytes get to the other end."""

from __future__ import annotations

from bisect import insort
from operator import itemgetter
from typing import Final, Protocol

USB_FRAME_NS: Final = 125_000
CHUNK_BYTES: Final = 510  # what an FTDI chip sends at once, whatever its timer says
# A timer of 1 ms makes chunks that follow each other by that and a byte or a servo's pause. Waking
# up for each of them would be most of the work, and hosts are used to waiting this long.
TOGETHER_NS: Final = 1_100_000


class Link(Protocol):
    """What lies between a host and the servos."""

    def write(self, count: int, now_ns: int) -> int:
        """Take note of `count` bytes of the host; return when they are with the servos."""
        ...

    def answer(self, data: bytes, pause_ns: int, late_ns: int = 0) -> None:
        """Take the bytes of a servo, said `pause_ns` after the last ones, or `late_ns` later."""
        ...

    @property
    def next_ns(self) -> int | None:
        """When the host should look, None if nothing is on its way."""
        ...

    def due(self, now_ns: int) -> bytes:
        """Return what has reached the host since the last call."""
        ...


class Direct:
    """No wire at all: what a servo says is there at once, unless it is late.

    Drivers that know a bus sleep until its answers can be there anyway, and whoever emulates the
    servos need not wake up again for handing them out.
    """

    def __init__(self) -> None:
        self._heard_ns = 0
        self._sent: list[tuple[int, bytes]] = []

    def write(self, count: int, now_ns: int) -> int:  # noqa: ARG002 - as Link
        """Take note of when the host wrote."""
        self._heard_ns = now_ns
        return now_ns

    def answer(self, data: bytes, pause_ns: int, late_ns: int = 0) -> None:  # noqa: ARG002 - as Link
        """Take the bytes of a servo."""
        insort(self._sent, (self._heard_ns + late_ns, data), key=itemgetter(0))

    @property
    def next_ns(self) -> int | None:
        """When something is there, None if nothing is on its way."""
        return self._sent[0][0] if self._sent else None

    def due(self, now_ns: int) -> bytes:
        """Return what has reached the host since the last call."""
        return _taken(self._sent, now_ns)


class Adapter:
    """A half-duplex wire at `baud`, and an adapter that collects what comes back.

    It passes bytes on when `latency_timer_ms` went by since the first of them, or 510 are there.
    """

    def __init__(self, baud: int, latency_timer_ms: int = 1) -> None:
        self.byte_ns = 10 * 1_000_000_000 / baud
        self._timer_ns = latency_timer_ms * 1_000_000
        self._free_ns = 0  # when the wire is free
        self._chunk = bytearray()
        self._chunk_due_ns = 0
        self._sent: list[tuple[int, bytes]] = []
        self._planned = True
        self._next_ns: int | None = None

    def write(self, count: int, now_ns: int) -> int:
        """Put `count` bytes of the host on the wire; return when they are through."""
        begin = max(now_ns + USB_FRAME_NS, self._free_ns)
        self._free_ns = begin + int(count * self.byte_ns)
        return self._free_ns

    def answer(self, data: bytes, pause_ns: int, late_ns: int = 0) -> None:
        """Put the bytes of a servo on the wire, `pause_ns` after the last ones.

        If they are `late_ns` late, they come to the host by themselves, while others go on.
        """
        begin = self._free_ns + pause_ns
        self._free_ns = begin + int(len(data) * self.byte_ns)
        if late_ns or not self._timer_ns:
            due_ns = self._free_ns + late_ns + self._timer_ns + USB_FRAME_NS
            insort(self._sent, (due_ns, data))
        else:
            self._hold_back(data, begin)
        self._planned = False

    def _hold_back(self, data: bytes, begin: int) -> None:
        room = CHUNK_BYTES - len(self._chunk)
        if self._chunk and self._free_ns <= self._chunk_due_ns and len(data) < room:
            self._chunk += data
            return
        while data:
            if self._chunk and self._chunk_due_ns <= begin:
                self._pass_on(self._chunk_due_ns)
            if not self._chunk:
                self._chunk_due_ns = begin + int(self.byte_ns) + self._timer_ns
            until_timer = max(1, int((self._chunk_due_ns - begin) / self.byte_ns))
            count = min(len(data), CHUNK_BYTES - len(self._chunk), until_timer)
            self._chunk += data[:count]
            data = data[count:]
            begin += int(count * self.byte_ns)
            if len(self._chunk) == CHUNK_BYTES:
                self._pass_on(begin)

    def _pass_on(self, at_ns: int) -> None:
        insort(self._sent, (at_ns + USB_FRAME_NS, bytes(self._chunk)))
        self._chunk.clear()

    @property
    def next_ns(self) -> int | None:
        """When the host should look: something has come, and what comes within 1.1 ms of it.

        None if nothing is on its way.
        """
        if not self._planned:
            self._planned = True
            self._next_ns = self._worth_looking_ns()
        return self._next_ns

    def _worth_looking_ns(self) -> int | None:
        times_ns = [due_ns for due_ns, _ in self._sent]
        if self._chunk:
            times_ns.append(self._chunk_due_ns + USB_FRAME_NS)
        if not times_ns:
            return None
        first_ns = min(times_ns)
        wait_ns = TOGETHER_NS if self._timer_ns else 0
        return max(due_ns for due_ns in times_ns if due_ns <= first_ns + wait_ns)

    def due(self, now_ns: int) -> bytes:
        """Return what has reached the host since the last call."""
        if self._chunk and self._chunk_due_ns + USB_FRAME_NS <= now_ns:
            self._pass_on(self._chunk_due_ns)
        if not self._sent or self._sent[0][0] > now_ns:
            return b""
        self._planned = False
        return _taken(self._sent, now_ns)


def _taken(sent: list[tuple[int, bytes]], now_ns: int) -> bytes:
    """Remove what is due by now from `sent`, the earliest first, and return it."""
    arrived = bytearray()
    while sent and sent[0][0] <= now_ns:
        arrived += sent.pop(0)[1]
    return bytes(arrived)
