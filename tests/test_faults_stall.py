"""A machine that stands still for a moment holds the arms and latches nothing; a hang does."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from stack import Stack, stack, stand_in, station_config

from runtime.process import ProcessSpec

STALL_S = 0.4

pytestmark = [pytest.mark.alone, pytest.mark.slow]


@contextmanager
def launched() -> Iterator[Stack]:
    def replaced(spec: ProcessSpec) -> ProcessSpec:
        return stand_in("looking_worker", spec) if spec.name == "policy_worker" else spec

    config = station_config("hardware=emulated", "twin.safety.patience=10.0", "policy=scripted")
    with stack(config, replaced) as running:
        yield running


@pytest.fixture(scope="module")
def station() -> Iterator[Stack]:
    with launched() as running:
        yield running


@pytest.fixture
def running(station: Stack) -> Stack:
    return moving(station)


def moving(station: Stack) -> Stack:
    """Return the station while the policy moves the arms."""
    station.go_on()
    station.home()
    station.run()
    return station


@pytest.mark.parametrize("name", ["twin", "arm.left"])
def test_a_stall_is_told_holds_the_arms_and_passes(running: Stack, name: str) -> None:
    epoch = running.safety.epoch
    running.signal(name, signal.SIGSTOP)
    running.during(STALL_S)
    running.signal(name, signal.SIGCONT)
    running.until(
        lambda: any("the machine stood still" in why for why in running.safety.holds),
        "the stall to be told",
    )
    running.until(lambda: running.safety.motion == "all", "leave to be given anew")
    assert (running.phase, running.safety.event) == ("running", "")
    assert running.safety.epoch > epoch
    running.assert_resumes()


def test_a_driver_that_hangs_stops_the_robot() -> None:
    with launched() as station:  # of its own: it has lost a driver then
        running = moving(station)
        fault_ns = running.signal("arm.left", signal.SIGSTOP)
        running.stopped_by("left")
        assert time.monotonic_ns() - fault_ns < 4_000_000_000
