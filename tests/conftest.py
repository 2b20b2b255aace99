"""What a busy machine does is no fault of what is tested.

Tests of real time are run again if the machine stood still meanwhile. Examples may be drawn slowly.
"""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import HealthCheck, settings

PERIOD_S = 0.005
STALL_S = 0.025  # a servo that does not answer for 30 ms is a fault
RERUNS = 4  # only of what failed while the machine was seen to stand still


class Stalls(threading.Thread):
    """A thread like any other that only sleeps: late, it saw the machine run nobody.

    Attributes:
        worst_s: the most that it was late since this was set to 0.
    """

    def __init__(self) -> None:
        super().__init__(name="stalls", daemon=True)
        self.worst_s = 0.0
        self._enough = threading.Event()

    def run(self) -> None:
        due_s = time.monotonic() + PERIOD_S
        while not self._enough.wait(max(due_s - time.monotonic(), 0.0)):
            now_s = time.monotonic()
            self.worst_s = max(self.worst_s, now_s - due_s)
            due_s = now_s + PERIOD_S

    def stop(self) -> None:
        """End the thread."""
        self._enough.set()
        self.join()


STALLS = Stalls()

settings.register_profile(
    "busy",
    settings.get_profile(settings.get_current_profile_name()),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("busy")


def pytest_sessionstart() -> None:
    STALLS.start()


def pytest_sessionfinish() -> None:
    STALLS.stop()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    again = pytest.mark.flaky(reruns=RERUNS, condition=lambda: STALLS.worst_s > STALL_S)
    for item in items:
        if item.get_closest_marker("realtime") or item.get_closest_marker("alone"):
            item.add_marker(again)


def pytest_runtest_logstart() -> None:
    STALLS.worst_s = 0.0  # also before each further attempt
