"""Which hardware a launch drives, by which ports are there."""

import re
from pathlib import Path

import mujoco
import numpy as np
import pytest

from drivers.arms.aloha import Config
from safety.config import SafetyConfig
from simulation.scene import scene_model
from simulation.twin import Twin
from station.config import ConfigError, load, robot_file, robots
from station.hardware import decided
from station.processes import process_table
from station.robot import StationConfig
from station.views import needed_cameras

FOLLOWERS = {"/dev/ttyDXL_follower_left", "/dev/ttyDXL_follower_right"}
CAMERAS = {"/dev/CAM_HIGH", "/dev/CAM_LOW", "/dev/CAM_LEFT_WRIST", "/dev/CAM_RIGHT_WRIST"}
LEADERS = {"/dev/ttyDXL_leader_left", "/dev/ttyDXL_leader_right"}


def with_ports(there: set[str], *settings: str) -> StationConfig:
    config = load(robot_file("aloha"), ["policy=scripted", *settings])
    return decided(config, lambda path: path in there | CAMERAS)


def test_without_any_port_the_twin_is_driven_through_emulated_servos() -> None:
    config = with_ports(set())
    assert config.hardware == "emulated"
    assert config.is_twin
    assert config.title.startswith("aloha: no arms here, driving the twin through emulated servos")
    assert {camera.plugin for camera in config.cameras.values()} == {"mujoco"}
    assert {arm.plugin for arm in config.arms.values()} == {"aloha"}


@pytest.mark.parametrize("there", [FOLLOWERS, FOLLOWERS | LEADERS])
def test_with_both_followers_the_real_arms_are_driven(there: set[str]) -> None:
    config = with_ports(there)
    assert config.hardware == "real"
    assert not config.is_twin
    assert "driving real arms" in config.title
    assert {camera.plugin for camera in config.cameras.values()} == {"opencv"}


@pytest.mark.parametrize(
    ("there", "missing"),
    [
        ({"/dev/ttyDXL_follower_left"}, ["/dev/ttyDXL_follower_right"]),
        (LEADERS, sorted(FOLLOWERS)),
    ],
)
def test_with_some_ports_only_the_missing_are_named(there: set[str], missing: list[str]) -> None:
    with pytest.raises(ConfigError, match="not all arms of aloha are there") as caught:
        with_ports(there)
    for port in missing:
        assert f"nothing at {port}" in str(caught.value)
    assert "hardware=emulated" in str(caught.value)


def test_real_demands_the_ports_and_emulated_ignores_them() -> None:
    with pytest.raises(ConfigError, match=re.escape("nothing at /dev/ttyDXL_follower_left")):
        with_ports(set(), "hardware=real")
    assert with_ports(FOLLOWERS, "hardware=emulated").hardware == "emulated"


def test_to_command_by_leaders_demands_them_whatever_is_driven() -> None:
    config = load(robot_file("aloha"), ["teleop.device=leader", "hardware=emulated"])
    with pytest.raises(ConfigError) as caught:
        decided(config, exists=lambda port: port.endswith("leader_left"))
    assert "leaders.right: nothing at /dev/ttyDXL_leader_right" in str(caught.value)
    assert "leaders.left" not in str(caught.value)
    assert "--teleop keyboard" in str(caught.value)
    assert decided(config, exists=lambda _port: True).hardware == "emulated"


def test_the_direct_twin_leaves_the_servos_out() -> None:
    config = with_ports(set(), "hardware=twin")
    assert {arm.plugin for arm in config.arms.values()} == {"twin"}
    assert "driving the simulated twin by" in config.title


def test_only_the_twin_may_be_as_late_as_a_busy_machine() -> None:
    assert with_ports(FOLLOWERS).safety == SafetyConfig()
    assert with_ports(set()).safety == SafetyConfig(patience=10.0, stall_s=1.5)


def test_nobody_may_be_late_for_a_real_arm_in_the_company_of_emulated_ones() -> None:
    config = load(robot_file("aloha"), ["policy=scripted", "hardware=emulated"])
    own = config.arms["right"].model_copy(update={"plugin": "mine", "config": {}})
    mixed = config.model_copy(update={"arms": {**config.arms, "right": own}})
    found = decided(mixed, lambda _port: False)
    assert found.safety == SafetyConfig()
    assert "real arms" in found.title
    assert "arm left is the twin's, arm right by mine" in found.title


@pytest.mark.parametrize(
    ("there", "settings", "outlives"),
    [
        (FOLLOWERS, [], True),
        (set(), [], False),
        (FOLLOWERS, ["hardware=twin"], False),
        (FOLLOWERS, ["hardware=real", "arms.left.plugin=twin", "arms.left.config={}"], True),
        (LEADERS, ["hardware=emulated", "teleop.device=leader"], True),
    ],
)
def test_a_stop_outlives_the_launch_where_anything_real_moves(
    there: set[str], settings: list[str], outlives: bool, tmp_path: Path
) -> None:
    config = with_ports(there, f"safety.directory={tmp_path / 'state'}", *settings)
    bus, run = tmp_path / "bus", tmp_path / "run"
    table = {spec.name: spec for spec in process_table(config, bus, run)}
    latch = Path(table["safety"].config["latch"])
    assert latch.parent == (tmp_path / "state" if outlives else run)


def test_a_threshold_of_the_twin_that_does_not_exist_is_named() -> None:
    with pytest.raises(ConfigError, match=r"patiense"):
        with_ports(set(), 'twin.safety={"patiense": 2}')


def test_missing_cameras_are_named_all_at_once_and_may_be_taken_out() -> None:
    absent = ["cameras.cam_high.config.device=/dev/a", "cameras.cam_low.config.device=/dev/b"]
    with pytest.raises(ConfigError, match="not all cameras of aloha are there") as caught:
        with_ports(FOLLOWERS, *absent)
    for words in ("cam_high: nothing at /dev/a", "cam_low: nothing at /dev/b", "cameras.NAME=null"):
        assert words in str(caught.value)
    config = with_ports(FOLLOWERS, "cameras.cam_low=null")
    assert list(config.cameras) == ["cam_high", "cam_left_wrist", "cam_right_wrist"]


def test_a_camera_of_the_twin_is_refused_where_there_is_none() -> None:
    with pytest.raises(ConfigError, match="cam_high: mujoco shows the twin, and there is none"):
        with_ports(
            FOLLOWERS,
            "cameras.cam_high.plugin=mujoco",
            "cameras.cam_high.config.model=${twin_model}",
        )


def test_an_arm_of_the_twin_beside_a_real_one_is_said() -> None:
    config = with_ports(FOLLOWERS, "arms.right.plugin=twin", "arms.right.config={}")
    assert config.hardware == "real"
    assert config.is_twin
    assert "arm left by aloha, arm right is the twin's" in config.title


@pytest.mark.parametrize("robot", robots())
def test_named_poses_lie_within_the_motors_limits(robot: str) -> None:
    config = load(robot_file(robot), [])
    for arm in [*config.arms.values(), *config.leaders.values()]:
        profile = Config.model_validate(arm.config, strict=False)
        for pose in (arm.home, arm.rest):
            for (joint, motor), value in zip(profile.motors.items(), pose, strict=True):
                low, high = motor.range_rad
                assert joint == "gripper" or low <= value <= high


@pytest.mark.parametrize("pose", ["home", "rest"])
def test_named_poses_of_the_followers_touch_nothing(pose: str) -> None:
    config = load(robot_file("aloha"), [])
    twin = Twin(scene_model())
    twin.reset(0, np.array([v for arm in config.arms.values() for v in getattr(arm, pose)]))
    data = mujoco.MjData(twin.model)
    data.qpos[:] = twin.qpos
    mujoco.mj_forward(twin.model, data)
    pairs = [
        sorted(twin.model.geom(int(geom)).name for geom in contact.geom) for contact in data.contact
    ]
    own_fingers = [
        [f"vx300s_{side}/10_{finger}_gripper_finger" for finger in ("left", "right")]
        for side in ("left", "right")
    ]
    assert all(pair in own_fingers or "red_box" in pair for pair in pairs), pairs


def test_views_that_nothing_needs_are_drawn_rarely() -> None:
    config = decided(load(robot_file("aloha"), []), lambda _port: False)
    rates = {name: camera.config.get("rate_hz") for name, camera in config.cameras.items()}
    assert rates == {"cam_high": None, "cam_low": 2, "cam_left_wrist": 2, "cam_right_wrist": 2}


def test_views_that_are_recorded_are_drawn_as_configured() -> None:
    settings = ["recorder.directory=cube", "twin.spare_rate_hz=1"]
    config = decided(load(robot_file("aloha"), settings), lambda _port: False)
    assert config.cameras["cam_low"].config["rate_hz"] == 10


def test_a_policy_without_its_checkpoint_is_refused_before_anything_starts() -> None:
    config = load(robot_file("aloha"), ["policies.flow.checkpoint=no.safetensors"])
    with pytest.raises(ConfigError, match=re.escape("policies.flow: cannot read checkpoint")):
        decided(config, lambda _port: False)


def test_a_policy_on_another_machine_is_taken_to_need_every_view() -> None:
    settings = [
        "policies.flow.checkpoint=no.safetensors",
        "network={station: 10.0.0.1, elsewhere: {policy_worker: 10.0.0.2}}",
    ]
    config = load(robot_file("aloha"), settings)
    assert needed_cameras(config) == tuple(config.cameras)


@pytest.mark.parametrize(
    ("policy", "needed"), [("flow", ("cam_high",)), ("scripted", ("cam_high",))]
)
def test_the_policy_and_the_film_of_the_report_need_views(
    policy: str, needed: tuple[str, ...]
) -> None:
    config = load(robot_file("aloha"), [f"policy={policy}"])
    assert needed_cameras(config) == needed
