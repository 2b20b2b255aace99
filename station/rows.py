"""What all rows of the process table have in common: the bus, the options of plugins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from messaging.curve import Network
from messaging.topics import TOPICS
from runtime.folders import expanded
from runtime.process import OnDeath, ProcessSpec
from station.config import CONFIGS
from station.plugin_options import plugin_config
from station.robot import StationConfig
from station.scene import SCENE, scene_file

# The shorter the deadline, the higher the priority; below them all, ordinary processes.
CONTROLLER_PRIORITY = 80
SAFETY_PRIORITY = 75
TELEOP_PRIORITY = 72
ARM_PRIORITY = 70
TWIN_PRIORITY = 60
STOP_PRIORITY = 30  # of those whose work is to pass on a stop
CAMERA_NICE = 10  # drawing and unpacking pictures must not delay what a policy infers from them
JOURNAL_NICE = 10
FINISHER_NICE = 19

_BYSTANDER_STALL_S = 1.0


def process_names(config: StationConfig) -> list[str]:
    """Return the names of all processes of the station, in the order of its table."""
    return [
        *(["twin"] if config.is_twin else []),
        "safety",
        *(f"arm.{name}" for name in config.arms),
        *(f"leader.{name}" for name in config.leading),
        *(f"camera.{name}" for name in config.cameras),
        "controller",
        *(["teleop"] if config.teleop.device else []),
        "policy_worker",
        *(["recorder", "finisher"] if config.recorder else []),
        "journal",
        *(["dashboard"] if config.dashboard.enabled else []),
        *(["mqtt"] if config.mqtt else []),
        *(f"button.{name}" for name in config.buttons),
    ]


def network(config: StationConfig, here: str | None = None) -> Network | None:
    """Return who talks across machines as seen from address `here`, None if nobody does."""
    if config.network is None:
        return None
    instances = {
        "": [""],
        "camera": list(config.cameras),
        # A leader's joints are told as those of an arm.
        "arm": [*config.arms, *(f"leader_{name}" for name in config.leading)],
        "leader": list(config.leaders),
        "process": process_names(config),
    }
    streams = [topic.stream(instance) for topic in TOPICS for instance in instances[topic.each]]
    return Network(
        here=here or config.network.station,
        station=config.network.station,
        elsewhere=dict(config.network.elsewhere),
        streams=tuple(streams),
        base_port=config.network.base_port,
        keys=expanded(config.network.keys),
    )


class Rows:
    """Makes rows of the table.

    Args:
        config: of the robot.
        bus_directory: where the sockets go, and files that live as long as the launch.
        run_directory: where the run is written down.
    """

    def __init__(self, config: StationConfig, bus_directory: Path, run_directory: Path) -> None:
        self._config = config
        self._bus = bus_directory
        self._run = run_directory
        self._known = {"twin_model": str(scene_file(bus_directory)), "configs": str(CONFIGS)}

    def _spec(self, name: str, module: str, options: dict[str, Any], **more: Any) -> ProcessSpec:
        return ProcessSpec(
            name=name,
            module=module,
            config=options,
            directory=self._bus,
            network=network(self._config),
            **more,
        )

    def _bystander(
        self, name: str, module: str, options: dict[str, Any], **more: Any
    ) -> ProcessSpec:
        """Return a process without which the arms can move."""
        return self._spec(
            name, module, options, on_death=OnDeath.RESTART, stall_s=_BYSTANDER_STALL_S, **more
        )

    def _options(self, package: str, name: str, options: dict[str, Any]) -> dict[str, Any]:
        return plugin_config(package, name, options, self._known, name)

    @staticmethod
    def _needs(options: dict[str, Any]) -> tuple[str, ...]:
        """Return what a plugin with these options waits for: the twin, if it reads its scene."""
        return ("twin",) if SCENE in map(str, options.values()) else ()
