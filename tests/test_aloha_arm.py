"""ALOHA's arm, cycle by cycle, on emulated servos."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from emulated_arm import Array, EmulatedArm, emulated_arm, until

from drivers.arm import ArmError, ArmLostError, ArmReading
from drivers.arms.aloha import AlohaArm
from drivers.dynamixel import registers as reg
from drivers.gripper import action_of, commanded_rad, observed
from messaging.messages import MIXED, OFF, ON
from simulation.servos.faults import ALWAYS

pytestmark = pytest.mark.alone

START = {"waist": 0.4, "shoulder": -0.9, "elbow": 1.1, "wrist_angle": -0.3, "gripper": 0.5}
CYCLE_S = 0.01
CYCLE_NS = 10_000_000
FRESH_S = 0.009
SILENT = "elbow (id 4) does not answer: look at its cable and the one before it"
JOINTS = ["waist", "shoulder", "elbow", "forearm_roll", "wrist_angle", "wrist_rotate", "gripper"]
ELBOW, WRIST_ROTATE = 2, 5


class Held:
    """An arm that is attached, with its emulated servos."""

    def __init__(self, emulated: EmulatedArm) -> None:
        self.emulated = emulated
        self.driver = AlohaArm(emulated.profile)
        self.driver.attach()
        self._next_s = time.monotonic()
        until(self.driver.read, "a first sample")

    def cycle(self, goal: Array | None = None) -> ArmReading:
        """Write and read once, on time."""
        self._next_s = max(self._next_s + CYCLE_S, time.monotonic())
        time.sleep(max(0.0, self._next_s - time.monotonic()))
        if goal is not None:
            self.driver.write(goal)
        reading = self.driver.read()
        assert reading is not None
        return reading

    def cycles(self, count: int, goal: Array | None = None) -> list[ArmReading]:
        return [self.cycle(goal) for _ in range(count)]

    def until_told(self, text: str) -> int:
        """Read until an error or a warning says so; returns in which cycle it did."""
        for count in range(300):
            reading = self.cycle()
            if text in " ".join((*reading.errors, *reading.warnings)):
                return count + 1
        raise AssertionError(f"nobody said {text!r}, but {reading.errors}, {reading.warnings}")

    def steady(self, count: int = 3) -> ArmReading:
        """Read until all is well for some cycles."""
        good = 0
        for _ in range(300):
            reading = self.cycle()
            good = good + 1 if not reading.errors and reading.age_s.max() < FRESH_S else 0
            if good == count:
                return reading
        raise AssertionError(f"it never became well: {reading}")


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Held]:
    """Return an attached arm that stands at START."""
    with emulated_arm(tmp_path, START) as emulated:
        arm = Held(emulated)
        yield arm
        arm.driver.detach()
        emulated.assert_sound_goals()


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


def test_a_partial_answer_keeps_each_motor_its_own_age(held: Held) -> None:
    held.steady()
    held.emulated.faults.silence(4)
    readings = held.cycles(3)
    assert readings[-1].age_s[ELBOW] > 2 * CYCLE_S
    others = [np.delete(reading.age_s, ELBOW).max() for reading in readings]
    assert min(others) < FRESH_S  # in a cycle that the machine did not delay
    assert held.until_told("elbow (id 4) does not answer") <= 3
    assert held.cycle().errors == (SILENT,)
    held.emulated.faults.clear()
    held.steady()


def test_behind_a_broken_chain_the_others_are_fresh_one_cycle_later(held: Held) -> None:
    held.steady()
    held.emulated.faults.break_chain(4)
    readings = held.cycles(4)
    assert readings[0].age_s[ELBOW:].min() > 0.7 * CYCLE_S  # none is of this cycle
    # A busy machine may cost another cycle, but never again all of them.
    assert any(np.delete(reading.age_s, ELBOW).max() < FRESH_S for reading in readings[1:])
    assert held.until_told("elbow (id 4) does not answer") <= 3
    assert len(held.cycle().errors) == 1
    held.emulated.faults.clear()
    held.steady()


def test_with_two_breaks_the_rest_stays_fresh(held: Held) -> None:
    held.steady()
    held.emulated.faults.break_chain(2, 6)
    held.cycles(5)
    rest = [0, 2, 4, 5, 6]
    for _ in range(100):  # a busy machine may take an answer for late, and ask anew
        reading = held.cycle()
        if reading.age_s[rest].max() < FRESH_S:
            break
    assert reading.age_s[rest].max() < FRESH_S
    assert reading.age_s[[1, 3]].min() > 3 * CYCLE_S


@pytest.mark.parametrize("count", [1, ALWAYS])
def test_a_late_answer_is_never_taken_for_a_fresh_one(held: Held, count: int) -> None:
    held.steady(10)
    held.emulated.faults.spoil("late", 8, count=count, by_ns=40_000_000)
    goal = held.cycle().goal
    for step in range(40):
        goal[WRIST_ROTATE] += 0.02
        reading = held.cycle(goal)
        now_ns = time.monotonic_ns()
        sampled_ns = now_ns - int(reading.age_s[WRIST_ROTATE] * 1e9)
        then = held.emulated.angles(sampled_ns)[WRIST_ROTATE]
        # Forty milliseconds of this motion are 0.08 rad.
        assert abs(reading.position[WRIST_ROTATE] - then) < 0.03, step
    if count == ALWAYS:
        assert "wrist_rotate (id 8) does not answer" in reading.errors[0]
    held.emulated.faults.clear()
    held.steady()


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


def test_an_arm_that_is_unplugged_says_so_and_can_be_attached_again(held: Held) -> None:
    goals = held.emulated.goals()
    held.emulated.terminals.unplug("arm")
    with pytest.raises(ArmLostError, match=r"is gone.*unplugged"):
        held.driver.read()
    with pytest.raises(ArmLostError, match="is gone"):
        held.driver.write(np.zeros(7))
    with pytest.raises(ArmError, match="no port"):
        held.driver.attach()
    held.emulated.terminals.plug("arm")
    held.driver.attach()
    until(held.driver.read, "a sample")
    assert held.emulated.goals() == goals
    held.steady()


def test_an_arm_that_is_not_attached_says_so(tmp_path: Path) -> None:
    with emulated_arm(tmp_path) as emulated:
        driver = AlohaArm(emulated.profile)
        with pytest.raises(ArmError, match="not attached"):
            driver.read()


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


def test_damaged_answers_are_warned_of_and_bursts_of_them_make_the_arm_unfit(held: Held) -> None:
    held.steady()
    held.emulated.faults.spoil("corrupt", count=ALWAYS, share=0.002)
    held.until_told("of the answers of")
    held.emulated.faults.clear()
    held.steady()
    held.emulated.faults.spoil("corrupt", count=ALWAYS, share=0.02)
    assert held.until_told("answers came damaged 5 cycles in a row: look at its cables") < 100
    held.emulated.faults.clear()
    held.steady()


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
