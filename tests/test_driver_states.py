"""What a driver says of its own lateness, beside what its motors say."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from drivers import states
from drivers.arm import ArmReading
from drivers.guard import GuardedCommand
from drivers.states import States
from messaging.messages import JointState

MS = 1_000_000
SILENT = "no motor answers"
HERE = np.zeros(1)


def told(monkeypatch: pytest.MonkeyPatch, cycles: list[tuple[int, int]]) -> list[JointState]:
    """Return what is said at each cycle.

    Args:
        monkeypatch: the driver's clock is another one.
        cycles: when each is told, and when the oldest of its samples was taken, in ms.
    """
    said: list[JointState] = []
    publisher = SimpleNamespace(send=said.append)
    bus = SimpleNamespace(publisher=lambda *_: publisher)
    told_by = States(cast("Any", bus), "left", ("left_waist",))
    for now_ms, sample_ms in cycles:
        clock = SimpleNamespace(monotonic_ns=lambda now_ns=now_ms * MS: now_ns)
        monkeypatch.setattr(states, "time", clock)
        age_s = np.array([(now_ms - sample_ms) * 1e-3])
        reading = ArmReading(
            sample_ms * MS, HERE, HERE, HERE, age_s, errors=(SILENT, "hot"), unheard=(SILENT,)
        )
        told_by.tell(reading, now_ms * MS, GuardedCommand(HERE, ""), now_ms * MS)
    return said


def test_only_what_was_sampled_before_the_driver_stood_still_is_late_for_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cycles = [(1000, 1000), (1010, 1010), (1420, 1015), (1430, 1015), (1440, 1438), (1500, 1438)]
    said = told(monkeypatch, cycles)
    assert [round(state.late_s, 3) for state in said] == [0.0, 0.0, 0.4, 0.4, 0.0, 0.0]
    assert {state.unheard for state in said} == {(SILENT,)}
