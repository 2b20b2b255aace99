"""A policy worker that dies or hangs stops the robot, and it goes on when a person wants it to."""

import signal
from collections.abc import Iterator

import pytest
from stack import Stack, stack, station_config

from runtime.supervisor import Phase

ALARM_S = 0.2
# From the fault to the stop; a machine that plays the robot bears silence three times as long here.
DEAD_S, SILENT_S = 0.3, 1.5

pytestmark = [pytest.mark.alone, pytest.mark.slow]


@pytest.fixture(scope="module")
def station() -> Iterator[Stack]:
    with stack(station_config("policy=scripted")) as running:
        yield running


@pytest.fixture
def running(station: Stack) -> Stack:
    """Return the station while the policy moves the arms."""
    station.go_on()
    station.home()
    station.run()
    return station


def assert_stops(running: Stack, fault_ns: int, within_s: float) -> None:
    """Check that the robot is stopped for the worker's sake, in time, and smoothly."""
    running.stopped_by("policy_worker")
    running.until(running.standing, "the arms to stand")
    for written in running.written.values():
        held = next(s for s in written.states if s.t_written_ns > fault_ns and s.holding)
        assert (held.t_written_ns - fault_ns) * 1e-9 <= within_s
    running.assert_smooth()


def assert_goes_on_when_asked(running: Stack, fault_ns: int) -> None:
    """Check that the new worker moves nothing by itself, and moves the arms when it may."""
    running.event("policy_worker", Phase.READY, fault_ns)
    running.during(0.5)
    assert running.phase == "stopped"
    assert running.standing()
    running.go_on()
    running.home()
    running.run()
    running.assert_smooth()


def test_a_killed_worker_is_reported_within_200_ms_and_stops_the_robot(running: Stack) -> None:
    fault_ns = running.signal("policy_worker", signal.SIGKILL)
    dead = running.event("policy_worker", Phase.DEAD, fault_ns)
    assert (dead.t_ns - fault_ns) * 1e-9 <= ALARM_S
    assert dead.detail == "by signal SIGKILL"
    assert_stops(running, fault_ns, DEAD_S)
    assert_goes_on_when_asked(running, fault_ns)


def test_a_hung_worker_is_reported_within_200_ms_and_stops_the_robot(running: Stack) -> None:
    fault_ns = running.signal("policy_worker", signal.SIGSTOP)
    stalled = running.event("policy_worker", Phase.STALLED, fault_ns)
    heartbeat = running.child("policy_worker").heartbeat
    assert heartbeat is not None
    assert (stalled.t_ns - heartbeat.t_ns) * 1e-9 <= ALARM_S
    assert_stops(running, fault_ns, SILENT_S)
    dead = running.event("policy_worker", Phase.DEAD, fault_ns)
    assert dead.detail == "silent for 2 s, killed"
    assert_goes_on_when_asked(running, fault_ns)
