"""The process table: from a robot's config to every process of its station."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dashboard.mqtt_config import MqttConfig
from messaging.curve import Network
from messaging.topics import TOPICS
from runtime.process import OnDeath, ProcessSpec
from safety import audit
from station.collision import model_file
from station.config import CONFIGS, plugin_config
from station.robot import StationConfig

# The shorter the deadline, the higher the priority; below them all, ordinary processes.
_CONTROLLER_PRIORITY = 80
_SAFETY_PRIORITY = 75
_ARM_PRIORITY = 70
_TWIN_PRIORITY = 60
_STOP_PRIORITY = 30  # of those whose work is to pass on a stop
_CAMERA_NICE = 5
_CAMERA_STALL_S = 0.5
_JOURNAL_NICE = 10
_BYSTANDER_STALL_S = 1.0


def process_names(config: StationConfig) -> list[str]:
    """Return the names of all processes of the station, in the order of its table."""
    return [
        *(["twin"] if config.is_twin else []),
        "safety",
        *(f"arm.{name}" for name in config.arms),
        *(f"camera.{name}" for name in config.cameras),
        "controller",
        "policy_worker",
        "journal",
        *(["dashboard"] if config.dashboard.enabled else []),
        *(["mqtt"] if config.mqtt else []),
        *(f"button.{name}" for name in config.buttons),
    ]


def process_table(
    config: StationConfig, bus_directory: Path, run_directory: Path
) -> list[ProcessSpec]:
    """Return all processes of the station, those on other machines too, each after its needs."""
    table = Table(config, bus_directory, run_directory)
    watched = [
        *([table.twin()] if config.is_twin else []),
        *(table.arm(name) for name in config.arms),
        *(table.camera(name) for name in config.cameras),
        table.controller(),
        table.policy_worker(),
        table.journal(),
        *([table.dashboard()] if config.dashboard.enabled else []),
        *([table.mqtt(config.mqtt)] if config.mqtt else []),
        *(table.button(name) for name in config.buttons),
    ]
    specs = {spec.name: spec for spec in [*watched, table.safety(watched)]}
    elsewhere = config.network.elsewhere if config.network else {}
    return [
        specs[name].model_copy(update={"remote": name in elsewhere})
        for name in process_names(config)
    ]


def network(config: StationConfig, here: str | None = None) -> Network | None:
    """Return who talks across machines as seen from address `here`, None if nobody does."""
    if config.network is None:
        return None
    instances = {
        "": [""],
        "camera": list(config.cameras),
        "arm": list(config.arms),
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
        keys=config.network.keys.expanduser(),
    )


class Table:
    """Makes one row after the other."""

    def __init__(self, config: StationConfig, bus_directory: Path, run_directory: Path) -> None:
        self._config = config
        self._bus = bus_directory
        self._run = run_directory
        self._known = {"twin_model": str(bus_directory / "twin.mjb"), "configs": str(CONFIGS)}

    def twin(self) -> ProcessSpec:
        """Return the simulated world."""
        rest = [value for arm in self._config.arms.values() for value in arm.rest]
        servos = {
            name: self._arm_options(name)
            for name, arm in self._config.arms.items()
            if self._config.hardware == "emulated" and "port" in arm.config
        }
        options = {
            "model_path": self._known["twin_model"],
            "arms": list(self._config.arms),
            "start": rest,
            "servos": servos,
        }
        return self._spec("twin", "simulation.main", options, realtime_priority=_TWIN_PRIORITY)

    def safety(self, watched: Sequence[ProcessSpec]) -> ProcessSpec:
        """Return the process without whose leave nothing moves, and which watches the others."""
        options = {
            "arms": list(self._config.arms),
            "ranges": self._config.ranges,
            "processes": {spec.name: spec.stall_s for spec in watched},
            "safety": self._config.safety.model_dump(mode="json"),
            "directory": str(self._config.state_directory),
        }
        return self._spec(
            "safety",
            "safety.main",
            options,
            on_death=OnDeath.RESTART,
            realtime_priority=_SAFETY_PRIORITY,
        )

    def arm(self, name: str) -> ProcessSpec:
        """Return the driver of an arm."""
        arm = self._config.arms[name]
        options = {
            "arm": name,
            "plugin": arm.plugin,
            "config": self._arm_options(name),
            "ranges": {f"{name}_{joint}": limits for joint, limits in arm.joints.items()},
            "limits": self._config.limits.model_dump(mode="json"),
            "rate_hz": self._config.controller.rate_hz,
            "rest": list(arm.rest),
        }
        return self._spec(
            f"arm.{name}",
            "drivers.main",
            options,
            needs=("twin",) if self._config.hardware != "real" or arm.plugin == "twin" else (),
            realtime_priority=_ARM_PRIORITY,
        )

    def camera(self, name: str) -> ProcessSpec:
        """Return the process of a camera."""
        camera = self._config.cameras[name]
        options = {
            "camera": name,
            "plugin": camera.plugin,
            "plugin_config": self._options("perception.cameras", camera.plugin, camera.config),
        }
        return self._spec(
            f"camera.{name}",
            "perception.main",
            options,
            needs=self._needs(camera.config),
            on_death=OnDeath.RESTART,
            stall_s=_CAMERA_STALL_S,
            nice=_CAMERA_NICE,
        )

    def controller(self) -> ProcessSpec:
        """Return the controller."""
        arms = self._config.arms
        options = {
            "arms": list(arms),
            "ranges": self._config.ranges,
            "limits": self._config.limits.model_dump(mode="json"),
            "home": [value for arm in arms.values() for value in arm.home],
            "rest": [value for arm in arms.values() for value in arm.rest],
            "controller": self._config.controller.model_dump(mode="json"),
            "collision_model": model_file(self._config, self._bus),
        }
        return self._spec(
            "controller", "controller.main", options, realtime_priority=_CONTROLLER_PRIORITY
        )

    def policy_worker(self) -> ProcessSpec:
        """Return the process that the policy infers in."""
        name = self._config.policy
        options = {
            "policy": name,
            "config": self._options(
                "policy_worker.policies", name, self._config.policies.get(name, {})
            ),
            "joints": list(self._config.ranges),
            "arms": list(self._config.arms),
            "cameras": list(self._config.cameras),
            "rate_hz": self._config.policy_worker.rate_hz,
            "instruction": self._config.task.instruction,
            "twin": self._config.is_twin,
        }
        return self._spec(
            "policy_worker",
            "policy_worker.main",
            options,
            needs=self._needs(self._config.policies.get(name, {})),
            on_death=OnDeath.RESTART,
        )

    def journal(self) -> ProcessSpec:
        """Return the process that writes down what the report tells."""
        options = {
            "run_directory": str(self._run),
            "arms": list(self._config.arms),
            "cameras": list(self._config.cameras),
            "video_camera": next(iter(self._config.cameras), ""),
        }
        return self._bystander("journal", "station.journal", options, nice=_JOURNAL_NICE)

    def dashboard(self) -> ProcessSpec:
        """Return the page with the stop button."""
        page = self._config.dashboard
        options = {
            "robot": self._config.robot,
            "title": self._config.title,
            "arms": list(self._config.arms),
            "joints": list(self._config.ranges),
            "cameras": list(self._config.cameras),
            "processes": process_names(self._config),
            "host": page.host,
            "port": page.port,
            "tokens": str(page.token_directory(self._config.robot)),
            "audit": str(self._config.state_directory / audit.NAME),
            "run_directory": str(self._run),
        }
        return self._bystander("dashboard", "dashboard.main", options)

    def mqtt(self, broker: MqttConfig) -> ProcessSpec:
        """Return the bridge to an MQTT broker."""
        options = {
            "robot": self._config.robot,
            "broker": broker.model_dump(mode="json"),
            "processes": process_names(self._config),
        }
        return self._bystander("mqtt", "dashboard.mqtt", options, realtime_priority=_STOP_PRIORITY)

    def button(self, name: str) -> ProcessSpec:
        """Return the reader of a stop button."""
        button = self._config.buttons[name]
        options = {
            "name": name,
            "plugin": button.plugin,
            "plugin_config": self._options("safety.buttons", button.plugin, button.config),
        }
        return self._spec(
            f"button.{name}",
            "safety.button_main",
            options,
            on_death=OnDeath.RESTART,
            realtime_priority=_STOP_PRIORITY,
        )

    def _bystander(
        self, name: str, module: str, options: dict[str, Any], **more: Any
    ) -> ProcessSpec:
        """Return a process without which the arms can move."""
        return self._spec(
            name, module, options, on_death=OnDeath.RESTART, stall_s=_BYSTANDER_STALL_S, **more
        )

    @staticmethod
    def _needs(options: dict[str, Any]) -> tuple[str, ...]:
        """Return what a plugin with these options waits for: the twin, if it reads its scene."""
        return ("twin",) if "${twin_model}" in map(str, options.values()) else ()

    def _arm_options(self, name: str) -> dict[str, Any]:
        """Return the options of an arm's plugin; an emulated one is plugged into the twin."""
        arm = self._config.arms[name]
        options = self._options("drivers.arms", arm.plugin, arm.config)
        if self._config.hardware == "emulated" and "port" in options:
            options["port"] = str(self._bus / Path(options["port"]).name)
        return options

    def _options(self, package: str, name: str, options: dict[str, Any]) -> dict[str, Any]:
        return plugin_config(package, name, options, self._known, name)

    def _spec(self, name: str, module: str, options: dict[str, Any], **more: Any) -> ProcessSpec:
        return ProcessSpec(
            name=name,
            module=module,
            config=options,
            directory=self._bus,
            network=network(self._config),
            **more,
        )
