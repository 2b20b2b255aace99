"""A leader follows its arm within limits, or is free in a hand, and never drops by itself."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from emulated_arm import leader
from hypothesis import given, settings
from hypothesis import strategies as st
from teleop_robot import CONFIG

from drivers.arm import ArmError, ArmLostError, ArmReading
from drivers.gripper import action_of, commanded_rad, observed
from drivers.guard import MISSHAPEN, NOT_FINITE, GuardedCommand
from drivers.leader import FREE, SILENT, TAKING_HOLD, Leader, as_command
from drivers.leave import NO_LEAVE, NO_PERMIT
from messaging.messages import MIXED, OFF, ON, LeaderCommand, MotorStates, Permit
from motion.limits import JointLimits
from teleop.device import Array

TICK_NS = 10_000_000
JOINTS = tuple(f"left_{joint}" for joint in CONFIG.leaders["left"].joints)
LOWER, UPPER = (
    np.array(ends) for ends in zip(*CONFIG.leaders["left"].joints.values(), strict=True)
)
LIMITS = JointLimits.build(JOINTS, LOWER, UPPER, CONFIG.limits)
HOME = np.array(CONFIG.leaders["left"].home)


@dataclass
class FakeArm:
    """Seven joints without mass, which take two cycles to take hold.

    Attributes:
        fails: what goes wrong with its torque.
        freeing: in how many steps it is left to a hand.
        asked: what was asked of its torque.
    """

    position: Array = field(default_factory=lambda: HOME.copy())
    goal: Array = field(default_factory=lambda: HOME.copy())
    torque: str = ON
    fails: ArmError | None = None
    freeing: int = 1
    asked: list[str] = field(default_factory=list)
    written: list[Array] = field(default_factory=list)
    _holding: int = 0

    def attach(self) -> None: ...

    def detach(self) -> None: ...

    def read(self) -> ArmReading:
        if self.torque == ON:
            self.position = self.goal.copy()
        else:
            self.goal = self.position.copy()
        return ArmReading(0, self.position, np.zeros(7), self.goal, torque=self.torque)

    def write(self, position: Array) -> None:
        assert self.torque == ON, "an arm that is let go is told nothing"
        self.written.append(position)
        self.goal = position.copy()

    def off(self) -> None:
        self.asked.append("off")
        if self.fails:
            raise self.fails
        self.torque, self._holding = OFF, 0

    def free(self) -> bool:
        self.asked.append("free")
        if self.fails:
            raise self.fails
        self.freeing -= 1
        self.torque, self._holding = OFF, 0
        return self.freeing <= 0

    def hold(self) -> bool:
        self.asked.append("hold")
        if self.fails:
            raise self.fails
        self._holding += 1
        self.torque = ON if self._holding == 2 else MIXED
        return self.torque == ON

    def motor_states(self, now_ns: int) -> MotorStates | None:
        del now_ns
        return None


class Driven:
    """A leader in time, with leave to move."""

    def __init__(self) -> None:
        self.arm = FakeArm()
        self.leader = Leader(self.arm, LIMITS, TICK_NS)
        self.now_ns = 1_000_000_000
        self.permit: Permit | None = Permit(1, 1, 0, "all", 1.0)
        self.command: LeaderCommand | None = None
        self.errors: tuple[str, ...] = ()
        self.pieces: list[Array] = []

    def tick(self, target: Array | None = None, *, free: bool = False) -> GuardedCommand:
        """Live one period in which the leader is told where to be, or nothing new."""
        self.now_ns += TICK_NS
        if target is not None:
            self.command = LeaderCommand("left", 1, self.now_ns, JOINTS, target, free)
        permit = self.permit and replace(self.permit, t_ns=self.now_ns)
        reading = replace(self.arm.read(), errors=self.errors)
        return self.leader.cycle(self.command, permit, reading, self.now_ns)

    def ticks(self, count: int, target: Array | None = None, *, free: bool = False) -> list[str]:
        return [self.tick(target, free=free).holding for _ in range(count)]

    def free(self) -> None:
        self.tick(HOME, free=True)
        assert self.arm.torque == OFF

    def begin_piece(self) -> None:
        """Begin a new piece of the way: what a hand does in between is no motion of the goals."""
        if self.arm.written:
            self.pieces.append(self.path)
            self.arm.written.clear()

    @property
    def path(self) -> Array:
        return np.array(self.arm.written)


@pytest.fixture
def driven() -> Driven:
    return Driven()


def assert_gentle(path: Array) -> None:
    for order, most in ((1, LIMITS.velocity), (2, LIMITS.acceleration), (3, LIMITS.jerk)):
        rate = np.abs(np.diff(path, order, axis=0)) / 0.01**order
        assert (rate <= most * 1.26 + 1e-6).all(), (order, rate.max(axis=0))


def test_it_holds_where_it_stands_until_it_is_told(driven: Driven) -> None:
    driven.ticks(20)
    assert (driven.path == HOME).all()
    assert driven.arm.torque == ON
    assert not driven.leader.moving


def test_it_comes_from_afar_gently_and_then_follows(driven: Driven) -> None:
    target = HOME + np.array([1.5, 0.5, -0.6, 1.0, 0.8, -1.2, 0.4])
    driven.ticks(400, target)
    assert driven.arm.goal == pytest.approx(target)
    assert_gentle(np.vstack([[HOME] * 3, driven.path]))
    t = np.arange(325)[:, None] * 0.01
    moved = target - 0.2 + 0.2 * np.cos(2 * np.pi * 0.5 * t)  # 0.6 rad/s
    holding = [driven.tick(row).holding for row in moved]
    assert holding[-1] == ""
    assert np.abs(driven.path[-100:] - moved[-100:]).max() < 0.02
    assert driven.leader.moving


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["follow", "free", "silence", "no leave", "leap"]), st.integers(1, 60)
        ),
        max_size=8,
    ),
    st.integers(0, 2**32 - 1),
)
def test_whatever_it_is_told_its_goals_move_gently_and_from_where_it_stands(
    story: list[tuple[str, int]], seed: int
) -> None:
    draw = np.random.default_rng(seed)
    driven = Driven()
    target = HOME.copy()
    for what, count in story:
        if what == "leap":
            target = draw.uniform(LOWER - 0.5, UPPER + 0.5)
        driven.permit = None if what == "no leave" else Permit(1, 1, 0, "all", 1.0)
        for _ in range(count):
            driven.tick(None if what == "silence" else target, free=what == "free")
            if driven.leader.free:  # a hand moves it
                driven.arm.position = np.clip(
                    driven.arm.position + draw.uniform(-0.02, 0.02, 7), LOWER, UPPER
                )
                driven.begin_piece()
    driven.begin_piece()
    for piece in driven.pieces:
        assert_bounded(piece)
        assert (piece >= LIMITS.lower - 1e-9).all()
        assert (piece <= LIMITS.upper + 1e-9).all()


def assert_bounded(path: Array) -> None:
    speed = np.abs(np.diff(path, axis=0)) / 0.01
    assert (speed <= LIMITS.velocity * 1.26).all()
    push = np.abs(np.diff(path, 2, axis=0)) / 0.01**2
    assert (push <= np.maximum(LIMITS.stop_acceleration, 1.25 * LIMITS.acceleration) + 1e-6).all()


def test_free_it_has_no_torque_and_its_goal_is_where_it_is(driven: Driven) -> None:
    driven.free()
    driven.arm.position = HOME + 0.3
    guarded = driven.tick(HOME, free=True)
    assert guarded.holding == FREE
    assert guarded.position == pytest.approx(HOME + 0.3)
    assert driven.arm.asked == ["free"]


def test_it_is_left_to_a_hand_step_by_step(driven: Driven) -> None:
    driven.arm.freeing = 3
    assert driven.ticks(5, HOME, free=True) == [FREE] * 5
    assert driven.arm.asked == ["free"] * 3


def test_cut_in_a_hand_it_carries_nothing_until_it_has_held_again(driven: Driven) -> None:
    driven.free()
    driven.permit = Permit(1, 1, 0, "none", 1.0, "cut")
    driven.ticks(3, HOME, free=True)
    driven.permit = Permit(2, 1, 0, "all", 1.0)
    driven.ticks(3, HOME, free=True)
    assert driven.arm.asked == ["free", "off"]
    driven.ticks(3, HOME)
    driven.ticks(1, HOME, free=True)
    assert driven.arm.asked == ["free", "off", "hold", "hold", "free"]


def test_it_takes_hold_where_the_hand_left_it_and_comes_back_gently(driven: Driven) -> None:
    driven.free()
    driven.arm.written.clear()
    driven.arm.position = HOME + 0.5
    assert driven.ticks(2, HOME) == [TAKING_HOLD, TAKING_HOLD]
    assert driven.arm.torque == ON
    driven.ticks(300, HOME)
    assert driven.path[0] == pytest.approx(HOME + 0.5)
    assert driven.arm.goal == pytest.approx(HOME)
    assert_gentle(np.vstack([[HOME + 0.5] * 3, driven.path]))


def test_it_goes_on_when_it_is_told_again(driven: Driven) -> None:
    driven.ticks(60, HOME + 1.0)
    driven.ticks(22)
    driven.ticks(300, HOME + 1.0)
    assert driven.arm.goal[0] == pytest.approx(HOME[0] + 1.0)
    assert_gentle(np.vstack([[HOME] * 3, driven.path]))


def test_silence_leaves_its_torque_as_it_is(driven: Driven) -> None:
    driven.ticks(20, HOME + 0.01)
    driven.ticks(50)
    assert driven.arm.asked == []
    driven.free()
    assert driven.ticks(50) == [FREE] * 50
    assert driven.arm.torque == OFF
    assert driven.arm.asked == ["free"]


def test_silence_in_motion_brings_it_to_a_stop(driven: Driven) -> None:
    driven.ticks(60, HOME + 1.0)
    assert driven.leader.moving
    assert set(driven.ticks(20)) == {""}  # a pause as short as that is bridged
    assert driven.ticks(100)[-1] == SILENT
    assert not driven.leader.moving
    assert_gentle(np.vstack([[HOME] * 3, driven.path]))


@pytest.mark.parametrize(
    ("permit", "why"), [(None, NO_PERMIT), (Permit(1, 1, 0, "none", 1.0), NO_LEAVE)]
)
def test_without_leave_it_does_not_move(driven: Driven, permit: Permit | None, why: str) -> None:
    driven.permit = permit
    assert set(driven.ticks(50, HOME + 0.1)) == {why}
    assert (driven.path == HOME).all()


def test_without_leave_it_can_be_free_and_hold_again(driven: Driven) -> None:
    driven.permit = None
    driven.free()
    driven.ticks(3, HOME)
    assert driven.arm.torque == ON


def test_errors_of_its_motors_stop_it(driven: Driven) -> None:
    driven.ticks(60, HOME + 1.0)
    driven.errors = ("elbow (id 4) does not answer",)
    assert driven.ticks(50, HOME + 1.0)[-1] == "elbow (id 4) does not answer"
    assert not driven.leader.moving


def test_cut_lets_it_go_whatever_it_is_told_and_for_as_long(driven: Driven) -> None:
    driven.permit = Permit(1, 1, 0, "none", 1.0, "cut")
    assert driven.ticks(5, HOME) == [FREE] * 5
    assert driven.arm.asked == ["off"]
    driven.permit = Permit(2, 1, 0, "all", 1.0)
    driven.ticks(3, HOME)
    assert driven.arm.torque == ON


@pytest.mark.parametrize(
    "permit",
    [None, Permit(1, 1, 0, "none", 1.0), Permit(2, 1, 0, "none", 1.0), Permit(1, 1, 0, "all", 1.0)],
)
def test_once_cut_it_takes_no_torque_before_leave_is_given_anew(
    driven: Driven, permit: Permit | None
) -> None:
    driven.permit = Permit(1, 1, 0, "none", 1.0, "cut")
    driven.tick(HOME)
    driven.permit = permit
    assert driven.ticks(50, HOME) == [FREE] * 50
    assert driven.arm.asked == ["off"]
    driven.permit = Permit(2, 1, 0, "poses", 1.0)
    driven.ticks(3, HOME)
    assert driven.arm.torque == ON


def test_an_order_to_lie_down_is_for_arms_at_rest_and_no_leader_is(driven: Driven) -> None:
    driven.permit = Permit(1, 1, 0, "none", 1.0, "off")
    driven.ticks(20, HOME)
    assert driven.arm.torque == ON


def test_what_it_cannot_reach_it_goes_near(driven: Driven) -> None:
    far = HOME.copy()
    far[1], far[-1] = -3.0, -0.1
    driven.ticks(400, far)
    assert driven.arm.goal[1] == pytest.approx(LOWER[1] + LIMITS.margin[1])
    assert driven.arm.goal[-1] == pytest.approx(0.0)


@pytest.mark.parametrize(
    ("joints", "position", "why"),
    [
        (("left_waist",), np.zeros(1), MISSHAPEN),
        (JOINTS, np.zeros(6), MISSHAPEN),
        (JOINTS, np.full(7, np.nan), NOT_FINITE),
    ],
)
def test_what_is_no_place_stops_it(
    driven: Driven, joints: tuple[str, ...], position: Array, why: str
) -> None:
    driven.ticks(60, HOME + 1.0)
    driven.command = LeaderCommand("left", 1, driven.now_ns + TICK_NS, joints, position, False)
    assert set(driven.ticks(20)) == {why}
    assert not driven.leader.moving


def test_joints_are_taken_by_name(driven: Driven) -> None:
    target = HOME + np.arange(7.0) * 0.02
    for _ in range(200):
        driven.command = LeaderCommand(
            "left", 1, driven.now_ns, ("x", *JOINTS[::-1]), np.append(9.0, target[::-1]), False
        )
        driven.tick()
    assert driven.arm.goal == pytest.approx(target)


@pytest.mark.parametrize("free", [True, False])
def test_torque_that_does_not_change_is_told_and_tried_again(driven: Driven, free: bool) -> None:
    if not free:
        driven.free()
    driven.arm.asked.clear()
    driven.arm.fails = ArmError("a motor may still hold")
    driven.ticks(40, HOME, free=free)
    assert driven.leader.error == "a motor may still hold"
    assert len(driven.arm.asked) == 1
    driven.ticks(20, HOME, free=free)
    assert len(driven.arm.asked) == 2
    driven.arm.fails = None
    driven.ticks(60, HOME, free=free)
    assert driven.leader.error == ""
    assert driven.arm.torque == (OFF if free else ON)


def test_set_free_again_while_it_takes_hold_it_lets_go_of_all(driven: Driven) -> None:
    driven.free()
    driven.tick(HOME)
    assert driven.arm.torque == MIXED
    driven.tick(HOME, free=True)
    assert driven.arm.torque == OFF


@pytest.mark.parametrize("free", [True, False])
def test_what_fails_does_not_put_off_a_cut(driven: Driven, free: bool) -> None:
    if not free:
        driven.free()
    driven.arm.fails = ArmError("elbow does not do as told")
    driven.tick(HOME, free=free)
    driven.arm.fails, driven.permit = None, Permit(1, 1, 0, "none", 1.0, "cut")
    driven.tick(HOME)
    assert driven.arm.asked[-1] == "off"


def test_an_arm_that_is_gone_is_its_process_business(driven: Driven) -> None:
    driven.arm.fails = ArmLostError("unplugged")
    with pytest.raises(ArmLostError):
        driven.tick(HOME, free=True)


@settings(deadline=None)
@given(st.floats(0.0, 1.0))
def test_a_gripper_is_told_in_the_sense_of_a_command(action: float) -> None:
    gripper = leader("/dev/none").gripper
    crank = commanded_rad(gripper, action)
    seen = np.append(HOME[:6], observed(gripper, crank))
    told = as_command(ArmReading(0, seen, np.zeros(7), seen), gripper)
    assert told.position[-1] == pytest.approx(action_of(gripper, crank), abs=1e-9)
    assert told.position[:6] == pytest.approx(HOME[:6])


def test_an_arm_whose_gripper_has_one_sense_is_told_as_it_is() -> None:
    reading = ArmReading(0, HOME, np.zeros(7), HOME)
    assert as_command(reading, None) is reading
