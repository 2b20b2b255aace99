"""The USB adapter and the wire between host and servos: when bytes get to the other end."""

from __future__ import annotations

from bisect import insort
from typing import Final

USB_FRAME_NS: Final = 125_000
CHUNK_BYTES: Final = 510  # what an FTDI chip sends at once, whatever its timer says


class Adapter:
    """A half-duplex wire at `baud`, and an adapter that collects what comes back.

    It passes bytes on when `latency_timer_ms` went by since the first of them, or 510 are there.
    """

    def __init__(self, baud: int, latency_timer_ms: int) -> None:
        self.byte_ns = 10 * 1_000_000_000 / baud
        self._timer_ns = latency_timer_ms * 1_000_000
        self._free_ns = 0  # when the wire is free
        self._chunk = bytearray()
        self._chunk_due_ns = 0
        self._sent: list[tuple[int, bytes]] = []

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
        """When the host gets more, None if nothing is on its way."""
        waiting = [due_ns for due_ns, _ in self._sent[:1]]
        if self._chunk:
            waiting.append(self._chunk_due_ns + USB_FRAME_NS)
        return min(waiting, default=None)

    def due(self, now_ns: int) -> bytes:
        """Return what has reached the host since the last call."""
        if self._chunk and self._chunk_due_ns + USB_FRAME_NS <= now_ns:
            self._pass_on(self._chunk_due_ns)
        arrived = bytearray()
        while self._sent and self._sent[0][0] <= now_ns:
            arrived += self._sent.pop(0)[1]
        return bytes(arrived)
