"""A leader whose motors carry it while a hand has it: never limp as a whole, never pushed about."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from emulated_arm import EmulatedArm, emulated_arm, leader, until

from drivers.arm import ArmError, ArmReading
from drivers.arms.aloha import AlohaArm
from drivers.dynamixel import registers as reg
from drivers.dynamixel.carry import currents
from drivers.dynamixel.profile import CURRENT_MODE, Profile

pytestmark = pytest.mark.alone

POSITION_MODE = 3
START = {"shoulder": 0.3, "elbow": 0.2, "wrist_angle": -0.3, "gripper": 0.5}
CARRIED = ("waist", "shoulder", "elbow", "forearm_roll", "wrist_angle")


def carrying_leader(port: str) -> Profile:
    profile = leader(port)
    assert profile.weight is not None
    weight = profile.weight.model_copy(update={"share": 0.9})
    return profile.model_copy(update={"weight": weight})


class InHand:
    """An attached leader, asked a hundred times a second."""

    def __init__(self, emulated: EmulatedArm) -> None:
        self.emulated = emulated
        self.driver = AlohaArm(emulated.profile)
        self.driver.attach()
        until(self.driver.read, "a first sample")

    def cycles(self, count: int = 3) -> ArmReading:
        reading: ArmReading | None = None
        for _ in range(count):
            time.sleep(0.01)
            reading = self.driver.read()
        assert reading is not None
        return reading

    def well(self) -> ArmReading:
        """Read until all is well: a machine that stood still makes every motor late."""
        for _ in range(100):
            reading = self.cycles(1)
            if not reading.errors:
                return reading
        raise AssertionError(f"it never became well: {reading.errors}")

    def free(self, most: int = 10) -> None:
        for _ in range(most):
            if self.driver.free():
                break
            self.cycles(1)
        self.cycles()

    def hold(self) -> None:
        for _ in range(30):
            if self.driver.hold():
                break
            self.cycles(1)
        self.cycles()

    def modes(self) -> dict[str, set[int]]:
        return {
            joint: {self.emulated.table(servo, reg.OPERATING_MODE) for servo in motor.ids}
            for joint, motor in self.emulated.profile.motors.items()
        }

    def limp(self) -> list[int]:
        return [servo for servo, on in self.emulated.torque().items() if not on]


@pytest.fixture
def held(tmp_path: Path) -> Iterator[InHand]:
    with emulated_arm(tmp_path, START, carrying_leader) as emulated:
        arm = InHand(emulated)
        yield arm
        arm.driver.detach()


def test_free_it_stays_where_the_hand_leaves_it_and_holds_there(held: InHand) -> None:
    before = held.emulated.now()
    held.free()
    assert {joint for joint, modes in held.modes().items() if modes == {CURRENT_MODE}} == set(
        CARRIED
    )
    assert held.limp() == [8, 9]
    held.cycles(50)
    held.well()
    assert held.emulated.now() == pytest.approx(before, abs=0.02)

    for angle in np.arange(0.25, -0.81, -0.05):  # its motors come to know of a move a cycle later
        held.emulated.plant.shafts[1].put(angle)
        held.cycles(1)
    held.cycles(50)
    assert held.emulated.now()[1] == pytest.approx(-0.8, abs=0.02)
    told = currents(held.emulated.profile, held.emulated.now())
    for servo, current in told.items():
        assert held.emulated.table(servo, reg.GOAL_CURRENT) == pytest.approx(current, abs=2)

    held.hold()
    assert not held.limp()
    assert all(modes == {POSITION_MODE} for modes in held.modes().values())
    held.cycles(20)
    reading = held.well()
    assert reading.goal[1] == pytest.approx(-0.8, abs=0.02)
    assert held.emulated.now()[1] == pytest.approx(-0.8, abs=0.02)
    for servo in (2, 3):
        assert held.emulated.table(servo, reg.POSITION_P_GAIN) == 800
        assert held.emulated.table(servo, reg.BUS_WATCHDOG) == 0


def test_it_is_limp_no_longer_than_its_modes_take(held: InHand) -> None:
    while not held.driver.free():
        held.cycles(1)
    held.cycles(2)
    begun = held.emulated.now()
    writes = held.emulated.line.of(reg.TORQUE_ENABLE)
    off_ns = next(write.t_ns for write in writes if write.servo == 2 and not write.value)
    on_ns = next(write.t_ns for write in writes[::-1] if write.servo == 2 and write.value)
    assert on_ns - off_ns < 100_000_000
    while not held.driver.hold():
        held.cycles(1)
    assert held.emulated.now() == pytest.approx(begun, abs=0.02)
    assert not held.limp()


def test_asked_to_hold_before_it_carries_it_holds_in_its_own_mode(held: InHand) -> None:
    assert not held.driver.free()
    held.hold()
    assert not held.limp()
    assert all(modes == {POSITION_MODE} for modes in held.modes().values())
    held.free()
    assert held.limp() == [8, 9]


def test_when_its_driver_falls_silent_nothing_pushes_any_more(held: InHand) -> None:
    held.free()
    time.sleep(0.4)
    for servo in (1, 2, 3, 4, 5, 6, 7):
        assert held.emulated.table(servo, reg.GOAL_CURRENT) == 0
    again = AlohaArm(held.emulated.profile)
    held.driver.detach()
    again.attach()
    assert not held.limp()
    assert all(modes == {POSITION_MODE} for modes in held.modes().values())
    again.detach()


@pytest.mark.parametrize("fault", ["silent", "restarted"])
def test_with_a_joint_that_may_be_anywhere_nothing_is_carried(held: InHand, fault: str) -> None:
    held.free()
    assert held.emulated.table(2, reg.GOAL_CURRENT) != 0
    if fault == "silent":
        held.emulated.faults.silence(4)
    else:
        held.emulated.faults.happen("brown_out", 4)
    held.cycles(40)
    for servo in (1, 2, 3, 5, 6, 7):
        assert held.emulated.table(servo, reg.GOAL_CURRENT) == 0
    held.emulated.faults.clear()


def test_a_driver_that_stalled_carries_on(held: InHand) -> None:
    held.free()
    time.sleep(0.4)
    held.cycles(10)
    told = currents(held.emulated.profile, held.emulated.now())
    assert held.emulated.table(2, reg.GOAL_CURRENT) == pytest.approx(told[2], abs=2)
    before = held.emulated.now()
    held.cycles(50)
    assert held.emulated.now() == pytest.approx(before, abs=0.02)


def test_it_is_let_go_as_a_whole_when_that_is_ordered(held: InHand) -> None:
    held.free()
    held.driver.off()
    assert len(held.limp()) == 9
    held.hold()
    assert not held.limp()
    assert all(modes == {POSITION_MODE} for modes in held.modes().values())


def test_a_motor_that_does_not_change_its_mode_is_told_of_and_tried_again(held: InHand) -> None:
    held.emulated.faults.silence(4)
    with pytest.raises(ArmError, match=r"elbow .id 4. may still hold"):
        held.free(30)
    held.emulated.faults.clear()
    held.free()
    assert held.modes()["elbow"] == {CURRENT_MODE}
    held.emulated.faults.silence(4)
    with pytest.raises(ArmError, match=r"elbow .id 4. may still hold"):
        held.hold()
    held.emulated.faults.clear()
    held.hold()
    assert not held.limp()


def test_an_offset_that_only_some_modes_heed_is_refused_before_it_can_jump(tmp_path: Path) -> None:
    with emulated_arm(tmp_path, START, carrying_leader) as emulated:
        emulated.servos[1].table[reg.HOMING_OFFSET] = 1500
        with pytest.raises(ArmError, match=r"waist .id 1.: Homing_Offset is 1500, should be 0"):
            AlohaArm(emulated.profile).attach()
        assert not any(emulated.torque().values())
