"""The process table: from a robot's config to every process of its station."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dashboard.mqtt_config import MqttConfig
from drivers.dynamixel.socket_port import SCHEME
from runtime.process import OnDeath, ProcessSpec
from safety import audit
from station.collecting import CollectingRows
from station.collision import model_file
from station.robot import StationConfig
from station.rows import (
    ARM_PRIORITY,
    CAMERA_NICE,
    CONTROLLER_PRIORITY,
    JOURNAL_NICE,
    SAFETY_PRIORITY,
    STOP_PRIORITY,
    TWIN_PRIORITY,
    Rows,
    process_names,
)
from station.views import filmed_camera

_CAMERA_STALL_S = 0.5


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
        *_collecting(config, CollectingRows(config, bus_directory, run_directory)),
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


def _collecting(config: StationConfig, rows: CollectingRows) -> list[ProcessSpec]:
    device, recorder = config.teleop.device, config.recorder
    return [
        *(rows.leader(name) for name in config.leading),
        *([rows.teleop(device)] if device else []),
        *([rows.recorder(recorder), rows.finisher(recorder)] if recorder else []),
    ]


def servos_address(bus_directory: Path, arm: str) -> str:
    """Return where the emulated servos of an arm of a launch are reached."""
    return f"{SCHEME}{bus_directory / arm}.servos"


class Table(Rows):
    """Makes the rows of those that are there in every launch, one after the other."""

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
        return self._spec("twin", "simulation.main", options, realtime_priority=TWIN_PRIORITY)

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
            realtime_priority=SAFETY_PRIORITY,
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
            realtime_priority=ARM_PRIORITY,
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
            nice=CAMERA_NICE,
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
            "controller", "controller.main", options, realtime_priority=CONTROLLER_PRIORITY
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
            "video_camera": filmed_camera(self._config),
        }
        return self._bystander("journal", "station.journal", options, nice=JOURNAL_NICE)

    def dashboard(self) -> ProcessSpec:
        """Return the page with the stop button."""
        page = self._config.dashboard
        options = {
            "robot": self._config.robot,
            "title": self._config.title,
            "arms": list(self._config.arms),
            "leaders": [f"leader_{name}" for name in self._config.leading],
            "joints": list(self._config.ranges),
            "cameras": list(self._config.cameras),
            "processes": process_names(self._config),
            "host": page.host,
            "port": page.port,
            "tokens": str(page.token_directory(self._config.robot)),
            "audit": str(self._config.state_directory / audit.NAME),
            "run_directory": str(self._run),
            "device": self._config.teleop.device or "",
            "records": self._config.recorder is not None,
        }
        return self._bystander("dashboard", "dashboard.main", options)

    def mqtt(self, broker: MqttConfig) -> ProcessSpec:
        """Return the bridge to an MQTT broker."""
        options = {
            "robot": self._config.robot,
            "broker": broker.model_dump(mode="json"),
            "processes": process_names(self._config),
        }
        return self._bystander("mqtt", "dashboard.mqtt", options, realtime_priority=STOP_PRIORITY)

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
            realtime_priority=STOP_PRIORITY,
        )

    def _arm_options(self, name: str) -> dict[str, Any]:
        """Return the options of an arm's plugin; an emulated one's servos are the twin's."""
        arm = self._config.arms[name]
        options = self._options("drivers.arms", arm.plugin, arm.config)
        if self._config.hardware == "emulated" and "port" in options:
            options["port"] = servos_address(self._bus, name)
        return options
