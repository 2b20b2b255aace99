"""Torque goes off on order alone, at rest alone unless it is cut, and comes back with new leave."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.arm import ArmError, ArmLostError, ArmReading
from drivers.torque import RestPose, Torque
from messaging.messages import CUT, MIXED, OFF, ON, MotorStates, Permit

JOINTS = ("left_waist", "left_elbow", "left_gripper")
REST = np.array([0.0, 1.5, 0.1])
POSE = RestPose(JOINTS, REST, 0.1)
NOW_NS = 10_000_000_000
ORDER = Permit(epoch=3, seq=1, t_ns=NOW_NS, motion="none", speed=1.0, order=OFF)
LEAVE = replace(ORDER, epoch=4, motion="poses", order="")
LYING = ArmReading(NOW_NS, REST, np.zeros(3), REST)


class FakeArm:
    """An arm that does as it is told, or fails as it is told."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.failing: ArmError | None = None
        self.steps = 2  # calls of `hold` until all of it holds

    def attach(self) -> None: ...

    def read(self) -> ArmReading | None:
        return LYING

    def write(self, position: np.ndarray) -> None: ...

    def off(self) -> None:
        self._do("off")

    def free(self) -> bool:
        raise AssertionError("a follower is never left to a hand")

    def hold(self) -> bool:
        self._do("hold")
        self.steps -= 1
        return self.steps <= 0

    def motor_states(self, now_ns: int) -> MotorStates | None: ...

    def detach(self) -> None: ...

    def _do(self, call: str) -> None:
        self.calls.append(call)
        if self.failing:
            raise self.failing


@pytest.fixture
def arm() -> FakeArm:
    return FakeArm()


@pytest.fixture
def torque(arm: FakeArm) -> Torque:
    return Torque(arm, POSE)


def obey(torque: Torque, permit: Permit | None, reading: ArmReading = LYING) -> None:
    torque.obey(permit, reading, REST, True, NOW_NS)


def test_an_arm_at_rest_lets_go_once_when_it_is_told(torque: Torque, arm: FakeArm) -> None:
    obey(torque, None)
    obey(torque, LEAVE)
    assert torque.off_ns == 0
    obey(torque, ORDER)
    assert torque.off_ns == NOW_NS
    obey(torque, ORDER, replace(LYING, torque=OFF))
    assert arm.calls == ["off"]


@pytest.mark.parametrize(
    ("reading", "written", "still", "words"),
    [
        (replace(LYING, t_sample_ns=NOW_NS - 200_000_000), REST, True, "has not said lately"),
        (LYING, REST, False, "it moves"),
        (replace(LYING, velocity=np.array([0.0, -0.2, 0.0])), REST, True, "it moves"),
        (replace(LYING, velocity=np.array([0.0, np.nan, 0.0])), REST, True, "it moves"),
        (replace(LYING, position=REST + 0.11), REST, True, "is 0.11 rad from"),
        (LYING, REST - np.array([0, 0.5, 0]), True, "left_elbow is 0.50 rad from its rest pose"),
        (replace(LYING, position=np.array([0.0, np.nan, 0.1])), REST, True, "left_elbow is inf"),
    ],
)
def test_an_arm_that_would_fall_keeps_its_torque_and_says_why(
    torque: Torque,
    arm: FakeArm,
    reading: ArmReading,
    written: np.ndarray,
    still: bool,
    words: str,
) -> None:
    for _ in range(2):
        torque.obey(ORDER, reading, written, still, NOW_NS)
    assert words in torque.warning
    assert arm.calls == []
    assert torque.off_ns == 0
    obey(torque, replace(ORDER, order=""))
    assert torque.warning == ""


def test_a_gripper_may_be_anywhere(torque: Torque) -> None:
    place = np.array([0.0, 1.5, 0.9])
    obey(torque, ORDER, replace(LYING, position=place, velocity=np.array([0.0, 0.0, 3.0])))
    assert torque.off_ns


def test_a_cut_lets_go_wherever_the_arm_is(torque: Torque, arm: FakeArm) -> None:
    torque.obey(replace(ORDER, order=CUT), replace(LYING, position=REST + 1), REST + 1, False, 5)
    assert arm.calls == []  # it was given in the future
    cut = replace(ORDER, order=CUT)
    torque.obey(cut, replace(LYING, position=REST + 1), REST + 1, False, NOW_NS)
    assert arm.calls == ["off"]


@given(
    st.lists(st.floats(-3, 3), min_size=3, max_size=3),
    st.lists(st.floats(-3, 3), min_size=3, max_size=3),
    st.booleans(),
)
def test_only_an_arm_at_rest_ever_lets_go_without_a_cut(
    written: list[float], measured: list[float], still: bool
) -> None:
    arm = FakeArm()
    reading = replace(LYING, position=np.array(measured))
    Torque(arm, POSE).obey(ORDER, reading, np.array(written), still, NOW_NS)
    if arm.calls:
        assert still
        assert np.abs(np.array(written) - REST)[:2].max() <= 0.1
        assert np.abs(np.array(measured) - REST)[:2].max() <= 0.1


def test_motors_that_still_hold_are_told_again_while_the_order_stands(
    torque: Torque, arm: FakeArm
) -> None:
    arm.failing = ArmError("elbow may still hold")
    for _ in range(2):
        obey(torque, ORDER, replace(LYING, torque=ON))
        assert torque.error == "elbow may still hold"
    assert torque.off_ns
    arm.failing = None
    obey(torque, ORDER)
    assert torque.error == ""
    assert arm.calls == ["off"] * 3


def test_it_holds_again_with_new_leave_only(torque: Torque, arm: FakeArm) -> None:
    obey(torque, ORDER)
    assert not torque.returned(None, NOW_NS)
    assert not torque.returned(replace(LEAVE, epoch=ORDER.epoch), NOW_NS)
    assert not torque.returned(replace(LEAVE, motion="none"), NOW_NS)
    assert arm.calls == ["off"]
    assert not torque.returned(LEAVE, NOW_NS)
    # What was begun is ended.
    assert torque.returned(replace(LEAVE, motion="none"), NOW_NS)
    assert torque.off_ns == 0
    assert arm.calls == ["off", "hold", "hold"]


def test_an_arm_that_cannot_hold_says_why_and_tries_again_later(
    torque: Torque, arm: FakeArm
) -> None:
    obey(torque, ORDER)
    arm.failing = ArmError("elbow stands beyond its limits")
    assert not torque.returned(LEAVE, NOW_NS)
    assert torque.error == "elbow stands beyond its limits"
    assert not torque.returned(LEAVE, NOW_NS + 1)
    assert arm.calls == ["off", "hold"]
    arm.failing, arm.steps = None, 1
    later_ns = NOW_NS + 500_000_000
    assert torque.returned(replace(LEAVE, t_ns=later_ns), later_ns)
    assert torque.error == ""


def test_an_arm_that_could_not_hold_complains_no_more_once_it_may_not_try(
    torque: Torque, arm: FakeArm
) -> None:
    obey(torque, ORDER)
    arm.failing = ArmError("elbow stands beyond its limits")
    torque.returned(LEAVE, NOW_NS)
    later_ns = NOW_NS + 499_999_999  # long enough for everybody to see it
    torque.returned(None, later_ns)
    assert torque.error
    torque.returned(None, later_ns + 1)
    assert torque.error == ""


def test_half_an_arm_that_holds_away_from_rest_is_not_let_go(torque: Torque, arm: FakeArm) -> None:
    obey(torque, ORDER)
    half = replace(LYING, position=REST + 0.5, torque=MIXED)
    obey(torque, ORDER, half)
    assert "from its rest pose" in torque.warning
    assert arm.calls == ["off"]
    obey(torque, replace(ORDER, order=CUT), half)
    assert arm.calls == ["off", "off"]


def test_a_motor_that_may_still_hold_is_complained_of_until_it_does_not(
    torque: Torque, arm: FakeArm
) -> None:
    arm.failing = ArmError("elbow may still hold")
    obey(torque, ORDER)
    torque.returned(None, NOW_NS)
    assert torque.error == "elbow may still hold"
    obey(torque, ORDER, replace(LYING, torque=OFF))
    assert torque.error == ""


def test_an_arm_that_is_gone_is_somebody_elses_business(torque: Torque, arm: FakeArm) -> None:
    obey(torque, ORDER)
    arm.failing = ArmLostError("gone")
    with pytest.raises(ArmLostError):
        torque.returned(LEAVE, NOW_NS)
    with pytest.raises(ArmLostError):
        obey(torque, ORDER)
