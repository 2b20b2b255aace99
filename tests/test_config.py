"""Robot configs: what is read, and how what is wrong is named."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from runtime.plugins import UnknownNameError
from station.config import ConfigError, StationConfig, load, robot_file, robots

SCRIPTED = "policy=scripted"


def loaded(*settings: str) -> StationConfig:
    return load(robot_file("aloha"), [SCRIPTED, *settings])


def message_of(*settings: str) -> str:
    with pytest.raises((ConfigError, UnknownNameError)) as caught:
        loaded(*settings)
    return str(caught.value)


def edited(tmp_path: Path, key: str, value: Any) -> Path:
    """Return a copy of ALOHA's config with one key of the left arm changed."""
    raw = yaml.safe_load(robot_file("aloha").read_text())
    raw["arms"]["left"] = {**raw["arms"]["left"], key: value}
    path = tmp_path / "robot.yaml"
    path.write_text(yaml.safe_dump(raw, sort_keys=False))
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
    assert config.is_twin


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
        ("limits.velocity=-1.0", ["limits.velocity", "-1.0", "greater than 0"]),
        ("limits.margin=5", ["limits: joint 'left_waist': no room", "margin of 5 rad"]),
        ("arms={}", ["arms: a robot needs at least one arm"]),
        ("task.timeout_s=0", ["task.timeout_s", "greater than 0"]),
        ("policy=scriptde", ["'scriptde'", "policy_worker/policies/", "mean 'scripted'"]),
        ("cameras.cam_high.plugin=mujco", ["'mujco'", "perception/cameras/", "mean 'mujoco'"]),
        ("cameras.cam_high.plugn=mujoco", ["cameras.cam_high.plugn", "mean 'plugin'"]),
        ("cameras.cam_high.config.width=2", ["cameras.cam_high.config", "width", "2", "16"]),
        ("cameras.cam_high.config.widht=64", ["widht", "no such key", "mean 'width'"]),
        ("arms.left.plugin=twinn", ["'twinn'", "drivers/arms/", "mean 'twin'"]),
        ("policies.scripted.model_pth=x", ["policies.scripted", "model_pth", "mean 'model_path'"]),
        (
            "network={station: a, elsewhere: {controller: b}}",
            ["network.elsewhere", "only policy_worker", "'controller'"],
        ),
        ("nonsense", ["--set nonsense", "key=value"]),
        ("robot.name=x", ["--set robot.name=x", "'robot' holds a value"]),
        ("controller.rate_hz=[", ["--set controller.rate_hz=[", "no YAML value"]),
    ],
)
def test_a_wrong_setting_is_named_with_what_would_be_right(setting: str, words: list[str]) -> None:
    message = message_of(setting)
    for word in words:
        assert word in message, f"{word!r} is not in: {message}"


def test_an_unknown_robot_is_refused_with_the_near_miss() -> None:
    with pytest.raises(UnknownNameError, match=r"no robot 'alhoa'.*mean 'aloha'"):
        robot_file("alhoa")


def test_a_file_that_is_not_there_or_no_yaml_or_no_mapping_is_named(tmp_path: Path) -> None:
    path = tmp_path / "robot.yaml"
    for text, words in ((None, "cannot read"), ("{", "cannot read"), ("- a", "keys and values")):
        if text is not None:
            path.write_text(text)
        with pytest.raises(ConfigError, match=words) as caught:
            load(path, [])
        assert str(path) in str(caught.value)


def test_a_binary_file_is_no_config(tmp_path: Path) -> None:
    path = tmp_path / "robot.yaml"
    path.write_bytes(bytes(range(256)))
    with pytest.raises(ConfigError, match="cannot read"):
        load(path, [])


def test_a_pose_out_of_range_is_refused_with_joint_value_and_range(tmp_path: Path) -> None:
    path = edited(tmp_path, "home", [0.0, -0.96, 1.16, 0.0, -0.3, 0.0, 1.1])
    with pytest.raises(ConfigError, match=re.escape("home: gripper = 1.1 lies outside 0.0..1.0")):
        load(path, [SCRIPTED])


def test_a_pose_of_the_wrong_length_is_refused(tmp_path: Path) -> None:
    path = edited(tmp_path, "rest", [0.0])
    with pytest.raises(ConfigError, match="rest has 1 values for 7 joints"):
        load(path, [SCRIPTED])


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    raw = yaml.safe_load(robot_file("aloha").read_text())
    del raw["task"]
    path = tmp_path / "robot.yaml"
    path.write_text(yaml.safe_dump(raw, sort_keys=False))
    with pytest.raises(ConfigError, match="task: missing"):
        load(path, [SCRIPTED])


def test_the_title_says_no_arms_here_only_if_all_are_the_twins() -> None:
    config = loaded()
    assert "no arms here" in config.title
    left = config.arms["left"].model_copy(update={"plugin": "dynamixel"})
    mixed = config.model_copy(update={"arms": {**config.arms, "left": left}})
    assert "no arms here" not in mixed.title
    assert "arm left by dynamixel" in mixed.title
    assert "arm right is the twin's" in mixed.title
    assert mixed.is_twin


def test_default_limits_are_checked_against_the_joints(tmp_path: Path) -> None:
    raw = yaml.safe_load(robot_file("aloha").read_text())
    del raw["limits"]
    joints = {**raw["arms"]["left"]["joints"], "waist": [-0.01, 0.01]}
    raw["arms"]["left"] = {**raw["arms"]["left"], "joints": joints}
    path = tmp_path / "robot.yaml"
    path.write_text(yaml.safe_dump(raw, sort_keys=False))
    with pytest.raises(ConfigError, match="limits: joint 'left_waist': no room"):
        load(path, [SCRIPTED])
