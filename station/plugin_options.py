"""The options of plugins, each checked by the plugin that they are for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from string import Template
from typing import Any

from pydantic import BaseModel, ValidationError

from runtime.plugins import UnknownNameError, plugin
from runtime.yaml_text import KeyPath
from station.explain import ConfigError, Place, explained, nowhere
from station.robot import ArmConfig, StationConfig

_ARMS = "drivers.arms"


def check_plugins(config: StationConfig, configs: str, place: Place) -> None:
    """Raise ConfigError unless all that is used exists and takes the options that it is given.

    Args:
        config: of the robot.
        configs: the folder that `${configs}` stands for.
        place: says in which file and line a key stands.
    """
    known = {"twin_model": "twin.mjb", "configs": configs}
    for path, package, name, options in _used(config):

        def within(key: KeyPath, path: KeyPath = path) -> str:
            return place((*path, *key))

        where = ".".join(map(str, path))
        try:
            plugin_config(package, name, options, known, where, within)
        except UnknownNameError as error:
            raise ConfigError(f"{where}: {error} ({place(path)})") from error
    for kind, arms in (("arms", config.arms), ("leaders", config.leaders)):
        for name, arm in arms.items():
            _check_joints(arm, known, f"{kind}.{name}")


def plugin_config(
    package: str,
    name: str,
    options: dict[str, Any],
    known: dict[str, str],
    where: str,
    place: Place = nowhere,
) -> dict[str, Any]:
    """Return the options of a plugin with `${...}` filled in, checked by the plugin itself.

    Args:
        package: of the plugin.
        name: of the plugin.
        options: as the config says them.
        known: what `${...}` may stand for.
        where: the key of the options, for people.
        place: says in which file and line a key of the options stands.

    Raises:
        UnknownNameError: there is no such plugin.
        ConfigError: it does not take these options.
    """
    # Within the quotes of JSON, which a path may have to escape.
    inserted = {key: json.dumps(value)[1:-1] for key, value in known.items()}
    filled: dict[str, Any] = json.loads(Template(json.dumps(options)).safe_substitute(inserted))
    model: type[BaseModel] = plugin(package, name).Config
    try:
        model.model_validate_json(json.dumps(filled))
    except ValidationError as error:
        raise ConfigError(explained(error, model, where, place)) from error
    return filled


def _used(config: StationConfig) -> Iterator[tuple[KeyPath, str, str, dict[str, Any]]]:
    """Yield the key of the options, the package and the name of each plugin, and its options."""
    for kind, arms in (("arms", config.arms), ("leaders", config.leaders)):
        for name, arm in arms.items():
            yield (kind, name, "config"), _ARMS, arm.plugin, arm.config
    for path, cameras in (
        (("cameras",), config.cameras),
        (("twin", "cameras"), config.twin.cameras),
    ):
        for name, camera in cameras.items():
            yield (*path, name, "config"), "perception.cameras", camera.plugin, camera.config
    for name, button in config.buttons.items():
        yield ("buttons", name, "config"), "safety.buttons", button.plugin, button.config
    policy, device = config.policy, config.teleop.device
    options = config.policies.get(policy, {})
    yield ("policies", policy), "policy_worker.policies", policy, options
    if device:
        options = config.teleop.devices.get(device, {})
        yield ("teleop", "devices", device), "teleop.devices", device, options


def _check_joints(arm: ArmConfig, known: dict[str, str], where: str) -> None:
    options = plugin_config(_ARMS, arm.plugin, arm.config, known, where)
    config = plugin(_ARMS, arm.plugin).Config.model_validate_json(json.dumps(options))
    if not hasattr(config, "check_joints"):
        return
    try:
        config.check_joints(arm.joints)
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from error
