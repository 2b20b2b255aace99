"""Robot configs: what is read, and how what is wrong is named."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from runtime.plugins import UnknownNameError
from station import config as config_module
from station.config import ConfigError, calibration_file, load, robot_file, robots
from station.robot import StationConfig

SCRIPTED = "policy=scripted"


def loaded(*settings: str) -> StationConfig:
    return load(robot_file("aloha"), [SCRIPTED, *settings])


def message_of(*settings: str) -> str:
    with pytest.raises((ConfigError, UnknownNameError)) as caught:
        loaded(*settings)
    return str(caught.value)


def edited(tmp_path: Path, key: str, value: Any) -> Path:
    """Return a copy of ALOHA's config with one key of the left arm changed."""
    raw = yaml.safe_load(robot_file("aloha").read_text(encoding="utf-8"))
    raw["arms"]["left"] = {**raw["arms"]["left"], key: value}
    path = tmp_path / "robot.yaml"
    path.write_text(yaml.safe_dump(raw, sort_keys=False), encoding="utf-8")
    return path


@pytest.mark.parametrize("robot", robots())
def test_every_robot_that_comes_with_the_project_can_be_loaded(robot: str) -> None:
    assert load(robot_file(robot), []).robot == robot


def test_aloha_has_acts_fourteen_joints_in_order_and_four_cameras() -> None:
    config = loaded()
    joints = list(config.ranges)
    assert len(joints) == 14
    assert joints[0] == "left_waist"
    assert joints[6] == "left_gripper"
    assert joints[7] == "right_waist"
    assert list(config.cameras) == ["cam_high", "cam_low", "cam_left_wrist", "cam_right_wrist"]


def test_settings_change_keys_at_any_depth_and_keep_their_types() -> None:
    config = loaded("controller.rate_hz=200", "task.instruction=lift it", "limits.jerk=500.0")
    assert config.controller.rate_hz == 200
    assert config.task.instruction == "lift it"
    assert config.limits.jerk == 500.0


def test_the_last_of_two_settings_wins() -> None:
    assert loaded("task.timeout_s=3.0", "task.timeout_s=4.0").task.timeout_s == 4.0


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("controller.rate_hz=900", ["controller.rate_hz", "900", "200"]),
        ("controller.rate_hz=fast", ["controller.rate_hz", "'fast'", "integer"]),
        ("controller.rat_hz=100", ["controller.rat_hz", "no such key", "mean 'rate_hz'"]),
        ("controler.rate_hz=100", ["controler", "no such key", "mean 'controller'"]),
        ("controller.ensemble=actt", ["controller.ensemble", "'actt'", "'act'", "'recency'"]),
        (
            "limits.velocity=-1.0",
            ["limits.velocity", "-1.0", "allowed is 0.05 to 20 rad/s", "--set limits.velocity"],
        ),
        ("limits.margin=5", ["limits: joint 'left_waist': no room", "margin of 5 rad"]),
        ("arms={}", ["arms: a robot needs at least one arm"]),
        ("task.timeout_s=0", ["task.timeout_s", "got 0", "0.1 to 86400 s"]),
        ("policy=scriptde", ["'scriptde'", "policy_worker/policies/", "mean 'scripted'"]),
        ("cameras.cam_high.plugin=opncv", ["'opncv'", "perception/cameras/", "mean 'opencv'"]),
        ("cameras.cam_high.plugn=mujoco", ["cameras.cam_high.plugn", "mean 'plugin'"]),
        ("cameras.cam_high.config.width=2", ["cameras.cam_high.config", "width", "2", "16"]),
        ("cameras.cam_high.config.widht=64", ["widht", "no such key", "mean 'width'"]),
        ("twin.cameras.cam_low.config.width=2", ["twin.cameras.cam_low.config", "width", "16"]),
        ("arms.left.plugin=twinn", ["'twinn'", "drivers/arms/", "mean 'twin'"]),
        ("hardware=fake", ["hardware", "'fake'", "'auto'", "'emulated'"]),
        (
            "arms.left.config.motors.elbow.id=2",
            ["arms.left.config", "id 2 belongs to shoulder and to elbow", "id of its own"],
        ),
        (
            "arms.left.config.motors.elbow.model=XM540-W27",
            ["arms.left.config", "motors.elbow.model", "'XM540-W27'", "'XM540-W270'"],
        ),
        ("arms.left.joints={waist: [-1.0, 1.0]}", ["arms.left", "home has 7 values for 1 joints"]),
        ("arms.left.config.motors.elbow.ticks=[2000, 1000]", ["lower limit first", "[2000, 1000]"]),
        (
            "arms.left.config.motors.elbow.ticks=[1000, 3094]",
            ["arms.left", "elbow ranges from -1.76278", "narrow the one or widen `ticks`"],
        ),
        (
            "leaders.left.config.motors.gripper.mode=current_position",
            ["leaders.left.config", "XL430-W250 measures no current", "use mode position"],
        ),
        (
            "arms.left.config.motors.gripper.current_limit=1500",
            ["arms.left.config", "XM430-W350 takes a current_limit of at most 1193"],
        ),
        (
            "leaders.left.config.motors.gripper.current_limit=200",
            ["leaders.left.config", "XL430-W250 measures no current", "leave its current_limit"],
        ),
        (
            "arms.left.config.motors.elbow.gains.p=0",
            ["arms.left.config", "motors.elbow.gains.p", "got 0", "1 to 16383"],
        ),
        (
            "arms.left.config.port=/dev/ttyDXL_follower_right",
            ["arms.left and arms.right are both at /dev/ttyDXL_follower_right"],
        ),
        ("policies.scripted.model_pth=x", ["policies.scripted", "model_pth", "mean 'model_path'"]),
        (
            "network={station: a, elsewhere: {controller: b}}",
            ["network.elsewhere", "only policy_worker", "'controller'"],
        ),
        (
            "safety.deadman=true & dashboard.enabled=false",
            ["safety.deadman", "set dashboard.enabled to true"],
        ),
        ("nonsense", ["--set nonsense", "key=value"]),
        ("robot.name=x", ["--set robot.name=x", "'robot' holds a value"]),
        ("controller.rate_hz=[", ["--set controller.rate_hz=[", "no YAML"]),
    ],
)
def test_a_wrong_setting_is_named_with_what_would_be_right(setting: str, words: list[str]) -> None:
    message = message_of(*setting.split(" & "))
    for word in words:
        assert word in message, f"{word!r} is not in: {message}"


def test_an_unknown_robot_is_refused_with_the_near_miss() -> None:
    with pytest.raises(UnknownNameError, match=r"no robot 'alhoa'.*mean 'aloha'"):
        robot_file("alhoa")


def test_a_file_that_is_not_there_or_no_yaml_or_no_mapping_is_named(tmp_path: Path) -> None:
    path = tmp_path / "robot.yaml"
    for text, words in ((None, "cannot read"), ("{", "no YAML"), ("- a", "keys and values")):
        if text is not None:
            path.write_text(text, encoding="utf-8")
        with pytest.raises(ConfigError, match=words) as caught:
            load(path, [])
        assert str(path) in str(caught.value)


def test_a_binary_file_is_no_config(tmp_path: Path) -> None:
    path = tmp_path / "robot.yaml"
    path.write_bytes(bytes(range(1, 256)))
    with pytest.raises(ConfigError, match="not in UTF-8"):
        load(path, [])


def test_a_pose_out_of_range_is_refused_with_joint_value_and_range(tmp_path: Path) -> None:
    path = edited(tmp_path, "home", [0.0, -0.96, 1.16, 0.0, -0.3, 0.0, 1.1])
    with pytest.raises(ConfigError, match=re.escape("home: gripper = 1.1 lies outside 0.0..1.0")):
        load(path, [SCRIPTED])


def test_a_pose_of_the_wrong_length_is_refused(tmp_path: Path) -> None:
    path = edited(tmp_path, "rest", [0.0])
    with pytest.raises(ConfigError, match="rest has 1 values for 7 joints"):
        load(path, [SCRIPTED])


def test_a_joint_without_limits_is_named(tmp_path: Path) -> None:
    joints = yaml.safe_load(robot_file("aloha").read_text(encoding="utf-8"))["arms"]["left"][
        "joints"
    ]
    path = edited(tmp_path, "joints", {**joints, "waist": None})
    with pytest.raises(ConfigError, match=r"arms\.left\.joints\.waist: got None"):
        load(path, [SCRIPTED])


def test_null_takes_a_key_away(tmp_path: Path) -> None:
    path = tmp_path / "robot.yaml"
    path.write_text("based_on: aloha\nrobot: ours\ncameras: {cam_low: null}\n", encoding="utf-8")
    assert "cam_low" not in load(path, [SCRIPTED]).cameras
    assert "cam_high" not in loaded("cameras.cam_high=null").cameras


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    raw = yaml.safe_load(robot_file("aloha").read_text(encoding="utf-8"))
    del raw["task"]
    path = tmp_path / "robot.yaml"
    path.write_text(yaml.safe_dump(raw, sort_keys=False), encoding="utf-8")
    with pytest.raises(ConfigError, match="task: missing"):
        load(path, [SCRIPTED])


def test_a_config_based_on_a_robot_says_only_what_differs(tmp_path: Path) -> None:
    path = tmp_path / "robot.yaml"
    path.write_text(
        "based_on: aloha\nrobot: ours\narms: {left: {config: {port: /dev/ours}}}\n",
        encoding="utf-8",
    )
    ours, aloha = load(path, [SCRIPTED]), loaded()
    assert ours.robot == "ours"
    assert ours.ports == {**aloha.ports, "arms.left": "/dev/ours"}
    assert ours.arms["left"].config["motors"] == aloha.arms["left"].config["motors"]


def test_a_section_with_another_plugin_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "robot.yaml"
    path.write_text(
        "based_on: aloha\nrobot: ours\narms: {left: {plugin: twin}}\n", encoding="utf-8"
    )
    assert load(path, [SCRIPTED]).arms["left"].config == {}


def test_what_was_measured_of_a_robot_is_laid_over_its_config(tmp_path: Path) -> None:
    path = tmp_path / "robot.yaml"
    path.write_text("based_on: aloha\nrobot: ours\n", encoding="utf-8")
    calibration_file(path).write_text(
        "arms: {left: {config: {gripper: {open_rad: 1.4}}}}\n", encoding="utf-8"
    )
    ours = load(path, [SCRIPTED])
    assert ours.arms["left"].config["gripper"]["open_rad"] == 1.4
    assert ours.arms["right"].config["gripper"]["open_rad"] == 1.491


def test_both_generations_have_four_arms_and_grippers_of_their_own() -> None:
    old, new = load(robot_file("aloha"), []), load(robot_file("aloha_2024"), [])
    assert len(old.ports) == len(new.ports) == 4
    for side in ("left", "right"):
        assert new.arms[side].config["gripper"]["horn_m"] == 0.0275
        assert old.arms[side].config["gripper"]["horn_m"] == 0.022
        assert new.leaders[side].config["motors"]["gripper"]["model"] == "XC430-W150"
        assert new.arms[side].config["port"] == old.arms[side].config["port"]


def test_default_limits_are_checked_against_the_joints(tmp_path: Path) -> None:
    raw = yaml.safe_load(robot_file("aloha").read_text(encoding="utf-8"))
    del raw["limits"]
    joints = {**raw["arms"]["left"]["joints"], "waist": [-0.01, 0.01]}
    raw["arms"]["left"] = {**raw["arms"]["left"], "joints": joints}
    path = tmp_path / "robot.yaml"
    path.write_text(yaml.safe_dump(raw, sort_keys=False), encoding="utf-8")
    with pytest.raises(ConfigError, match="limits: joint 'left_waist': no room"):
        load(path, [SCRIPTED])


def test_a_config_may_be_based_on_one_that_is_based_on_another(tmp_path: Path) -> None:
    path = tmp_path / "robot.yaml"
    path.write_text("based_on: aloha_2024\nrobot: ours\n", encoding="utf-8")
    ours = load(path, [SCRIPTED])
    assert ours.robot == "ours"
    assert ours.arms["left"].config["gripper"]["horn_m"] == 0.0275


def test_a_config_that_is_based_on_itself_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config_module, "CONFIGS", tmp_path)
    path = tmp_path / "robot.yaml"
    path.write_text("based_on: robot\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="based_on leads back to itself"):
        load(path, [SCRIPTED])
