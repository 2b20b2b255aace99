"""The file that tells the controller what the arms could touch."""

from __future__ import annotations

from pathlib import Path

from station.robot import StationConfig


def model_file(config: StationConfig, bus_directory: Path) -> str | None:
    """Return where the file is, None for a robot whose shape nobody has described."""
    return str(bus_directory / "collision.mjb") if config.collision_model else None


def write_model(config: StationConfig, bus_directory: Path) -> None:
    """Write the file, if there is to be one; takes about a second."""
    path = model_file(config, bus_directory)
    if path is None:
        return
    from simulation.collision_model import save_collision_model  # MuJoCo is slow to load

    save_collision_model(Path(path))
