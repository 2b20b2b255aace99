"""A controller that dies: each driver brakes and holds by itself, and the robot is stopped."""

import signal
from collections.abc import Iterator

import numpy as np
import pytest
from stack import Stack, stack, stand_in, station_config

from runtime.process import END_SIGNAL, ProcessSpec
from runtime.supervisor import Phase

HOLD_S = 0.1
AT_REST_RAD = 0.05

pytestmark = [pytest.mark.alone, pytest.mark.slow]


@pytest.fixture
def running() -> Iterator[Stack]:
    """Return a station whose arms a policy moves."""

    def replaced(spec: ProcessSpec) -> ProcessSpec:
        return stand_in("looking_worker", spec) if spec.name == "policy_worker" else spec

    with stack(station_config("policy=scripted"), replaced) as running:
        running.home()
        running.run()
        yield running


def test_drivers_hold_by_themselves_within_100_ms_of_the_controllers_death(running: Stack) -> None:
    fault_ns = running.signal("controller", signal.SIGKILL)
    dead = running.event("controller", Phase.DEAD, fault_ns)
    assert (dead.t_ns - fault_ns) * 1e-9 <= HOLD_S
    running.until(running.standing, "the arms to stand")
    for written in running.written.values():
        braking = next(s for s in written.states if s.t_written_ns > fault_ns and s.holding)
        assert (braking.t_written_ns - fault_ns) * 1e-9 <= HOLD_S
        last = written.states[-1]
        assert last.holding
        running.during(0.5)
        assert np.abs(written.states[-1].position - last.written).max() < AT_REST_RAD
    running.stopped_by("controller")
    running.assert_smooth()


def test_arms_come_back_smoothly_to_a_controller_that_was_frozen_once_they_may(
    running: Stack,
) -> None:
    fault_ns = running.signal("controller", signal.SIGSTOP)
    try:
        running.event("controller", Phase.STALLED, fault_ns)
        running.until(running.standing, "the arms to stand")
        for written in running.written.values():
            braking = next(s for s in written.states if s.t_written_ns > fault_ns and s.holding)
            assert (braking.t_written_ns - fault_ns) * 1e-9 <= HOLD_S
        running.stopped_by("controller")
    finally:
        running.signal("controller", signal.SIGCONT)
    running.event("controller", Phase.READY, fault_ns)
    running.during(0.5)
    assert running.standing(), "nothing but a person lets the arms move again"
    running.go_on()
    running.home()
    running.run()
    arms = running.written.values()
    running.until(lambda: not any(arm.states[-1].holding for arm in arms), "the way back to end")
    running.assert_smooth()


def test_a_driver_told_to_end_in_motion_stops_its_arm_first(running: Stack) -> None:
    popen = running.child("arm.left").popen
    assert popen is not None
    running.until(running.moving, "the arms to move")
    popen.send_signal(END_SIGNAL)
    running.until(lambda: popen.poll() is not None, "the driver to end")
    running.during(0.1)
    assert running.written["left"].speed_at_end() == 0.0
    running.assert_smooth()
