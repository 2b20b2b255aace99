"""A stand-in for the safety process, for those who ask it: it answers and remembers."""

from __future__ import annotations

import queue
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Self

from messaging.messages import Reply, Request, SafetyState
from messaging.topics import SAFETY_STATE
from messaging.transport import Bus, Waiter

CALM = SafetyState(t_ns=0, phase="running", epoch=1, motion="all", speed=1.0, commander="policy")
STOPPED = replace(CALM, phase="stopped", motion="none", commander="", event="4711", stop="hold")


class FakeSafety(threading.Thread):
    """Says its `state` 20 times a second and answers every request, unless it is `deaf`."""

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self.state = CALM
        self.deaf = False
        self.accepts = True
        self.asked: queue.Queue[Request] = queue.Queue()
        self._directory = directory
        self._ended = False

    def run(self) -> None:
        with Bus(self._directory) as bus:
            states, service = bus.publisher(SAFETY_STATE), bus.service("safety")
            waiter = Waiter([service])
            while not self._ended:
                states.send(replace(self.state, t_ns=time.monotonic_ns()))
                if self.deaf:
                    time.sleep(0.05)
                    continue
                waiter.wait(0.05)
                while not self.deaf and (asked := service.receive()):
                    request = asked.request
                    if self.accepts and request.kind == "stop":
                        self.state = replace(STOPPED, by=request.who)
                    said = "done" if self.accepts else "not now"
                    service.answer(asked, Reply(request.id, self.accepts, said, self.state.event))
                    self.asked.put(request)

    def next_request(self, timeout_s: float = 10.0) -> Request:
        """Return the next request; raises queue.Empty if there is none in time."""
        return self.asked.get(timeout=timeout_s)

    def end(self) -> None:
        """Be gone."""
        self._ended = True
        self.join()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
