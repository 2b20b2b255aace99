"""The rows of the process table that are there to collect data: people's devices and recorders."""

from __future__ import annotations

from runtime.process import OnDeath, ProcessSpec
from station.robot import RecorderConfig
from station.rows import (
    ARM_PRIORITY,
    FINISHER_NICE,
    TELEOP_PRIORITY,
    Rows,
)

_HANG_S = 30.0
_START_S = 180.0


class CollectingRows(Rows):
    """Makes the rows of who lets people command, and of who writes down what comes of it."""

    def teleop(self, device: str) -> ProcessSpec:
        """Return the process that reads the device by which a person commands."""
        config = self._config
        given = config.teleop.devices.get(device, {})
        options = {
            "device": device,
            "config": self._options("teleop.devices", device, given),
            "joints": config.ranges,
            "arms": list(config.arms),
            "home": [value for arm in config.arms.values() for value in arm.home],
            "instruction": config.task.instruction,
            "leaders": list(config.leading),
            "pedals": {
                name: pedal.model_dump(mode="json") for name, pedal in config.teleop.pedals.items()
            },
        }
        return self._spec(
            "teleop",
            "teleop.main",
            options,
            needs=self._needs(given) if config.is_twin else (),
            on_death=OnDeath.RESTART,
            realtime_priority=TELEOP_PRIORITY,
        )

    def leader(self, name: str) -> ProcessSpec:
        """Return the driver of an arm that a person moves."""
        leader = self._config.leaders[name]
        options = {
            "arm": name,
            "plugin": leader.plugin,
            "config": self._options("drivers.arms", leader.plugin, leader.config),
            "ranges": {f"{name}_{joint}": limits for joint, limits in leader.joints.items()},
            "limits": self._config.limits.model_dump(mode="json"),
            "rate_hz": self._config.controller.rate_hz,
        }
        return self._spec(
            f"leader.{name}",
            "drivers.leader_main",
            options,
            on_death=OnDeath.RESTART,
            realtime_priority=ARM_PRIORITY,
        )

    def recorder(self, recorder: RecorderConfig) -> ProcessSpec:
        """Return the process that writes down everything as it happens."""
        config = self._config
        options = {
            **self._dataset(recorder),
            "arms": list(config.arms),
            "operator": recorder.operator,
            "policy": config.policy,
            "checkpoint": self._checkpoint(),
            "free_bytes": recorder.free_bytes,
            "jpeg_quality": recorder.jpeg_quality,
            "twin": config.is_twin,
        }
        # No lower than others: an image that it has no time for is lost.
        return self._patient("recorder", "recorder.main", options)

    def finisher(self, recorder: RecorderConfig) -> ProcessSpec:
        """Return the process that turns what was written down into a dataset."""
        options = self._dataset(recorder)
        return self._patient("finisher", "recorder.finisher_main", options, nice=FINISHER_NICE)

    def _patient(
        self, name: str, module: str, options: dict[str, object], nice: int = 0
    ) -> ProcessSpec:
        """Return a process that a busy machine may keep waiting: to kill it would lose data."""
        return self._bystander(name, module, options, nice=nice, hang_s=_HANG_S, start_s=_START_S)

    def _dataset(self, recorder: RecorderConfig) -> dict[str, object]:
        return {
            "directory": str(recorder.place),
            "robot": self._config.robot,
            "joints": list(self._config.ranges),
            "cameras": list(self._config.cameras),
            "rate_hz": recorder.rate_hz,
        }

    def _checkpoint(self) -> str:
        """Return which parameters the policy has, empty for one that has none."""
        name = self._config.policy
        given = self._config.policies.get(name, {})
        options = self._options("policy_worker.policies", name, given)
        return str(options.get("checkpoint", ""))
