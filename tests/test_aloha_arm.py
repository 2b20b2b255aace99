"""An ALOHA arm on emulated servos: units, goals and their bounds, attaching, torque."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from emulated_arm import emulated_arm, until
from held_arm import START, Held, held

from drivers.arm import ArmError, ArmLostError
from drivers.arms.aloha import AlohaArm
from drivers.dynamixel import registers as reg
from drivers.gripper import action_of, commanded_rad, observed
from messaging.messages import MIXED, OFF, ON

pytestmark = pytest.mark.alone

__all__ = ["held"]

JOINTS = ["waist", "shoulder", "elbow", "forearm_roll", "wrist_angle", "wrist_rotate", "gripper"]


def test_a_reading_is_in_radians_with_the_fingers_place_as_the_gripper(held: Held) -> None:
    reading = held.steady()
    expected = [START.get(joint, 0.0) for joint in JOINTS]
    expected[-1] = 0.526  # ACT's observation of an action of 0.5
    assert reading.position == pytest.approx(expected, abs=2e-3)
    assert reading.goal == pytest.approx([*expected[:-1], 0.5], abs=2e-3)
    assert reading.velocity == pytest.approx(np.zeros(7), abs=0.03)
    assert reading.voltage == pytest.approx(np.full(7, 12.0), abs=0.3)
    assert reading.temperature == pytest.approx(np.full(7, 25.0), abs=2.0)
    assert reading.current.shape == (7,)


def test_sending_back_the_goal_moves_nothing(held: Held) -> None:
    before = held.emulated.goals()
    for _ in range(5):
        held.cycle(held.steady(1).goal)
    assert held.emulated.goals() == before


def test_a_command_arrives_in_the_gripper_as_an_angle_of_its_crank(held: Held) -> None:
    gripper = held.emulated.profile.gripper
    goal = held.steady().goal
    goal[-1] = 0.55
    held.cycle(goal)
    tick = held.emulated.goals()[9]
    assert (tick - reg.MIDDLE_TICK) * reg.RAD_PER_TICK == pytest.approx(
        commanded_rad(gripper, 0.55), abs=reg.RAD_PER_TICK
    )

    def opened() -> bool:
        return action_of(gripper, held.emulated.now()[-1]) > 0.545

    until(opened, "the gripper to open")
    seen = observed(gripper, commanded_rad(gripper, 0.55))
    assert held.steady().position[-1] == pytest.approx(seen, abs=0.01)


def test_a_joint_goes_where_it_is_told(held: Held) -> None:
    goal = held.steady().goal + np.array([0.04, -0.04, 0.04, -0.04, 0.04, -0.04, 0.0])
    held.cycle(goal)
    until(
        lambda: np.abs(held.steady(1).position[:6] - goal[:6]).max() < 5e-3, "the arm to be there"
    )


def test_goals_beyond_the_motors_limits_end_at_them(held: Held) -> None:
    reading = held.steady()
    for _ in range(80):
        reading = held.cycle(np.array([0.4, 9.0, -9.0, 0.0, 9.0, 0.0, 0.5]))
    motors = held.emulated.profile.motors
    goals = held.emulated.goals()
    assert goals[2] == motors["shoulder"].ticks[1]
    assert goals[4] == motors["elbow"].ticks[0]
    assert goals[7] == motors["wrist_angle"].ticks[1]
    assert reading.goal[1] == pytest.approx(motors["shoulder"].range_rad[1], abs=1e-3)


def test_a_goal_too_far_away_is_approached_by_its_cap_and_counted(held: Held) -> None:
    motors = list(held.emulated.profile.motors.values())
    before = held.emulated.goals()
    reading = held.cycle(np.array([1.4, -0.5, 0.7, 0.5, 0.3, -0.5, 0.9]))
    caps = {motor.id: int(motor.step_cap_rad / reg.RAD_PER_TICK) for motor in motors}
    moved = {servo: abs(goal - before[servo]) for servo, goal in held.emulated.goals().items()}
    assert moved == caps
    assert held.driver.refused_steps == 1
    assert reading.goal[0] == pytest.approx(START["waist"] + motors[0].step_cap_rad, abs=2e-3)
    held.until_told("goals move by more than `step_cap_rad` at a time")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused_as_a_whole(held: Held, bad: float) -> None:
    goal = held.steady().goal
    before = held.emulated.goals()
    goal[3] = bad
    with pytest.raises(ArmError, match="want 7 finite goals"):
        held.driver.write(goal)
    held.cycle()
    assert held.emulated.goals() == before


def test_goals_for_other_joints_are_refused(held: Held) -> None:
    with pytest.raises(ArmError, match="want 7 finite goals"):
        held.driver.write(np.zeros(6))


def test_an_arm_that_is_unplugged_says_so_and_can_be_attached_again(held: Held) -> None:
    goals = held.emulated.goals()
    held.emulated.ports.unplug("arm")
    with pytest.raises(ArmLostError, match=r"is gone.*unplugged"):
        held.driver.read()
    with pytest.raises(ArmLostError, match="is gone"):
        held.driver.write(np.zeros(7))
    with pytest.raises(ArmError, match="no port"):
        held.driver.attach()
    held.emulated.ports.plug("arm")
    held.driver.attach()
    until(held.driver.read, "a sample")
    assert held.emulated.goals() == goals
    held.steady()


def test_an_arm_that_is_not_attached_says_so(tmp_path: Path) -> None:
    with emulated_arm(tmp_path) as emulated:
        driver = AlohaArm(emulated.profile)
        with pytest.raises(ArmError, match="not attached"):
            driver.read()


def let_go(held: Held) -> None:
    """Let the arm go on order; what went off so is none of those that nobody may switch off."""
    held.steady()
    held.driver.off()
    assert not any(held.emulated.torque().values())
    writes = held.emulated.line.writes
    writes[:] = [w for w in list(writes) if w.register is not reg.TORQUE_ENABLE or w.value]


def test_an_arm_that_is_let_go_on_order_is_well_and_holds_again_where_it_is(held: Held) -> None:
    let_go(held)
    assert held.steady().torque == OFF
    held.emulated.plant.shafts[0].put(START["waist"] + 0.2)
    until(lambda: held.cycle().goal[0] > START["waist"] + 0.19, "the goal to follow the hand")
    steps = 0
    while not held.driver.hold():
        steps += 1
        held.cycle()
        assert steps < 10
    assert all(held.emulated.torque().values())
    assert held.steady().torque == ON
    assert held.cycle().goal[0] == pytest.approx(START["waist"] + 0.2, abs=0.01)


def test_a_motor_that_does_not_take_torque_again_is_named(held: Held) -> None:
    let_go(held)
    held.emulated.servos[4].motor.fail(1 << 5)
    held.cycle()
    for _ in range(20):
        assert not held.driver.hold()
        held.cycle()
    with pytest.raises(ArmError, match="elbow did not take torque"):
        held.driver.hold()
    assert held.cycle().torque == MIXED


def test_a_joint_moved_beyond_its_limits_does_not_take_torque(held: Held) -> None:
    let_go(held)
    held.emulated.plant.shafts[1].put(held.emulated.profile.motors["shoulder"].range_rad[1] + 0.2)
    held.cycle()
    held.cycle()
    with pytest.raises(ArmError, match=r"shoulder stands at .* move it by hand"):
        held.driver.hold()
    assert not any(held.emulated.torque().values())


def test_an_arm_that_was_let_go_does_not_hold_where_a_silent_joint_once_was(held: Held) -> None:
    let_go(held)
    held.emulated.faults.silence(4)
    held.until_told("elbow (id 4) does not answer")
    told = len(held.emulated.line.of(reg.GOAL_POSITION))
    for _ in range(20):
        assert not held.driver.hold()
        held.cycle()
    with pytest.raises(ArmError, match="elbow did not say where they stand"):
        held.driver.hold()
    assert not any(held.emulated.torque().values())
    assert len(held.emulated.line.of(reg.GOAL_POSITION)) == told
    held.emulated.faults.clear()
    until(lambda: held.cycle() and held.driver.hold(), "the arm to hold")
    assert all(held.emulated.torque().values())


def test_an_arm_that_was_let_go_does_not_hold_with_a_joint_that_restarted(held: Held) -> None:
    let_go(held)
    held.emulated.faults.happen("brown_out", 4)
    held.until_told("elbow (id 4) has restarted")
    with pytest.raises(ArmError, match=r"elbow \(id 4\) has restarted.*launch again"):
        held.driver.hold()
    assert not any(held.emulated.torque().values())
