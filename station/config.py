"""A robot's config: one strict YAML file, with errors that name the key and the near miss."""

from __future__ import annotations

import json
from pathlib import Path
from string import Template
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from runtime.plugins import UnknownNameError, plugin
from safety.config import SafetyConfig
from station.explain import explained
from station.robot import ArmConfig, StationConfig

CONFIGS = Path(__file__).parent.parent / "configs"
CALIBRATIONS = CONFIGS / "calibration"


class ConfigError(ValueError):
    """A config that cannot be used; says which key, what was given and what was expected."""


def robots() -> list[str]:
    """Return the names of the robots that have a config."""
    return sorted(path.stem for path in CONFIGS.glob("*.yaml"))


def robot_file(robot: str) -> Path:
    """Return the config file of a robot; raises UnknownNameError if there is none."""
    if robot not in robots():
        raise UnknownNameError("robot", robot, robots())
    return CONFIGS / f"{robot}.yaml"


def load(path: Path, settings: list[str]) -> StationConfig:
    """Read a config file, its calibration, and `key.key=value` settings over both.

    A file that is `based_on` a robot needs to say only what differs from it.

    Raises:
        ConfigError: a file or a setting cannot be read, or a key or value is not as it should be.
    """
    raw = merged(_read(path), calibration(path))
    for setting in settings:
        _apply(raw, setting)
    try:
        config = StationConfig.model_validate_json(json.dumps(raw))
    except ValidationError as error:
        raise ConfigError(explained(error, StationConfig, str(path))) from error
    check_plugins(config)
    return config


def safety_config(robot: str) -> SafetyConfig:
    """Return that section of a robot's config, the defaults for a robot that has no config here.

    Nothing else of the config is looked at, so this takes no time and cannot fail for its sake.
    """
    path = CONFIGS / f"{robot}.yaml"
    section = _read(path).get("safety", {}) if path.exists() else {}
    return SafetyConfig.model_validate_json(json.dumps(section))


def calibration_file(path: Path) -> Path:
    """Return where what was measured of the robot with the config `path` is kept."""
    if path.parent == CONFIGS:
        return CALIBRATIONS / path.name
    return path.with_suffix(".calibration.yaml")


def calibration(path: Path) -> dict[str, Any]:
    """Return what was measured of the robot with the config `path`, empty if nothing was."""
    file = calibration_file(path)
    return _mapping(file) if file.exists() else {}


def merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return `base` with `changes` over it, key by key at any depth; None takes a key away.

    A section that names another plugin than before begins anew: the options of the old plugin
    would mean nothing to it.
    """
    result = dict(base)
    for key, value in changes.items():
        before = result.get(key)
        if value is None:
            result.pop(key, None)
            continue
        if isinstance(before, dict) and isinstance(value, dict):
            other = "plugin" in value and value["plugin"] != before.get("plugin")
            result[key] = merged({**before, "config": {}} if other else before, value)
        else:
            result[key] = value
    return result


def check_plugins(config: StationConfig) -> None:
    """Raise if a named plugin does not exist or its own config is not as it should be."""
    known = {"twin_model": "twin.mjb", "configs": str(CONFIGS)}
    for kind, arms in (("arms", config.arms), ("leaders", config.leaders)):
        for name, arm in arms.items():
            _check_arm(arm, known, f"{kind}.{name}")
    for kind, cameras in (("cameras", config.cameras), ("twin.cameras", config.twin.cameras)):
        for name, camera in cameras.items():
            where = f"{kind}.{name}.config"
            plugin_config("perception.cameras", camera.plugin, camera.config, known, where)
    for name, button in config.buttons.items():
        where = f"buttons.{name}.config"
        plugin_config("safety.buttons", button.plugin, button.config, known, where)
    options = config.policies.get(config.policy, {})
    where = f"policies.{config.policy}"
    plugin_config("policy_worker.policies", config.policy, options, known, where)
    if device := config.teleop.device:
        options = config.teleop.devices.get(device, {})
        plugin_config("teleop.devices", device, options, known, f"teleop.devices.{device}")


def _check_arm(arm: ArmConfig, known: dict[str, str], where: str) -> None:
    options = plugin_config("drivers.arms", arm.plugin, arm.config, known, f"{where}.config")
    config = plugin("drivers.arms", arm.plugin).Config.model_validate_json(json.dumps(options))
    if not hasattr(config, "check_joints"):
        return
    try:
        config.check_joints(arm.joints)
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from error


def plugin_config(
    package: str, name: str, options: dict[str, Any], known: dict[str, str], where: str
) -> dict[str, Any]:
    """Return the options of a plugin with `${...}` filled in, checked by the plugin itself."""
    filled: dict[str, Any] = json.loads(Template(json.dumps(options)).safe_substitute(known))
    model: type[BaseModel] = plugin(package, name).Config
    try:
        model.model_validate_json(json.dumps(filled))
    except ValidationError as error:
        raise ConfigError(explained(error, model, where)) from error
    return filled


def _read(path: Path, seen: tuple[Path, ...] = ()) -> dict[str, Any]:
    """Return what a config file says, over the robot that it is based on."""
    if path in seen:
        raise ConfigError(f"{path}: based_on leads back to itself")
    raw = _mapping(path)
    based_on = raw.pop("based_on", None)
    if based_on is None:
        return raw
    return merged(_read(robot_file(based_on), (*seen, path)), raw)


def _mapping(path: Path) -> dict[str, Any]:
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"cannot read the config {path}: {error}") from error
    if not isinstance(raw, dict):
        raise ConfigError(f"{path}: expected keys and values, got {type(raw).__name__}")
    # A YAML alias is one object in two places; a setting shall change the place it names alone.
    copy: dict[str, Any] = json.loads(json.dumps(raw, default=str))
    return copy


def _apply(raw: dict[str, Any], setting: str) -> None:
    key, equals, value = setting.partition("=")
    if not equals or not key:
        raise ConfigError(f"--set {setting}: expected key=value, such as controller.rate_hz=200")
    *path, last = key.split(".")
    place = raw
    for part in path:
        place = place.setdefault(part, {})
        if not isinstance(place, dict):
            raise ConfigError(f"--set {setting}: {part!r} holds a value, not further keys")
    try:
        parsed = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise ConfigError(f"--set {setting}: {value!r} is no YAML value") from error
    if parsed is None:
        place.pop(last, None)
        return
    if last == "plugin" and parsed != place.get(last):
        place["config"] = {}  # as in `merged`
    place[last] = parsed
