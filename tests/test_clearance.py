"""Distances between arms and table: right, quick to bound, and in the robot's own poses enough."""

from pathlib import Path

import mujoco
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from motion.clearance import Clearance
from motion.limits import JointLimits, LimitsConfig
from motion.stopping import stopping_path, stopping_reach
from simulation.collision_model import collision_model, save_collision_model
from simulation.scene import scene_model
from simulation.twin import HOME, JOINTS, Twin
from station.config import load, robot_file

Array = NDArray[np.float64]
MARGIN_M, TOUCHING_M = 0.02, 0.002
LIMITS = Twin(scene_model()).limits(LimitsConfig())
MODEL = collision_model()
SEEDS = st.integers(0, 2**32 - 1)


def clearance() -> Clearance:
    return Clearance(MODEL, JOINTS, MARGIN_M, TOUCHING_M)


def poses(count: int, seed: int = 0) -> Array:
    draw = np.random.default_rng(seed)
    return draw.uniform(LIMITS.lower, LIMITS.upper, (count, len(JOINTS)))


def row(measuring: Clearance, name: str) -> int:
    return [str(pair) for pair in measuring.pairs].index(name)


@pytest.mark.parametrize("sight_m", [0.02, 0.08])
def test_nothing_in_sight_is_overlooked(sight_m: float) -> None:
    # The engine sorts out by boxes first, which must grow with the sight.
    measuring, data = clearance(), mujoco.MjData(MODEL)
    for pose in poses(40):
        told = measuring.distances(pose, sight_m)
        data.qpos[:] = measuring._data.qpos
        mujoco.mj_kinematics(MODEL, data)
        for (first, second), distance in zip(measuring._geoms.tolist(), told, strict=True):
            true = mujoco.mj_geomDistance(MODEL, data, first, second, sight_m, None)
            assert distance == pytest.approx(true, abs=5e-4) or max(distance, true) < 0.0


def test_bounds_from_boxes_and_balls_are_never_too_great() -> None:
    measuring = clearance()
    rows = np.arange(len(measuring.pairs))
    for pose in poses(60):
        distances = measuring.distances(pose, 0.2)
        assert (measuring.at_least(rows) <= np.where(distances < 0.2, distances, 9.0) + 5e-4).all()


@settings(max_examples=60, deadline=None)
@given(SEEDS, st.sampled_from([0.01, 0.1, 0.5]))
def test_nothing_comes_nearer_by_more_than_its_levers_allow(seed: int, size: float) -> None:
    measuring, draw = clearance(), np.random.default_rng(seed)
    start = draw.uniform(LIMITS.lower, LIMITS.upper)
    step = draw.normal(0.0, size, len(JOINTS)) * (draw.random(len(JOINTS)) < 0.4)
    end = np.clip(start + step, LIMITS.lower, LIMITS.upper)
    before, after = measuring.distances(start, 0.15), measuring.distances(end, 0.15)
    nearer = measuring.levers @ np.abs(end - start)
    apart = before > 0.0
    assert (after >= before - nearer - 1e-3)[apart].all()


def test_a_joint_that_carries_both_brings_them_no_nearer() -> None:
    measuring = clearance()
    levers = measuring.levers[row(measuring, "left_upper_arm-left_hand")]
    moving = {name for name, lever in zip(JOINTS, levers, strict=True) if lever > 0.0}
    assert moving == {"left_elbow", "left_forearm_roll", "left_wrist_angle", "left_wrist_rotate"}


def test_what_is_not_checked_never_meets() -> None:
    # Of one arm, from the elbow on, and of the links up to it: the joints' ranges keep them apart.
    model = scene_model()
    twin, data = Twin(model), mujoco.MjData(model)
    apart = {
        frozenset(pair)
        for pair in [
            ("4_upper_forearm", "2_shoulder"),
            ("4_upper_forearm", "6_wrist"),
            ("4_upper_forearm", "7_gripper"),
            ("4_upper_forearm", "9_gripper_bar"),
            ("5_lower_forearm", "7_gripper"),
            ("5_lower_forearm", "9_gripper_bar"),
            ("5_lower_forearm", "10_left_gripper_finger"),
            ("1_base", "3_upper_arm"),
        ]
    }
    for pose in poses(150):
        twin.reset(0, pose)
        data.qpos[:] = twin.qpos
        mujoco.mj_kinematics(model, data)
        for one, other in (sorted(pair) for pair in apart):
            geoms = (model.geom(f"vx300s_left/{name}").id for name in (one, other))
            assert mujoco.mj_geomDistance(model, data, *geoms, 0.1, None) > 0.0


@pytest.mark.parametrize("robot", ["aloha", "aloha_2024"])
def test_every_pose_of_the_configs_touches_nothing(robot: str) -> None:
    arms = load(robot_file(robot), []).arms.values()
    named = {
        "home": np.array([value for arm in arms for value in arm.home]),
        "rest": np.array([value for arm in arms for value in arm.rest]),
    }
    measuring = clearance()
    measuring.admit(named)
    for pose in named.values():
        assert (measuring.distances(pose, MARGIN_M) >= measuring.margins).all()


def test_only_what_a_pose_brings_near_has_its_margin_lowered() -> None:
    measuring, untouched = clearance(), clearance()
    rest = np.array([0.0, -1.8, 1.55, 0.0, 0.8, 0.0, 0.1] * 2)
    measuring.admit({"rest": rest})
    lowered = measuring.margins < untouched.margins
    assert lowered[row(measuring, "left_upper_arm-left_forearm")]
    assert not lowered[row(measuring, "table-left_hand")]
    assert (measuring.margins > 0.0).all()


def test_a_pose_that_touches_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"in the pose 'rest' left_\w+-right_\w+ overlap by .* mm"):
        clearance().admit({"rest": np.zeros(len(JOINTS))})


def test_joints_of_another_robot_are_refused() -> None:
    with pytest.raises(ValueError, match=r"moved by left_elbow, .* the robot has one, two"):
        Clearance(MODEL, ("one", "two"), MARGIN_M, TOUCHING_M)


def test_fingers_may_come_near_what_they_work_at_and_nothing_else() -> None:
    measuring = clearance()
    margin = dict(zip(map(str, measuring.pairs), measuring.margins.tolist(), strict=True))
    for name in ("table-left_finger", "left_finger-right_finger", "left_hand-right_finger"):
        assert margin[name] == TOUCHING_M
    for name in ("table-left_hand", "left_hand-right_hand", "left_upper_arm-left_finger"):
        assert margin[name] == MARGIN_M


def test_a_hand_that_holds_something_is_as_open_as_it_is() -> None:
    measuring = clearance()
    closed, wide = HOME.copy(), HOME.copy()
    closed[6], wide[6] = 0.0, 0.6
    expected = measuring.distances(wide, 0.5)
    measuring.feel(wide)
    assert np.array_equal(measuring.distances(closed, 0.5), expected)
    measuring.feel(closed)
    assert np.array_equal(measuring.distances(wide, 0.5), expected)


def test_the_file_holds_all_of_it(tmp_path: Path) -> None:
    save_collision_model(tmp_path / "made" / "arms.mjb")
    loaded = Clearance.load(tmp_path / "made" / "arms.mjb", JOINTS, MARGIN_M, TOUCHING_M)
    assert loaded.pairs == clearance().pairs
    assert np.array_equal(loaded.distances(HOME, 0.2), clearance().distances(HOME, 0.2))


@settings(max_examples=60, deadline=None)
@given(SEEDS, st.sampled_from([0.005, 0.01, 0.02]), st.sampled_from([(25.0, 800.0), (8.0, 150.0)]))
def test_a_stop_never_goes_further_than_its_reach(
    seed: int, dt: float, caps: tuple[float, float]
) -> None:
    draw = np.random.default_rng(seed)
    config = LimitsConfig(acceleration=caps[0], jerk=caps[1])
    limits = JointLimits.build(JOINTS, [-3.0] * 14, [3.0] * 14, config)
    velocity = limits.velocity * draw.uniform(-1.0, 1.0, 14) ** 3
    acceleration = limits.acceleration * draw.uniform(-1.0, 1.0, 14) ** 3
    path = stopping_path(velocity, acceleration, limits, dt)
    reach = stopping_reach(velocity, acceleration, limits)
    assert (np.abs(path).max(axis=0) <= reach + 1e-12).all()
    assert np.abs(np.diff(path, axis=0))[-1].max() < 1e-9
