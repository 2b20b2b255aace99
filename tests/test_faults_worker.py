"""A policy worker that dies or hangs: the arms slow down, hold, and go on without a jump."""

import signal
from collections.abc import Iterator

import pytest
from stack import Stack, stack, station_config

from runtime.supervisor import Phase

ALARM_S = 0.2
NOISE_S = 0.1  # of the end of the runway, which is known once a tick, on a busy machine

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def station() -> Iterator[Stack]:
    with stack(station_config("policy=scripted")) as running:
        yield running


@pytest.fixture
def running(station: Stack) -> Stack:
    """Return the station while the policy moves the arms."""
    station.until(lambda: station.supervisor.ready, "all processes to be ready", 60.0)
    station.home()
    station.run()
    return station


def assert_holds_by_the_end_of_the_runway(running: Stack, fault_ns: int) -> None:
    last = next(state for state in reversed(running.statuses) if state.t_ns <= fault_ns)
    stop = running.stop_after(fault_ns)
    assert 0.0 < stop.runway_s < 0.2
    # Slowing down makes the plan last longer than at full speed, never much shorter.
    assert (stop.t_ns - last.t_ns) * 1e-9 > last.runway_s - stop.runway_s - NOISE_S
    slowing = [state.rate for state in running.statuses if fault_ns < state.t_ns <= stop.t_ns]
    assert any(0.0 < rate < 1.0 for rate in slowing), "the plan stopped without slowing down"


def test_a_killed_worker_is_reported_within_200_ms_and_comes_back(running: Stack) -> None:
    running.delay_restart("policy_worker")
    fault_ns = running.signal("policy_worker", signal.SIGKILL)
    dead = running.event("policy_worker", Phase.DEAD, fault_ns)
    assert (dead.t_ns - fault_ns) * 1e-9 <= ALARM_S
    assert dead.detail == "by signal SIGKILL"
    assert_holds_by_the_end_of_the_runway(running, fault_ns)
    running.event("policy_worker", Phase.READY, fault_ns)
    running.assert_resumes()


def test_a_killed_worker_starts_again_at_once_and_goes_on(
    running: Stack,
) -> None:
    running.child("policy_worker").failures = 0
    fault_ns = running.signal("policy_worker", signal.SIGKILL)
    running.event("policy_worker", Phase.READY, fault_ns)
    running.assert_resumes()


def test_a_hung_worker_is_reported_within_200_ms_and_replaced(running: Stack) -> None:
    fault_ns = running.signal("policy_worker", signal.SIGSTOP)
    stalled = running.event("policy_worker", Phase.STALLED, fault_ns)
    heartbeat = running.child("policy_worker").heartbeat
    assert heartbeat is not None
    assert (stalled.t_ns - heartbeat.t_ns) * 1e-9 <= ALARM_S
    assert_holds_by_the_end_of_the_runway(running, fault_ns)
    dead = running.event("policy_worker", Phase.DEAD, fault_ns)
    assert dead.detail == "silent for 2 s, killed"
    running.event("policy_worker", Phase.READY, fault_ns)
    running.assert_resumes()
