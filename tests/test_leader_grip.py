"""A leader arm between a hand and its own torque: free, held, cut, held again."""

from __future__ import annotations

import numpy as np
import pytest
from led_arm import HOME, Driven, assert_gentle, driven

from drivers.arm import ArmError
from drivers.leader import FREE, TAKING_HOLD
from messaging.messages import MIXED, OFF, ON, Permit

__all__ = ["driven"]


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


def test_silence_leaves_its_torque_as_it_is(driven: Driven) -> None:
    driven.ticks(20, HOME + 0.01)
    driven.ticks(50)
    assert driven.arm.asked == []
    driven.free()
    assert driven.ticks(50) == [FREE] * 50
    assert driven.arm.torque == OFF
    assert driven.arm.asked == ["free"]


def test_without_leave_it_can_be_free_and_hold_again(driven: Driven) -> None:
    driven.permit = None
    driven.free()
    driven.ticks(3, HOME)
    assert driven.arm.torque == ON


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
