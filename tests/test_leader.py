"""A leader arm that is driven: it follows gently, and obeys leave."""

from __future__ import annotations

import numpy as np
import pytest
from emulated_arm import leader
from hypothesis import given, settings
from hypothesis import strategies as st
from led_arm import HOME, JOINTS, LIMITS, LOWER, TICK_NS, UPPER, Driven, assert_gentle, driven

from drivers.arm import ArmLostError, ArmReading
from drivers.gripper import action_of, commanded_rad, observed
from drivers.guard import MISSHAPEN, NOT_FINITE
from drivers.leader import SILENT, as_command
from drivers.leave import NO_LEAVE, NO_PERMIT
from messaging.messages import ON, LeaderCommand, Permit
from teleop.device import Array

__all__ = ["driven"]


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


def test_it_goes_on_when_it_is_told_again(driven: Driven) -> None:
    driven.ticks(60, HOME + 1.0)
    driven.ticks(22)
    driven.ticks(300, HOME + 1.0)
    assert driven.arm.goal[0] == pytest.approx(HOME[0] + 1.0)
    assert_gentle(np.vstack([[HOME] * 3, driven.path]))


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


def test_errors_of_its_motors_stop_it(driven: Driven) -> None:
    driven.ticks(60, HOME + 1.0)
    driven.errors = ("elbow (id 4) does not answer",)
    assert driven.ticks(50, HOME + 1.0)[-1] == "elbow (id 4) does not answer"
    assert not driven.leader.moving


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
