"""The far end of a pseudo-terminal, answering packets as a test likes."""

from __future__ import annotations

import os
import threading
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from drivers.dynamixel.packets import Packet, PacketReader

Answering = Callable[[Packet], bytes]


class Peer:
    """A thread that reads packets and writes `answering(packet)`; it can write on its own, too."""

    def __init__(self, answering: Answering) -> None:
        self.answering = answering
        self.heard: list[Packet] = []
        self._leaving = False
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.path = os.ttyname(self._slave)
        self._thread = threading.Thread(target=self._live, daemon=True)
        self._thread.start()

    def say(self, data: bytes) -> None:
        os.write(self._master, data)

    def say_later(self, data: bytes, after_s: float) -> None:
        def later() -> None:
            time.sleep(after_s)
            self.say(data)

        threading.Thread(target=later, daemon=True).start()

    def unplug(self) -> None:
        """Make the port go away, as a pulled cable does."""
        self._hang_up()
        os.close(self._master)
        self._master = -1

    def close(self) -> None:
        if self._master >= 0:
            self.unplug()
        os.close(self._slave)

    def _hang_up(self) -> None:
        self._leaving = True
        # A reading thread sees nothing of its descriptor being closed: it is woken by a byte.
        os.write(self._slave, b"\0")
        self._thread.join()

    def _live(self) -> None:
        reader = PacketReader()
        while not self._leaving:
            for packet in reader.feed(os.read(self._master, 65536)):
                self.heard.append(packet)
                if answer := self.answering(packet):
                    self.say(answer)


@contextmanager
def peer(answering: Answering = lambda _: b"") -> Iterator[Peer]:
    """Yield a peer that hangs up at the end."""
    at_the_end = Peer(answering)
    try:
        yield at_the_end
    finally:
        at_the_end.close()
