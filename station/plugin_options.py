"""The options of plugins, each checked by the plugin that they are for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from string import Template
from typing import Any

from pydantic import BaseModel, ValidationError

from runtime.plugins import UnknownNameError, plugin
from runtime.yaml_text import KeyPath, dotted
from station.explain import ConfigError, Place, explained, nowhere
from station.robot import ArmConfig, ButtonConfig, CameraConfig, StationConfig

_ARMS = "drivers.arms"


def check_plugins(config: StationConfig, configs: str, place: Place) -> None:
    """Raise ConfigError unless all that is used exists and takes the options that it is given.

    Args:
        config: of the robot.
        configs: the folder that `${configs}` stands for.
        place: says in which file and line a key stands.
    """
    known = {"twin_model": "twin.mjb", "configs": configs}
    for use in _used(config):

        def within(key: KeyPath, use: _Use = use) -> str:
            return place((*use.path, *key))

        try:
            plugin_config(use.package, use.name, use.options, known, dotted(use.path), within)
        except UnknownNameError as error:
            raise ConfigError(f"{dotted(use.named)}: {error} ({place(use.named)})") from error
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


@dataclass(frozen=True, slots=True)
class _Use:
    """A plugin that is used: the keys of its name and of its options, and what they say."""

    named: KeyPath
    path: KeyPath
    package: str
    name: str
    options: dict[str, Any]


def _used(config: StationConfig) -> Iterator[_Use]:
    sections: list[tuple[KeyPath, str, Mapping[str, ArmConfig | CameraConfig | ButtonConfig]]] = [
        (("arms",), _ARMS, config.arms),
        (("leaders",), _ARMS, config.leaders),
        (("cameras",), "perception.cameras", config.cameras),
        (("twin", "cameras"), "perception.cameras", config.twin.cameras),
        (("buttons",), "safety.buttons", config.buttons),
    ]
    for path, package, section in sections:
        for key, part in section.items():
            here = (*path, key)
            yield _Use((*here, "plugin"), (*here, "config"), package, part.plugin, part.config)
    name, options = config.policy, config.policies.get(config.policy, {})
    yield _Use(("policy",), ("policies", name), "policy_worker.policies", name, options)
    if device := config.teleop.device:
        path, options = ("teleop", "devices", device), config.teleop.devices.get(device, {})
        yield _Use(("teleop", "device"), path, "teleop.devices", device, options)


def _check_joints(arm: ArmConfig, known: dict[str, str], where: str) -> None:
    options = plugin_config(_ARMS, arm.plugin, arm.config, known, where)
    config = plugin(_ARMS, arm.plugin).Config.model_validate_json(json.dumps(options))
    if not hasattr(config, "check_joints"):
        return
    try:
        config.check_joints(arm.joints)
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from error
