"""An arm's leave and torque at the exact limits, and what its log is told once."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import pytest

from drivers.arm import ArmError, ArmReading
from drivers.leave import ordered
from drivers.torque import RestPose, Torque
from messaging.messages import CUT, OFF, MotorStates, Permit
from motion.leave import MOST_AGE_NS

NOW_NS = 10_000_000_000
REST = np.array([0.0, 1.5, 0.25])
POSE = RestPose(("left_waist", "left_elbow", "left_gripper"), REST, 0.5)
LYING = ArmReading(NOW_NS, REST, np.zeros(3), REST)
ORDER = Permit(epoch=3, seq=1, t_ns=NOW_NS, motion="none", speed=1.0, order=OFF)
LEAVE = replace(ORDER, epoch=4, motion="poses", order="")


def at_elbow(away_rad: float) -> np.ndarray:
    """Return the rest pose with the elbow away from it."""
    place: np.ndarray = REST + np.array([0.0, away_rad, 0.0])
    return place


class SilentArm:
    """An arm that does as it is told, or fails with `failing`."""

    def __init__(self) -> None:
        self.failing: ArmError | None = None
        self.held = 0

    def attach(self) -> None: ...

    def read(self) -> ArmReading | None: ...

    def write(self, position: np.ndarray) -> None: ...

    def off(self) -> None:
        if self.failing:
            raise self.failing

    def free(self) -> bool:
        raise AssertionError("a follower is never left to a hand")

    def hold(self) -> bool:
        if self.failing:
            raise self.failing
        self.held += 1
        return True

    def motor_states(self, now_ns: int) -> MotorStates | None: ...

    def detach(self) -> None: ...


@pytest.fixture
def arm() -> SilentArm:
    return SilentArm()


@pytest.fixture
def torque(arm: SilentArm) -> Torque:
    return Torque(arm, POSE)


def obey(torque: Torque, permit: Permit, written: np.ndarray = REST) -> None:
    torque.obey(permit, LYING, written, True, NOW_NS)


@pytest.mark.parametrize(("age_ns", "order"), [(MOST_AGE_NS, OFF), (MOST_AGE_NS + 1, "")])
def test_an_order_counts_as_long_as_leave_would(age_ns: int, order: str) -> None:
    assert ordered(ORDER, NOW_NS + age_ns) == order


@pytest.mark.parametrize(
    ("reading", "written", "objection"),
    [
        (replace(LYING, t_sample_ns=NOW_NS - 100_000_000), REST, ""),
        (
            replace(LYING, t_sample_ns=NOW_NS - 100_000_001),
            REST,
            "it has not said lately where it is",
        ),
        (replace(LYING, velocity=np.array([0.0, 0.1, 0.0])), REST, "it moves"),
        (replace(LYING, velocity=np.array([0.0, np.nextafter(0.1, 0), 0.0])), REST, ""),
        (LYING, at_elbow(0.5), ""),
        (LYING, at_elbow(0.51), "left_elbow is 0.51 rad from its rest pose"),
    ],
)
def test_an_arm_lies_at_rest_up_to_the_exact_limits(
    reading: ArmReading, written: np.ndarray, objection: str
) -> None:
    assert POSE.objection(reading, written, True, NOW_NS) == objection


def test_an_arm_that_was_told_nothing_has_nothing_to_say(torque: Torque, arm: SilentArm) -> None:
    assert (torque.off_ns, torque.error, torque.warning) == (0, "", "")
    assert not torque.returned(None, NOW_NS)
    assert arm.held == 0


@pytest.mark.parametrize("epoch", [0, 1])
def test_an_arm_takes_hold_only_under_another_epoch_than_it_let_go_in(
    torque: Torque, arm: SilentArm, epoch: int
) -> None:
    obey(torque, replace(ORDER, epoch=epoch))
    assert not torque.returned(replace(LEAVE, epoch=epoch), NOW_NS)
    assert torque.returned(replace(LEAVE, epoch=1 - epoch), NOW_NS)
    assert arm.held == 1


@pytest.mark.parametrize(("order", "why"), [(OFF, "it lies at rest"), (CUT, "cut")])
def test_letting_go_and_holding_again_are_logged_once(
    torque: Torque, caplog: pytest.LogCaptureFixture, order: str, why: str
) -> None:
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            obey(torque, replace(ORDER, order=order))
            assert caplog.messages == [f"takes its torque off: {why}"]
        assert torque.returned(LEAVE, NOW_NS)
    assert caplog.messages[1:] == ["holds again, where it stands"]


def test_an_arm_that_keeps_its_torque_logs_why_once(
    torque: Torque, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        for away_rad in (1.0, 2.0):
            obey(torque, ORDER, at_elbow(away_rad))
    assert caplog.messages == ["its torque stays on: left_elbow is 1.00 rad from its rest pose"]
    assert torque.warning == "its torque stays on: left_elbow is 2.00 rad from its rest pose"


def test_a_failure_is_logged_once_however_often_it_repeats(
    torque: Torque, arm: SilentArm, caplog: pytest.LogCaptureFixture
) -> None:
    arm.failing = ArmError("elbow may still hold")
    with caplog.at_level(logging.ERROR):
        for _ in range(2):
            obey(torque, ORDER)
            assert caplog.messages == ["elbow may still hold"]


def test_a_motor_that_may_still_hold_is_complained_of_however_often_leave_is_looked_for(
    torque: Torque, arm: SilentArm
) -> None:
    arm.failing = ArmError("elbow may still hold")
    obey(torque, ORDER)
    for _ in range(2):
        assert not torque.returned(None, NOW_NS)
        assert torque.error == "elbow may still hold"
