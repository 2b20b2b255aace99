"""What is told of an arm's motors: those that let go, restart, fight, strain, lag."""

from __future__ import annotations

import time

import pytest
from emulated_arm import until
from held_arm import ELBOW, START, Held, held

from drivers.dynamixel import registers as reg

pytestmark = pytest.mark.alone

__all__ = ["held"]


@pytest.mark.parametrize(
    ("mishap", "words"),
    [
        ("overload", "elbow (id 4) has latched: overload; its torque is off"),
        ("overheating", "elbow (id 4) has latched: overheated; its torque is off"),
        ("torque_off", "elbow (id 4): its torque went off"),
    ],
)
def test_a_motor_that_lets_go_is_reported_within_one_cycle(
    held: Held, mishap: str, words: str
) -> None:
    held.steady()
    held.emulated.faults.happen(mishap, 4)  # type: ignore[arg-type]
    until(lambda: not held.emulated.table(4, reg.TORQUE_ENABLE), "the torque to go off")
    held.driver.read()
    (said,) = held.cycle().errors
    assert said.startswith(words)


def test_a_shadow_that_lets_go_is_reported(held: Held) -> None:
    held.steady()
    held.emulated.faults.happen("overload", 5)
    assert held.until_told("elbow (id 5) has latched: overload; its torque is off") <= 12


def test_a_motor_that_restarted_is_told_from_one_that_is_silent(held: Held) -> None:
    held.steady()
    held.emulated.faults.happen("brown_out", 8)
    held.until_told("wrist_rotate (id 8) does not answer")
    held.until_told("wrist_rotate (id 8) has restarted, its torque is off: a dip of the 12 V?")
    assert not held.emulated.table(8, reg.TORQUE_ENABLE)


def test_without_power_the_arm_is_one_trouble_not_nine(held: Held) -> None:
    held.steady()
    held.emulated.faults.powered = False
    held.until_told("is its 12 V on? Without it the arm is limp; support it")
    assert len(held.cycle().errors) == 1


def test_motors_of_a_pair_that_fight_are_warned_of_after_a_second(held: Held) -> None:
    reading = held.steady()
    assert not reading.warnings
    # One has slipped on its horn: what it shows, and what it does, is off by 3.5 degrees.
    held.emulated.servos[5].table[reg.HOMING_OFFSET] = 40
    held.emulated.servos[5].motor.drive()
    begin_ns = time.monotonic_ns()
    held.until_told("elbow: its motors 4 and 5 fight (")
    assert 1.0 <= (time.monotonic_ns() - begin_ns) * 1e-9 < 2.0
    assert "calibrate shadows" in held.cycle().warnings[0]
    assert not held.cycle().errors


def test_a_joint_that_something_holds_is_warned_of(held: Held) -> None:
    goal = held.steady().goal.copy()
    held.emulated.plant.shafts[0].range_rad = (START["waist"] - 0.01, START["waist"] + 0.01)
    for _ in range(10):
        goal[0] += 0.05
        held.cycle(goal)
    assert held.until_told("waist is 0.49 rad behind its goal: look what holds it") <= 20


def test_a_motor_at_the_end_of_its_strength_makes_the_arm_unfit(held: Held) -> None:
    goal = held.steady().goal.copy()
    held.emulated.plant.shafts[2].range_rad = (START["elbow"] - 0.01, START["elbow"] + 0.01)
    begin_ns = time.monotonic_ns()
    for _ in range(20):
        goal[ELBOW] += 0.08
        held.cycle(goal)
    held.until_told("elbow (id 4) has drawn 4.4 A for too long: look what it fights")
    assert 0.5 <= (time.monotonic_ns() - begin_ns) * 1e-9 < 1.5
    assert held.cycle().errors


def test_a_gripper_may_press_on_something_as_hard_as_its_limit_says(held: Held) -> None:
    goal = held.steady().goal.copy()
    closed = held.emulated.now()[-1]
    held.emulated.plant.shafts[-1].range_rad = (closed - 0.01, closed + 0.01)
    goal[-1] = 0.1
    for _ in range(80):
        reading = held.cycle(goal)
    assert abs(reading.current[-1]) > 0.5
    assert not reading.errors


def test_each_motor_is_told_of_by_its_own_name_and_limits(held: Held) -> None:
    held.steady()
    held.emulated.faults.happen("overload", 5)
    held.until_told("elbow (id 5) has latched")
    told = held.driver.motor_states(time.monotonic_ns())
    assert told is not None
    assert told.names[4] == "elbow (id 5)"
    assert "overload" in told.errors[4]
    assert not told.errors[0]
    assert told.upper[1] == pytest.approx(1.256, abs=1e-3)
