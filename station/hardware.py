"""Which hardware a launch drives: the real arms, or the twin in their place."""

from __future__ import annotations

from collections.abc import Callable

from drivers.dynamixel.address import is_there
from station.config import twin_thresholds
from station.explain import ConfigError
from station.robot import LEADER_DEVICE, ArmConfig, CameraConfig, StationConfig
from station.scene import SCENE
from station.views import needed_cameras


def decided(config: StationConfig, exists: Callable[[str], bool] = is_there) -> StationConfig:
    """Return the config with `hardware` settled and what stands in for it in place.

    Leaders count as a sign of a robot, but are needed only where a person commands by them.

    Args:
        config: as read from its file.
        exists: whether there is something at a port.

    Raises:
        ConfigError: only some of the ports that the launch needs are there, or there are no leaders
            to command by.
    """
    _demand_leaders(config, exists)
    hardware = _found(config, exists) if config.hardware == "auto" else config.hardware
    if hardware == "real":
        _demand_ports(config, exists)
        _demand_cameras(config, exists)
        return config.model_copy(update={"hardware": hardware})
    arms = config.arms
    if hardware == "twin":
        arms = {name: _direct(arm) for name, arm in arms.items()}
    changes = {"hardware": hardware, "arms": arms, "cameras": _stand_ins(config)}
    config = config.model_copy(update=changes)
    # An arm of a plugin without a port is its own, in whatever company: nobody may be late for it.
    safety = twin_thresholds(config) if config.plays_all_arms else config.safety
    return config.model_copy(update={"safety": safety})


def _found(config: StationConfig, exists: Callable[[str], bool]) -> str:
    """Return what `auto` comes to on this machine."""
    if not any(name.startswith("arms.") for name in config.ports):
        return "real"  # arms without ports say themselves whether they are there
    return "real" if any(exists(port) for port in config.ports.values()) else "emulated"


def _demand_ports(config: StationConfig, exists: Callable[[str], bool]) -> None:
    needed = {name: port for name, port in config.ports.items() if name.startswith("arms.")}
    missing = {name: port for name, port in needed.items() if not exists(port)}
    if not missing:
        return
    there = [port for port in config.ports.values() if exists(port)]
    lines = "".join(f"\n  {name}: nothing at {port}" for name, port in missing.items())
    raise ConfigError(
        f"hardware: {config.hardware}: not all arms of {config.robot} are there (found: "
        f"{', '.join(there) or 'none'}){lines}\n  plug them in and switch the 12 V on, see what is "
        "where with `python -m drivers scan`, or drive the twin with `--set hardware=emulated`"
    )


def _demand_leaders(config: StationConfig, exists: Callable[[str], bool]) -> None:
    if config.teleop.device == LEADER_DEVICE and not config.leaders:
        raise ConfigError(f"teleop.device: {LEADER_DEVICE}: {config.robot} has no `leaders:`")
    needed = {name: port for name, port in config.ports.items() if name.startswith("leaders.")}
    missing = {name: port for name, port in needed.items() if not exists(port)}
    if config.leading and missing:
        lines = "".join(f"\n  {name}: nothing at {port}" for name, port in missing.items())
        raise ConfigError(
            f"teleop.device: {LEADER_DEVICE}: not all leaders of {config.robot} are there:{lines}\n"
            "  plug them in and switch the 12 V on, look with `python -m drivers scan`, "
            "or command by another device: `--teleop keyboard`, `--teleop scripted`"
        )


def _demand_cameras(config: StationConfig, exists: Callable[[str], bool]) -> None:
    missing = []
    for name, camera in config.cameras.items():
        device = camera.config.get("device")
        if isinstance(device, str) and not exists(device):
            missing.append(f"\n  cameras.{name}: nothing at {device}")
        elif SCENE in camera.config.values() and not config.is_twin:
            missing.append(f"\n  cameras.{name}: {camera.plugin} shows the twin, and there is none")
    if missing:
        raise ConfigError(
            f"not all cameras of {config.robot} are there:{''.join(missing)}\n  plug them in, name "
            "them by udev rules or give their /dev/v4l/by-id/ paths (docs/cameras.md), or take one "
            "out: `cameras: {NAME: null}` in the config, `--set cameras.NAME=null`"
        )


def _stand_ins(config: StationConfig) -> dict[str, CameraConfig]:
    """Return the twin's cameras; those that are drawn for people alone are drawn rarely."""
    needed = needed_cameras(config)
    cameras = {name: config.twin.cameras.get(name, own) for name, own in config.cameras.items()}
    return {
        name: camera
        if name in needed or SCENE not in map(str, camera.config.values())
        else _at_most(camera, config.twin.spare_rate_hz)
        for name, camera in cameras.items()
    }


def _at_most(camera: CameraConfig, rate_hz: float) -> CameraConfig:
    rate_hz = min(rate_hz, camera.config.get("rate_hz", rate_hz))
    return camera.model_copy(update={"config": {**camera.config, "rate_hz": rate_hz}})


def _direct(arm: ArmConfig) -> ArmConfig:
    return arm.model_copy(update={"plugin": "twin", "config": {}})
