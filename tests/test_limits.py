"""What joints may do: ranges, groups, and the limits of a few of them."""

import numpy as np
import pytest
from pydantic import ValidationError

from motion.limits import JointLimits, LimitsConfig, gripper_mask

JOINTS = ("left_waist", "left_gripper", "right_waist", "right_elbow")
LIMITS = JointLimits.build(JOINTS, [-1.0, 0.0, -2.0, -2.0], [1.0, 1.0, 2.0, 2.0], LimitsConfig())


def test_grippers_are_known_by_name() -> None:
    assert gripper_mask(JOINTS).tolist() == [False, True, False, False]


def test_an_arm_is_one_group_and_a_gripper_its_own() -> None:
    assert LIMITS.group.tolist() == [0, 1, 2, 2]


def test_grippers_have_limits_in_their_own_unit() -> None:
    assert LIMITS.velocity.tolist() == [3.0, 5.0, 3.0, 3.0]


def test_plans_keep_a_margin_and_use_a_gripper_s_whole_range() -> None:
    np.testing.assert_allclose(LIMITS.lower + LIMITS.margin, [-0.98, 0.0, -1.98, -1.98])
    np.testing.assert_allclose(LIMITS.upper - LIMITS.margin, [0.98, 1.0, 1.98, 1.98])


def test_limits_of_some_joints_follow_the_order_asked_for() -> None:
    some = LIMITS.of(("right_elbow", "left_waist"))
    assert some.joints == ("right_elbow", "left_waist")
    assert some.upper.tolist() == [2.0, 1.0]
    assert some.group.tolist() == [1, 0]


def test_an_unknown_joint_is_named() -> None:
    with pytest.raises(ValueError, match="left_knee"):
        LIMITS.of(("left_knee",))


def test_an_empty_range_is_refused_by_joint() -> None:
    with pytest.raises(ValueError, match="right_elbow"):
        JointLimits.build(JOINTS, [-1, 0, -1, 0.5], [1, 1, 1, 0.52], LimitsConfig())


def test_as_many_bounds_as_joints() -> None:
    with pytest.raises(ValueError, match="4 joints"):
        JointLimits.build(JOINTS, [0.0], [1.0], LimitsConfig())


def test_scaling_changes_speeds_and_no_range() -> None:
    wide = LIMITS.scaled(2.0)
    assert wide.jerk.tolist() == (2.0 * LIMITS.jerk).tolist()
    assert wide.lower is LIMITS.lower


def test_slowing_down_is_a_change_of_time() -> None:
    slow = LIMITS.slowed(0.5)
    assert slow.velocity[0] == 1.5
    assert slow.acceleration[0] == 25.0 / 4.0
    assert slow.jerk[0] == 100.0


def test_an_unknown_limit_is_an_error() -> None:
    with pytest.raises(ValidationError, match="speed"):
        LimitsConfig(speed=1.0)  # type: ignore[call-arg]
