"""A flood of requests before a robot that moves: refused and logged, and no tick is late for it."""

import subprocess
import sys
import time
from collections.abc import Sequence

import flooding
import httpx
import numpy as np
import pytest
from stack import Stack
from watched_stack import running

from messaging.messages import ControlStatus

pytestmark = [pytest.mark.alone, pytest.mark.slow]

FLOOD_S = 10.0

__all__ = ["running"]


def late_share(statuses: Sequence[ControlStatus]) -> float:
    """Return the share of ticks late by over a fifth of a period: of 1 % safety warns."""
    late_ns = np.diff([status.t_ns for status in statuses]) - statuses[0].dt_ns
    return float(np.mean(late_ns > 0.2 * statuses[0].dt_ns))


def test_ten_thousand_requests_a_second_harm_no_tick(running: Stack) -> None:
    port = running.config.dashboard.port
    running.home()
    running.run()
    program = [sys.executable, flooding.__file__, str(port), str(FLOOD_S)]
    begun, first = time.monotonic(), len(running.statuses)
    with subprocess.Popen(program, stdout=subprocess.PIPE, encoding="utf-8") as flood:
        while flood.poll() is None:
            running.during(0.2)
            assert running.phase == "running"
        sent = int(flood.communicate()[0])
    assert sent > 0.9 * flooding.REQUESTS_PER_S * FLOOD_S
    assert time.monotonic() - begun < 1.5 * FLOOD_S
    assert late_share(running.statuses[first:]) < 0.01
    running.assert_smooth()
    assert running.counters("dashboard")["refused"] > 100
    log = running.supervisor.run_directory / "logs" / "dashboard.log"
    assert "too many requests" in log.read_text(encoding="utf-8")
    assert httpx.post(f"http://127.0.0.1:{port}/stop").status_code == 303
    running.stopped_by("stop by dashboard")
