"""Motors and drivers that fail, through the real driver process: the arm holds, nobody jumps."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Iterator

import pytest
from driven_arm import DrivenArm, driven_arm
from emulated_arm import PORT

from drivers.dynamixel import registers as reg
from drivers.main import LOST, UNFIT
from runtime.supervisor import Phase
from simulation.servos.faults import Mishap

pytestmark = pytest.mark.alone

ELBOW = 2
HOLDING = dict.fromkeys(range(1, 10), 1)


@pytest.fixture(scope="module")
def running() -> Iterator[DrivenArm]:
    """Return a driver that all tests of this file share."""
    with driven_arm() as driven:
        yield driven


@pytest.fixture
def driven(running: DrivenArm) -> Iterator[DrivenArm]:
    """Return a driver that follows its commands; whatever happens, its goals are sound."""
    put_right(running)
    yield running
    running.arm.assert_sound_goals()


def put_right(driven: DrivenArm) -> None:
    """Undo what a test did to the arm and to its driver."""
    driven.arm.faults.clear()
    if driven.alive and 0 in driven.arm.torque().values():
        end(driven)
    for servo in driven.arm.servos:
        if driven.arm.table(servo, reg.HARDWARE_ERROR_STATUS):
            reboot(driven, servo)
    if driven.alive:
        driven.until_following()
    else:
        driven.launch()


def end(driven: DrivenArm) -> None:
    """End the driver, as the station does."""
    driven.event(Phase.DEAD, driven.signal(signal.SIGTERM))


def launch_again(driven: DrivenArm) -> None:
    """End the driver and start it anew; it follows."""
    if driven.alive:
        end(driven)
    driven.launch()
    assert driven.arm.torque() == HOLDING


def reboot(driven: DrivenArm, servo: int) -> None:
    """Restart a motor that has cooled down, as `python -m drivers reboot` does."""
    driven.arm.servos[servo].motor.strain.temperature_c = 30.0
    driven.arm.faults.happen("brown_out", servo)
    driven.until(
        lambda: not driven.arm.table(servo, reg.HARDWARE_ERROR_STATUS), "the motor to restart"
    )
    driven.during(0.3)


@pytest.mark.parametrize(
    ("mishap", "words"),
    [
        ("overload", "elbow (id 4) has latched: overload; its torque is off"),
        pytest.param(
            "overheating",
            "elbow (id 4) has latched: overheated; its torque is off",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_latched_motor_holds_the_arm_until_somebody_restarts_it(
    driven: DrivenArm, mishap: Mishap, words: str
) -> None:
    begin_ns = time.monotonic_ns()
    driven.arm.faults.happen(mishap, 4)
    driven.until_told(words, begin_ns)
    driven.until_holding(begin_ns, UNFIT)
    driven.until_noted(words)
    assert driven.arm.torque() == {**HOLDING, 4: 0}

    end(driven)
    dead = driven.event(Phase.DEAD, driven.start_again())
    assert f"latched {words.split(' has')[0]}" in dead.detail
    assert "restart the motor with `python -m drivers reboot`" in dead.detail
    assert driven.arm.torque() == {**HOLDING, 4: 0}

    reboot(driven, 4)
    launch_again(driven)


def test_a_shadow_that_lets_go_holds_the_arm(driven: DrivenArm) -> None:
    begin_ns = time.monotonic_ns()
    driven.arm.faults.happen("overload", 3)
    driven.until_told("shoulder (id 3) has latched: overload", begin_ns)
    driven.until_holding(begin_ns, UNFIT)


def test_a_motor_that_torqued_itself_off_holds_the_arm_until_the_next_launch(
    driven: DrivenArm,
) -> None:
    begin_ns = time.monotonic_ns()
    driven.arm.faults.happen("torque_off", 4)
    driven.until_told("elbow (id 4): its torque went off", begin_ns)
    driven.until_holding(begin_ns, UNFIT)
    assert not driven.arm.line.of(reg.TORQUE_ENABLE, begin_ns)
    launch_again(driven)


def test_a_motor_that_let_go_while_the_arm_was_unplugged_stays_limp_until_the_next_launch(
    driven: DrivenArm,
) -> None:
    begin_ns = time.monotonic_ns()
    driven.arm.ports.unplug(PORT)
    driven.until_told("is gone", begin_ns)
    driven.arm.faults.happen("torque_off", 4)
    driven.until(lambda: not driven.arm.table(4, reg.TORQUE_ENABLE), "the torque to go off")
    driven.arm.ports.plug(PORT)
    told = driven.until_told("elbow let go while the arm was away", begin_ns)
    assert told.holding == LOST
    driven.until_noted("support the arm, then launch again")
    assert not driven.arm.line.of(reg.TORQUE_ENABLE, begin_ns)
    launch_again(driven)


def test_a_joint_that_something_holds_is_relieved_before_its_motors_give_up(
    driven: DrivenArm,
) -> None:
    shaft = driven.arm.plant.shafts[ELBOW]
    driven.until(lambda: shaft.position_rad < driven.home[ELBOW] - 0.25, "the elbow to be away")
    begin_ns = time.monotonic_ns()
    try:
        shaft.range_rad = (shaft.position_rad, shaft.position_rad + 0.01)
        driven.until_told(
            "elbow (id 4) has drawn 4.4 A for too long: look what it fights", begin_ns
        )
        told_ns = time.monotonic_ns()
        driven.forbid()  # as the safety process does
        driven.during(2.5)
        assert driven.arm.torque() == HOLDING
        assert not driven.states[-1].errors
        last = driven.states[-1]
        assert last.written[ELBOW] == pytest.approx(last.position[ELBOW], abs=0.02)
        assert driven.arm.standing_since(told_ns) - told_ns < 1_500_000_000
    finally:
        shaft.range_rad = (-math.inf, math.inf)
        driven.allow()


def test_a_motor_that_browned_out_is_known_by_its_lost_memory(driven: DrivenArm) -> None:
    begin_ns = time.monotonic_ns()
    driven.arm.faults.happen("brown_out", 8)
    driven.until_told("wrist_rotate (id 8) does not answer", begin_ns)
    driven.until_told("wrist_rotate (id 8) has restarted, its torque is off", begin_ns)
    driven.until_holding(begin_ns, UNFIT)
    driven.until_noted("a dip of the 12 V? Support the arm, then launch again")
    assert not driven.arm.line.of(reg.TORQUE_ENABLE, begin_ns)
    launch_again(driven)


def test_without_its_12_v_the_arm_says_so_and_takes_no_torque_by_itself(
    driven: DrivenArm,
) -> None:
    begin_ns = time.monotonic_ns()
    driven.arm.faults.powered = False
    driven.until_told("is its 12 V on? Without it the arm is limp; support it", begin_ns)
    driven.until_holding(begin_ns, UNFIT)
    driven.arm.faults.powered = True
    back_ns = time.monotonic_ns()
    driven.until_told("waist (id 1) has restarted, its torque is off", back_ns)
    driven.during(0.3)
    assert driven.states[-1].holding == UNFIT
    assert not driven.arm.line.of(reg.TORQUE_ENABLE, begin_ns)
    launch_again(driven)


def test_a_driver_killed_in_motion_leaves_the_arm_holding_and_the_next_one_takes_over(
    driven: DrivenArm,
) -> None:
    killed_ns = driven.signal(signal.SIGKILL)
    driven.event(Phase.DEAD, killed_ns)
    goals = driven.arm.goals()
    driven.during(0.2)
    assert driven.arm.goals() == goals
    before = driven.arm.tables()

    since_ns = driven.start_again()
    driven.until(lambda: driven.since(since_ns), "the new driver's first word")
    assert driven.arm.torque() == HOLDING
    driven.until_following()
    # Nothing but goals was written, the first of them where the arm was told to be.
    written = [write for write in list(driven.arm.line.writes) if write.t_ns > killed_ns]
    assert {write.register for write in written} == {reg.GOAL_POSITION}
    first = {write.servo: write for write in reversed(written)}
    assert all(abs(write.value - goals[write.servo]) <= 1 for write in first.values())
    assert before.keys() == driven.arm.tables().keys()
    driven.assert_true(since_ns)


def test_a_driver_told_to_end_in_motion_stops_the_arm_first_and_leaves_it_holding(
    driven: DrivenArm,
) -> None:
    asked_ns = driven.signal(signal.SIGTERM)
    driven.event(Phase.DEAD, asked_ns)
    last = {write.servo: write for write in driven.arm.line.of(reg.GOAL_POSITION, asked_ns)}
    assert all(abs(write.value - write.was) <= 1 for write in last.values())
    assert any(abs(write.value - write.was) > 1 for write in driven.arm.line.of(reg.GOAL_POSITION))
    assert driven.arm.torque() == HOLDING
    assert not driven.arm.line.of(reg.TORQUE_ENABLE, asked_ns)
