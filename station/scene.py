"""The scene of the arms, for a person's device that reckons in hand space."""

from __future__ import annotations

from pathlib import Path

from station.robot import StationConfig

SCENE = "${twin_model}"  # what stands for its file in the options of a plugin


def scene_file(bus_directory: Path) -> Path:
    """Return where the scene's file is."""
    return bus_directory / "twin.mjb"


def write_scene(config: StationConfig, bus_directory: Path) -> None:
    """Write the file where a device wants it and there is no twin that writes it."""
    device = config.teleop.device
    options = config.teleop.devices.get(device, {}) if device else {}
    if config.is_twin or SCENE not in map(str, options.values()):
        return
    from simulation.scene import save_model  # MuJoCo is slow to load

    save_model(scene_file(bus_directory))
