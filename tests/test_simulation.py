"""The twin and the rules of its tasks."""

from __future__ import annotations

from pathlib import Path

import mujoco
import numpy as np
import pytest

from perception.rendering import SceneRenderer
from simulation.scene import CAMERAS, arena, save_model, scene_model
from simulation.task import HOLD, LIFTED_M, TRANSFER, Progress, advanced, reward
from simulation.twin import HOME, JOINTS, Twin, cube_position

LEFT = "vx300s_left/10_left_gripper_finger"
LEFT_OTHER = "vx300s_left/10_right_gripper_finger"
RIGHT = "vx300s_right/10_right_gripper_finger"
HIGH = LIFTED_M + 0.05


@pytest.fixture(scope="module")
def twin() -> Twin:
    return Twin(scene_model())


def after(progress: Progress, contacts: set[str], cube_z_m: float, seconds: float) -> Progress:
    for _ in range(round(seconds / 0.01)):
        progress = advanced(progress, frozenset(contacts), cube_z_m, 0.01)
    return progress


@pytest.mark.parametrize(
    ("contacts", "expected"),
    [
        (set(), 0),
        ({"table"}, 0),
        ({RIGHT, "table"}, 1),
        ({RIGHT}, 2),
        ({LEFT, RIGHT, "table"}, 3),
        ({LEFT, RIGHT}, 4),
        ({LEFT}, 4),
        ({LEFT_OTHER}, 0),
    ],
)
def test_reward_is_gym_alohas(contacts: set[str], expected: int) -> None:
    assert reward(frozenset(contacts)) == expected


def test_transfer_needs_the_cube_held_for_a_fifth_of_a_second() -> None:
    touched = after(Progress(TRANSFER), {LEFT}, HIGH, 0.15)
    assert touched.reward == 4
    assert not touched.success
    assert after(touched, {LEFT}, HIGH, 0.05).success


def test_a_break_starts_the_holding_anew() -> None:
    progress = after(Progress(TRANSFER), {LEFT}, HIGH, 0.15)
    progress = after(progress, set(), HIGH, 0.01)
    assert not after(progress, {LEFT}, HIGH, 0.15).success


def test_a_cube_near_the_table_is_not_transferred() -> None:
    assert not after(Progress(TRANSFER), {LEFT}, 0.03, 1.0).success


def test_success_stays() -> None:
    done = after(Progress(TRANSFER), {LEFT}, HIGH, 0.3)
    assert after(done, {"table"}, 0.02, 1.0).success


def test_hold_needs_two_seconds_in_the_right_gripper() -> None:
    almost = after(Progress(HOLD), {RIGHT}, HIGH, 1.9)
    assert not almost.success
    assert after(almost, {RIGHT}, HIGH, 0.1).success


@pytest.mark.parametrize("finger", [LEFT, LEFT_OTHER])
def test_hold_is_lost_once_a_left_finger_touched(finger: str) -> None:
    touched = after(Progress(HOLD), {RIGHT, finger}, HIGH, 0.01)
    assert not after(touched, {RIGHT}, HIGH, 5.0).success


def test_an_unknown_instruction_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="juggle"):
        Progress("juggle")


def test_arms_stay_where_they_are_told(twin: Twin) -> None:
    twin.reset(seed=1)
    twin.step(1.0)
    np.testing.assert_allclose(twin.position, HOME, atol=0.02)
    np.testing.assert_allclose(twin.velocity, 0.0, atol=0.02)


@pytest.mark.parametrize("joint", range(len(JOINTS)))
def test_each_joint_moves_alone(twin: Twin, joint: int) -> None:
    twin.reset(seed=1)
    target = HOME.copy()
    target[joint] += 0.2
    for _ in range(200):
        twin.write(target)
        twin.step(0.01)
    np.testing.assert_allclose(twin.position, target, atol=0.04)


def test_a_gripper_opens_and_closes_with_both_fingers(twin: Twin) -> None:
    twin.reset(seed=1)
    target = HOME.copy()
    target[6] = 1.0
    twin.write(target)
    twin.step(2.0)
    fingers = [
        twin.qpos[int(twin.model.joint(f"vx300s_left/{side}_finger").qposadr[0])]
        for side in ("left", "right")
    ]
    assert fingers == pytest.approx([0.057, -0.057], abs=1e-3)


def test_placing_the_cube_leaves_the_arms(twin: Twin) -> None:
    twin.reset(seed=1)
    twin.write(HOME + 0.1)
    twin.step(0.5)
    before = twin.position
    twin.place_cube(seed=2)
    np.testing.assert_array_equal(twin.position, before)
    np.testing.assert_array_equal(twin.cube, cube_position(2))


def test_cubes_lie_where_gym_aloha_puts_them() -> None:
    cubes = np.array([cube_position(seed) for seed in range(500)])
    assert cubes[:, 0].min() >= 0.0
    assert cubes[:, 0].max() <= 0.2
    assert cubes[:, 1].min() >= 0.4
    assert cubes[:, 1].max() <= 0.6
    assert np.ptp(cubes[:, 0]) > 0.19
    assert set(cubes[:, 2]) == {0.05}


def test_short_steps_add_up(twin: Twin) -> None:
    twin.reset(seed=3)
    for _ in range(10):
        twin.step(0.001)
    split = twin.qpos
    twin.reset(seed=3)
    twin.step(0.01)
    np.testing.assert_array_equal(twin.qpos, split)


def test_the_same_seed_gives_the_same_world(twin: Twin) -> None:
    ends = []
    for _ in range(2):
        twin.reset(seed=7)
        twin.step(0.3)
        ends.append(twin.qpos)
    np.testing.assert_array_equal(ends[0], ends[1])


@pytest.mark.parametrize("position", [np.zeros(7), np.full(14, np.nan)])
def test_a_bad_target_is_refused(twin: Twin, position: np.ndarray) -> None:
    with pytest.raises(ValueError, match="14 finite"):
        twin.write(position)


def test_a_saved_scene_shows_all_cameras(tmp_path: Path) -> None:
    path = tmp_path / "scene.mjb"
    save_model(path)
    model = mujoco.MjModel.from_binary_path(str(path))
    renderer = SceneRenderer(model, 64, 48)
    for camera in CAMERAS:
        image = renderer.render(model.key_qpos[0], camera)
        assert image.shape == (48, 64, 3)
        assert image.std() > 5
    with pytest.raises(ValueError, match="cam_high"):
        renderer.render(model.key_qpos[0], "cam_hihg")
    renderer.close()


def test_what_is_drawn_touches_and_weighs_nothing(twin: Twin) -> None:
    whole = arena().compile()
    drawn = [i for i in range(twin.model.ngeom) if twin.model.geom(i).name.endswith("/drawn")]
    arms = [i for i in range(whole.ngeom) if whole.geom(i).name.startswith("vx300s")]
    assert len(drawn) == len(arms)
    assert not twin.model.geom_contype[drawn].any()
    assert not twin.model.geom_conaffinity[drawn].any()
    assert np.array_equal(twin.model.body_mass, whole.body_mass)
    assert np.array_equal(twin.model.body_inertia, whole.body_inertia)


def test_light_meshes_look_like_the_whole_ones(twin: Twin) -> None:
    views = []
    for model in (arena().compile(), twin.model):
        renderer = SceneRenderer(model)
        views.append([renderer.render(twin.qpos, camera).astype(int) for camera in CAMERAS])
        renderer.close()
    for camera, one, other in zip(CAMERAS, *views, strict=True):
        differ = np.abs(one - other).max(axis=2) > 20  # of 255: an edge that moved, a shade
        assert differ.mean() < 0.01, camera


def test_the_high_camera_sees_the_red_cube_move(twin: Twin) -> None:
    renderer = SceneRenderer(twin.model, 160, 120)
    columns = []
    for seed in (1, 2):
        twin.reset(seed)
        image = renderer.render(twin.qpos, "cam_high").astype(int)
        red = (image[..., 0] - image[..., 1:].max(axis=2)) > 60
        columns.append((np.nonzero(red)[1].mean(), cube_position(seed)[0]))
    renderer.close()
    (first, first_x), (second, second_x) = columns
    assert (first - second) * (first_x - second_x) > 0
