"""A robot's config: one strict YAML file, with errors that name the key and the near miss."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from runtime.plugins import UnknownNameError
from runtime.shell import command
from runtime.yaml_text import Document, YamlError, read
from safety.config import SafetyConfig
from station.explain import ConfigError as ConfigError
from station.explain import Place, explained, nowhere
from station.plugin_options import check_plugins
from station.robot import StationConfig
from station.sources import Sources

CONFIGS = Path(__file__).parent.parent / "configs"
CALIBRATIONS = CONFIGS / "calibration"

_MEASURED: Final = (
    "it holds what `python -m drivers calibrate` and `latency` measured, and cannot be used as it "
    "is: put a copy in its place, or {removal} and measure again; without it, the config's "
    "figures hold"
)


def robots() -> list[str]:
    """Return the names of the robots that have a config."""
    return sorted(path.stem for path in CONFIGS.glob("*.yaml"))


def robot_file(robot: str) -> Path:
    """Return the config file of a robot; raises UnknownNameError if there is none."""
    if robot not in robots():
        raise UnknownNameError("robot", robot, robots())
    return CONFIGS / f"{robot}.yaml"


def load(path: Path, settings: list[str], measured: dict[str, Any] | None = None) -> StationConfig:
    """Read a config file, its calibration, and `key.key=value` settings over both.

    A file that is `based_on` a robot needs to say only what differs from it.

    Args:
        path: of the config file.
        settings: from the command line.
        measured: what the calibration is to say, instead of its file.

    Raises:
        ConfigError: a file or a setting cannot be read, or a key or value is not as it should be.
    """
    documents = _documents(path)
    known = _calibration(path) if measured is None else Document("calibration", measured, {})
    sources = Sources(*documents, known)
    for setting in settings:
        sources.set(setting)
    try:
        config = StationConfig.model_validate_json(json.dumps(sources.value))
    except ValidationError as error:
        raise ConfigError(explained(error, StationConfig, str(path), sources.place)) from error
    check_plugins(config, str(CONFIGS), sources.place)
    twin_thresholds(config, sources.place)
    return config


def safety_config(robot: str) -> SafetyConfig:
    """Return that section of a robot's config, the defaults for a robot that has no config here.

    Nothing else of the config is looked at, so this takes no time and cannot fail for its sake.
    """
    path = CONFIGS / f"{robot}.yaml"
    section = Sources(*_documents(path)).value.get("safety", {}) if path.exists() else {}
    return _safety(section, f"{path}: safety", nowhere)


def twin_thresholds(config: StationConfig, place: Place = nowhere) -> SafetyConfig:
    """Return what is too late where motors and cameras share the machine with everybody.

    Raises:
        ConfigError: a key or value of `twin.safety` is not as it should be.
    """
    given = {**config.safety.model_dump(mode="json"), **config.twin.safety}
    return _safety(given, "twin.safety", lambda key: place(("twin", "safety", *key)))


def calibration_file(path: Path) -> Path:
    """Return where what was measured of the robot with the config `path` is kept."""
    if path.parent == CONFIGS:
        return CALIBRATIONS / path.name
    return path.with_suffix(".calibration.yaml")


def calibration(path: Path) -> dict[str, Any]:
    """Return what was measured of the robot with the config `path`, empty if nothing was.

    Raises:
        ConfigError: the file is not whole; says what to do.
    """
    value: dict[str, Any] = _calibration(path).value
    return value


def _calibration(path: Path) -> Document:
    file = calibration_file(path)
    if not (file.exists() or file.is_symlink()):
        return Document(str(file), {}, {})
    remedy = _MEASURED.format(removal=command("rm", file))
    try:
        document = read(file)
    except YamlError as error:
        raise ConfigError(f"{error}\n  {remedy}") from error
    if document.value is None:
        raise ConfigError(f"{file} is empty: {remedy}")
    if not isinstance(document.value, dict):
        raise ConfigError(f"{file}: expected keys and values, got {_kind(document)}: {remedy}")
    if key := _first_without_value(document.value):
        raise ConfigError(f"{file}: {key} has no value: {remedy}")
    if not document.ended:
        raise ConfigError(f"{file}: its last line is cut off, or has no end: {remedy}")
    return document


def _first_without_value(value: Any) -> str:
    """Return the first key that has no value, with those that lead to it; empty if all have one."""
    if not isinstance(value, dict):
        return ""
    for key, within in value.items():
        if within is None:
            return str(key)
        if below := _first_without_value(within):
            return f"{key}.{below}"
    return ""


def _documents(path: Path, seen: tuple[Path, ...] = ()) -> list[Document]:
    """Return what a config file says, after that of the robot that it is based on."""
    if path in seen:
        raise ConfigError(f"{path}: based_on leads back to itself")
    try:
        document = read(path)
    except YamlError as error:
        raise ConfigError(str(error)) from error
    if not isinstance(document.value, dict):
        raise ConfigError(f"{path}: expected keys and values, got {_kind(document)}")
    base = document.value.pop("based_on", None)
    if base is None:
        return [document]
    where = f"{path}, line {document.lines['based_on',]}: based_on"
    if not isinstance(base, str):
        raise ConfigError(f"{where}: expected the name of a robot, got {base!r}")
    try:
        file = robot_file(base)
    except UnknownNameError as error:
        raise ConfigError(f"{where}: {error}") from error
    return [*_documents(file, (*seen, path)), document]


def _kind(document: Document) -> str:
    value = document.value
    return "an empty file" if value is None else f"a {type(value).__name__}"


def _safety(section: object, where: str, place: Place) -> SafetyConfig:
    try:
        return SafetyConfig.model_validate_json(json.dumps(section))
    except ValidationError as error:
        raise ConfigError(explained(error, SafetyConfig, where, place)) from error
