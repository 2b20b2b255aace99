"""Taking an arm over: nothing moves, nothing drops, and each check names its remedy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from attaching import START, attach_and_let_go, attached
from emulated_arm import EmulatedArm, Write, emulated_arm

from drivers.arm import ArmError
from drivers.dynamixel import registers as reg

pytestmark = pytest.mark.alone


@pytest.fixture
def arm(tmp_path: Path) -> Iterator[EmulatedArm]:
    with emulated_arm(tmp_path, START) as waiting:
        yield waiting


def changed(writes: list[Write]) -> list[Write]:
    return [write for write in writes if write.value != write.was]


def test_a_limp_arm_holds_where_it_stands(arm: EmulatedArm) -> None:
    before = arm.now()
    attach_and_let_go(arm)
    assert set(arm.torque().values()) == {1}
    for motor in arm.profile.motors.values():
        goal, present = (
            arm.table(motor.id, reg.GOAL_POSITION),
            arm.table(motor.id, reg.PRESENT_POSITION),
        )
        assert abs(goal - present) <= 1
    assert abs(arm.now() - before).max() < 2 * reg.RAD_PER_TICK
    arm.assert_sound_goals()


def test_attaching_to_an_arm_that_holds_changes_nothing_at_all(arm: EmulatedArm) -> None:
    attach_and_let_go(arm)
    before, count = arm.tables(), len(arm.line.writes)
    for _ in range(2):
        attach_and_let_go(arm)
    assert arm.tables() == before
    assert len(arm.line.writes) == count


def test_letting_go_leaves_the_torque_on(arm: EmulatedArm) -> None:
    driver = attached(arm)
    before = arm.tables()
    driver.detach()
    driver.detach()
    assert arm.tables() == before
    assert set(arm.torque().values()) == {1}


def test_the_goal_is_written_and_read_back_before_torque_comes_on(arm: EmulatedArm) -> None:
    attach_and_let_go(arm)
    order = [(w.servo, w.register) for w in arm.line.writes]
    first_torque = min(i for i, (_, register) in enumerate(order) if register is reg.TORQUE_ENABLE)
    for motor in arm.profile.motors.values():
        assert order.index((motor.id, reg.GOAL_POSITION)) < first_torque
    assert not any(w.value == 0 for w in arm.line.of(reg.TORQUE_ENABLE))


def test_a_mode_changes_only_in_a_limp_motor_with_gains_and_current_after_it(
    arm: EmulatedArm,
) -> None:
    gripper = arm.profile.motors["gripper"]
    attach_and_let_go(arm)
    (mode,) = arm.line.of(reg.OPERATING_MODE)
    assert (mode.servo, mode.value, mode.torqued) == (gripper.id, 5, False)
    own = [w for w in arm.line.writes if w.servo == gripper.id]
    after = {w.register for w in own[own.index(mode) + 1 :]}
    gains = {reg.POSITION_P_GAIN, reg.POSITION_I_GAIN, reg.POSITION_D_GAIN}
    assert after >= gains | {reg.GOAL_CURRENT, reg.GOAL_POSITION, reg.TORQUE_ENABLE}
    assert arm.table(gripper.id, reg.GOAL_CURRENT) == 200


def test_a_limp_motor_of_an_arm_that_holds_is_the_only_one_that_is_touched(
    arm: EmulatedArm,
) -> None:
    attach_and_let_go(arm)
    waist = arm.profile.motors["waist"].id
    arm.servos[waist].table[reg.TORQUE_ENABLE] = 0
    count = len(arm.line.writes)
    attach_and_let_go(arm)
    assert {w.servo for w in arm.line.writes[count:]} == {waist}
    assert set(arm.torque().values()) == {1}


def test_a_shadow_that_is_limp_is_told_the_goal_of_its_partner(arm: EmulatedArm) -> None:
    attach_and_let_go(arm)
    motor = arm.profile.motors["elbow"]
    assert motor.shadow is not None
    arm.servos[motor.shadow].table[reg.TORQUE_ENABLE] = 0
    goal = arm.table(motor.id, reg.GOAL_POSITION)
    arm.servos[motor.shadow].table[reg.GOAL_POSITION] = goal + 300
    attach_and_let_go(arm)
    assert arm.table(motor.shadow, reg.GOAL_POSITION) == goal
    assert arm.table(motor.id, reg.GOAL_POSITION) == goal
    arm.assert_sound_goals()


@pytest.mark.parametrize("angle_rad", [3.17, 3.14, -3.14, -3.2])
def test_a_joint_at_the_end_of_a_turn_is_not_sent_round(arm: EmulatedArm, angle_rad: float) -> None:
    roll = list(arm.profile.motors).index("forearm_roll")
    arm.plant.shafts[roll].position_rad = angle_rad
    with pytest.raises(ArmError, match=r"forearm_roll stands at .* the end of a turn"):
        attached(arm)
    assert not arm.line.of(reg.TORQUE_ENABLE)


def test_a_joint_that_sinks_during_the_checks_is_not_lifted_again(
    arm: EmulatedArm, monkeypatch: pytest.MonkeyPatch
) -> None:
    gripper = arm.servos[arm.profile.motors["gripper"].id]
    set_register = gripper.motor.set

    def sinking(register: reg.Register, value: int) -> None:
        set_register(register, value)
        if register is reg.GOAL_POSITION and not told:
            told.append(value)
            arm.plant.shafts[roll].position_rad -= 0.1

    told: list[int] = []
    roll = list(arm.profile.motors).index("forearm_roll")
    monkeypatch.setattr(gripper.motor, "set", sinking)
    attach_and_let_go(arm)
    assert arm.now()[roll] == pytest.approx(-0.1, abs=2 * reg.RAD_PER_TICK)
    arm.assert_sound_goals()


def test_an_arm_that_comes_back_limp_is_not_made_to_hold(arm: EmulatedArm) -> None:
    driver = attached(arm)
    arm.servos[arm.profile.motors["waist"].id].table[reg.TORQUE_ENABLE] = 0
    count = len(arm.line.writes)
    with pytest.raises(ArmError, match=r"waist let go .* support the arm, then launch again"):
        driver.attach()
    assert len(arm.line.writes) == count
    attach_and_let_go(arm)


def test_a_lost_answer_does_not_fail_the_start(arm: EmulatedArm) -> None:
    arm.faults.spoil("lost", count=2)
    attach_and_let_go(arm)
    assert set(arm.torque().values()) == {1}


def test_a_goal_that_a_motor_did_not_take_keeps_its_torque_off(
    arm: EmulatedArm, monkeypatch: pytest.MonkeyPatch
) -> None:
    servo = arm.servos[6]
    set_register = servo.motor.set

    def deaf(register: reg.Register, value: int) -> None:
        set_register(register, value + 100 if register is reg.GOAL_POSITION else value)

    monkeypatch.setattr(servo.motor, "set", deaf)
    with pytest.raises(
        ArmError, match=r"forearm_roll \(id 6\) was told to stay at .* its torque stays off"
    ):
        attached(arm)
    assert not arm.line.of(reg.TORQUE_ENABLE)
