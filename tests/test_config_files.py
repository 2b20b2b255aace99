"""Files and settings of a robot: where an error stands, torn calibrations, any values."""

import contextlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

import launch
from station.arm_tools.keeping import keep
from station.arm_tools.request import Request, ToolError
from station.config import ConfigError, calibration_file, load, robot_file
from station.robot import StationConfig

SCRIPTED = "policy=scripted"
ALOHA = load(robot_file("aloha"), [SCRIPTED]).model_dump(mode="json")
MEASURED = "arms:\n  left:\n    config:\n      gripper:\n        open_rad: 1.4\n"


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "robot.yaml"
    path.write_text(f"based_on: aloha\nrobot: ours\n{text}", encoding="utf-8")
    return path


def refusal(path: Path, *more: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(path, [SCRIPTED, *more])
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("limits:\n  velocity: .inf\n", ["limits.velocity: got inf", "0.05 to 20 rad/s", "line 4"]),
        ("limits: {velocity: 0.5, velocity: 3.0}\n", ["limits.velocity is given twice"]),
        ("limits: {}\nlimits: {}\n", ["lines 3 and 4", "limits is given twice"]),
        ("task:\n  instruction: 7\n", ["task.instruction: got 7", "text in quotes", "line 4"]),
        ("cameras:\n  cam_high:\n    config:\n      width: 1\n", ["got 1", "16 to 4096", "line 6"]),
        ("cameras:\n  yes: {plugin: mujoco}\n", ["the key `yes`", "line 4"]),
        ("cameras:\n  a/b: {plugin: mujoco}\n", ["cameras.a/b", "a name is", "line 4"]),
        ("twin:\n  safety:\n    patience: 1000000000.0\n", ["patience", "1 to 100", "line 5"]),
        ("arms:\n  left:\n    plugin: twinn\n", ["arms.left.plugin", "'twinn'", "mean 'twin'"]),
        ("arms: {left: {joints: {waist: [3.0, -3.0]}}}\n", ["waist: want the lower limit first"]),
        ("polcy: flow\n", ["polcy: no such key", "mean 'policy'", "line 3"]),
    ],
)
def test_an_error_names_file_line_and_what_would_be_right(
    tmp_path: Path, text: str, words: list[str]
) -> None:
    path = written(tmp_path, text)
    message = refusal(path)
    for word in [str(path), *words]:
        assert word in message, f"{word!r} is not in: {message}"


def test_an_error_names_the_file_that_said_it_last(tmp_path: Path) -> None:
    path = written(tmp_path, "limits:\n  jerk: 400.0\n")
    calibration = calibration_file(path)
    calibration.write_text(MEASURED.replace("1.4", "70.0"), encoding="utf-8")
    assert f"({calibration}, line 5)" in refusal(path)
    calibration.unlink()
    assert "(--set limits.jerk=-1)" in refusal(path, "limits.jerk=-1")
    assert "--set limits={jerk: 0.5}" in refusal(path, "limits={jerk: 0.5}")


@pytest.mark.parametrize("name", ["", "/", ".", "x" * 300 + ".yaml"])
def test_what_is_no_file_is_named(name: str) -> None:
    assert f"cannot read {Path(name)}: " in refusal(Path(name))


@pytest.mark.parametrize("based_on", ["[aloha]", "7", "alhoa", "{a: b}", "''"])
def test_what_a_config_is_based_on_is_a_robot(tmp_path: Path, based_on: str) -> None:
    path = tmp_path / "robot.yaml"
    path.write_text(f"based_on: {based_on}\n", encoding="utf-8")
    assert f"{path}, line 1: based_on" in refusal(path)


@pytest.mark.parametrize(
    "torn",
    [
        "",
        "# arms.left.config.gripper: 2025-06-01, by `python -m drivers calibrate gripper`\n",
        "arms",
        "arms:\n",
        MEASURED[:-5],
        MEASURED[:-2],
        MEASURED[:-1],
        MEASURED[: MEASURED.index("open_rad")],
        "arms: {left: {config: {gripper: {open_rad: 1.4",
        "\0\0\0\0\0\0\0\0",
    ],
)
def test_a_calibration_that_is_not_whole_is_never_ignored(tmp_path: Path, torn: str) -> None:
    path = written(tmp_path, "")
    calibration = calibration_file(path)
    calibration.write_text(torn, encoding="utf-8")
    message = refusal(path)
    assert f"rm {calibration}" in message
    assert "python -m drivers calibrate" in message


def test_a_calibration_that_leads_nowhere_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, "")
    calibration_file(path).symlink_to(tmp_path / "gone.yaml")
    assert str(calibration_file(path)) in refusal(path)


def kept(path: Path, opened_rad: float) -> Path:
    """Keep where a gripper is open as a tool does."""
    request = Request(load(path, []), path, {}, (), Console(), ask=str)
    return keep(request, "arms.left.config.gripper", {"open_rad": opened_rad}, "a test")


def test_what_was_measured_is_kept_only_if_the_config_accepts_it(tmp_path: Path) -> None:
    path = written(tmp_path, "")
    with pytest.raises(ToolError, match="allowed is -10 to 10 rad"):
        kept(path, 70.0)
    assert list(tmp_path.iterdir()) == [path]
    file = kept(path, 1.4)
    before = file.read_bytes()
    with pytest.raises(ToolError, match="was not kept"):
        kept(path, 70.0)
    assert file.read_bytes() == before
    assert load(path, []).arms["left"].config["gripper"]["open_rad"] == 1.4
    assert sorted(tmp_path.iterdir()) == [file, path]


@pytest.mark.parametrize("setting", ["a..b=1", ".=1", "=1", "a" + ".a" * 5000 + "=1", "limits"])
def test_a_setting_without_a_key_is_refused(setting: str) -> None:
    assert "--set" in refusal(robot_file("aloha"), setting)


def paths(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the keys that lead to every value within `value`."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, within in items:
        yield (*path, key)
        if isinstance(within, dict | list):
            yield from paths(within, (*path, key))


PATHS = list(paths(ALOHA))
NUMBERS = st.floats() | st.integers() | st.integers(-(10**400), 10**400) | st.just(-1.0)
SCALARS = st.none() | st.booleans() | NUMBERS | st.text(max_size=8) | st.just("${twin_model}")
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=4,
)


def changed(path: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    """Return ALOHA's config with another value at `path`."""
    config: dict[str, Any] = json.loads(json.dumps(ALOHA))
    place: Any = config
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return config


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(PATHS), VALUES)
def test_with_any_value_anywhere_a_config_loads_or_one_error_says_why(
    tmp_path_factory: pytest.TempPathFactory, path: tuple[str | int, ...], value: Any
) -> None:
    file = tmp_path_factory.getbasetemp() / "any_value.yaml"
    file.write_text(yaml.safe_dump(changed(path, value), allow_unicode=True), encoding="utf-8")
    with contextlib.suppress(ConfigError):
        assert isinstance(load(file, []), StationConfig)


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(PATHS), VALUES)
def test_launch_says_what_is_wrong_and_ends_with_2(
    tmp_path_factory: pytest.TempPathFactory, path: tuple[str | int, ...], value: Any
) -> None:
    file = tmp_path_factory.getbasetemp() / "any_launch.yaml"
    file.write_text(yaml.safe_dump(changed(path, value), allow_unicode=True), encoding="utf-8")
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        code = launch.main(["--config", str(file), "--list"])
    assert code in (0, 2)
    assert said.getvalue().count("launch.py: ") == (code == 2)
