"""A robot's config: one strict YAML file, with errors that name the key and the near miss."""

from __future__ import annotations

import json
from pathlib import Path
from string import Template
from typing import Annotated, Any

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from controller.config import ControllerConfig
from motion.limits import JointLimits, LimitsConfig
from runtime.plugins import UnknownNameError, plugin
from station.explain import explained

CONFIGS = Path(__file__).parent.parent / "configs"


class ConfigError(ValueError):
    """A config that cannot be used; says which key, what was given and what was expected."""


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class ArmConfig(_Strict):
    """One arm: how it is driven, what its joints may do, and its poses."""

    plugin: str
    config: dict[str, Any] = Field(default_factory=dict)
    joints: dict[str, tuple[float, float]]  # joint -> range in rad, gripper 0..1
    home: tuple[float, ...]
    rest: tuple[float, ...]

    @model_validator(mode="after")
    def _poses_lie_in_range(self) -> ArmConfig:
        for name, pose in (("home", self.home), ("rest", self.rest)):
            if len(pose) != len(self.joints):
                raise ValueError(f"{name} has {len(pose)} values for {len(self.joints)} joints")
            for (joint, (low, high)), value in zip(self.joints.items(), pose, strict=True):
                if not low <= value <= high:
                    raise ValueError(f"{name}: {joint} = {value} lies outside {low}..{high}")
        return self


class CameraConfig(_Strict):
    """One camera: where its images come from, and that source's own options."""

    plugin: str
    config: dict[str, Any] = Field(default_factory=dict)


class WorkerConfig(_Strict):
    """How often the policy is asked at most."""

    rate_hz: PositiveFloat = 10.0


class TaskConfig(_Strict):
    """What an episode is about."""

    instruction: str
    timeout_s: PositiveFloat = 20.0


class NetworkConfig(_Strict):
    """Processes on other machines, and the keys that let them in."""

    station: str  # this station's address, as the others reach it
    elsewhere: dict[str, str]  # process, so far policy_worker alone -> address of its machine
    base_port: Annotated[int, Field(gt=1023, lt=65000)] = 5600
    keys: Path = Path("~/.config/evenhand/keys")

    @field_validator("elsewhere")
    @classmethod
    def _can_run_elsewhere(cls, elsewhere: dict[str, str]) -> dict[str, str]:
        for name in elsewhere:
            if name != "policy_worker":
                raise ValueError(f"only policy_worker can run on another machine, not {name!r}")
        return elsewhere


class StationConfig(_Strict):
    """Everything that a launch needs to know about a robot."""

    robot: str
    arms: dict[str, ArmConfig]
    limits: LimitsConfig = Field(default=LimitsConfig(), validate_default=True)
    cameras: dict[str, CameraConfig]
    policy: str
    policies: dict[str, dict[str, Any]]
    policy_worker: WorkerConfig = WorkerConfig()
    controller: ControllerConfig = ControllerConfig()
    task: TaskConfig
    network: NetworkConfig | None = None
    runs: Path = Path("runs")

    @field_validator("arms")
    @classmethod
    def _there_are_arms(cls, arms: dict[str, ArmConfig]) -> dict[str, ArmConfig]:
        if not any(arm.joints for arm in arms.values()):
            raise ValueError("a robot needs at least one arm with a joint, got none")
        return arms

    @field_validator("limits")
    @classmethod
    def _limits_leave_room(cls, limits: LimitsConfig, info: ValidationInfo) -> LimitsConfig:
        ranges = _ranges(info.data.get("arms", {}))
        lower = [low for low, _ in ranges.values()]
        upper = [high for _, high in ranges.values()]
        try:
            JointLimits.build(tuple(ranges), lower, upper, limits)
        except ValueError as error:
            raise ValueError(
                f"{error}, with a margin of {limits.margin:g} rad at both ends of its range"
            ) from error
        return limits

    @property
    def ranges(self) -> dict[str, tuple[float, float]]:
        """Joint names of all arms in ACT's order, `left_waist` first, and their ranges."""
        return _ranges(self.arms)

    @property
    def is_twin(self) -> bool:
        """Whether there is a twin: some arm, if not all, is simulated."""
        return any(arm.plugin == "twin" for arm in self.arms.values())

    @property
    def title(self) -> str:
        """What a launch is about to move, for people."""
        if all(arm.plugin == "twin" for arm in self.arms.values()):
            return f"{self.robot}: no arms here, driving the simulated twin by policy {self.policy}"
        driven = ", ".join(
            f"arm {name} is the twin's" if arm.plugin == "twin" else f"arm {name} by {arm.plugin}"
            for name, arm in self.arms.items()
        )
        return f"{self.robot}: driving real arms by policy {self.policy}: {driven}"


def robots() -> list[str]:
    """Return the names of the robots that have a config."""
    return sorted(path.stem for path in CONFIGS.glob("*.yaml"))


def robot_file(robot: str) -> Path:
    """Return the config file of a robot; raises UnknownNameError if there is none."""
    if robot not in robots():
        raise UnknownNameError("robot", robot, robots())
    return CONFIGS / f"{robot}.yaml"


def load(path: Path, settings: list[str]) -> StationConfig:
    """Read a config file and apply `key.key=value` settings over it.

    Raises:
        ConfigError: the file or a setting cannot be read, or a key or value is not as it should be.
    """
    try:
        raw = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"cannot read the config {path}: {error}") from error
    if not isinstance(raw, dict):
        raise ConfigError(f"{path}: expected keys and values, got {type(raw).__name__}")
    # A YAML alias is one object in two places; a setting shall change the place it names alone.
    raw = json.loads(json.dumps(raw))
    for setting in settings:
        _apply(raw, setting)
    try:
        config = StationConfig.model_validate_json(json.dumps(raw))
    except ValidationError as error:
        raise ConfigError(explained(error, StationConfig, str(path))) from error
    check_plugins(config)
    return config


def check_plugins(config: StationConfig) -> None:
    """Raise if a named plugin does not exist or its own config is not as it should be."""
    known = {"twin_model": "twin.mjb", "configs": str(CONFIGS)}
    for name, arm in config.arms.items():
        plugin_config("drivers.arms", arm.plugin, arm.config, known, f"arms.{name}.config")
    for name, camera in config.cameras.items():
        where = f"cameras.{name}.config"
        plugin_config("perception.cameras", camera.plugin, camera.config, known, where)
    options = config.policies.get(config.policy, {})
    where = f"policies.{config.policy}"
    plugin_config("policy_worker.policies", config.policy, options, known, where)


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


def _ranges(arms: dict[str, ArmConfig]) -> dict[str, tuple[float, float]]:
    return {
        f"{name}_{joint}": limits
        for name, arm in arms.items()
        for joint, limits in arm.joints.items()
    }


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
        place[last] = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise ConfigError(f"--set {setting}: {value!r} is no YAML value") from error
