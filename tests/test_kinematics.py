"""Where an arm's fingertips are, and the angles that bring them to a place."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from motion.kinematics import ArmKinematics
from simulation.scene import scene_model
from simulation.twin import HOME, Twin

MODEL = scene_model()
REACHING = np.array([0.1, -0.3, 0.8, 0.05, 0.6, 0.1])


@pytest.fixture(scope="module", params=["left", "right"])
def arm(request: pytest.FixtureRequest) -> ArmKinematics:
    return ArmKinematics(MODEL, request.param)


def test_the_way_back_ends_where_the_fingertips_were(arm: ArmKinematics) -> None:
    point, rotation = arm.tip(REACHING)
    angles = arm.reached(REACHING + 0.2, point, rotation)
    again, turned = arm.tip(angles)
    np.testing.assert_allclose(again, point, atol=1e-4)
    np.testing.assert_allclose(turned, rotation, atol=2e-4)


def test_a_rotation_is_one(arm: ArmKinematics) -> None:
    _, rotation = arm.tip(REACHING)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1.0)


def test_what_was_returned_does_not_change_with_the_next_question(arm: ArmKinematics) -> None:
    point, rotation = arm.tip(REACHING)
    kept: list[NDArray[np.float64]] = [point.copy(), rotation.copy()]
    arm.tip(REACHING + 0.3)
    np.testing.assert_array_equal(point, kept[0])
    np.testing.assert_array_equal(rotation, kept[1])


def test_the_arms_mirror_each_other() -> None:
    left, right = (ArmKinematics(MODEL, side).tip(HOME[:6])[0] for side in ("left", "right"))
    np.testing.assert_allclose(left, [-right[0], right[1], right[2]], atol=1e-5)


def test_angles_are_read_from_the_world() -> None:
    twin = Twin(MODEL)
    pose = HOME.copy()
    pose[:6], pose[7:13] = REACHING, -REACHING
    twin.reset(1, pose)
    np.testing.assert_allclose(ArmKinematics(MODEL, "left").angles(twin.qpos), REACHING)
    np.testing.assert_allclose(ArmKinematics(MODEL, "right").angles(twin.qpos), -REACHING)


def test_a_place_out_of_reach_is_refused(arm: ArmKinematics) -> None:
    with pytest.raises(ValueError, match="cannot reach"):
        arm.reached(REACHING, np.array([0.0, 3.0, 0.1]), np.eye(3))
