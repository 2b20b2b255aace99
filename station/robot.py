"""A robot's config as strict models: arms, cameras, policies, limits, task."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import (
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from controller.config import ControllerConfig
from dashboard.config import DashboardConfig
from dashboard.mqtt_config import MqttConfig
from motion.limits import JointLimits, LimitsConfig
from motion.minimum_jerk import durations
from runtime.config import Between, FrameRate, Name, Radians, StrictModel
from runtime.folders import expanded, state_home
from safety.config import SafetyConfig
from teleop.pedals import PedalConfig

_DAY_S = 86_400.0
_LONGEST_WAY_S = 300.0  # to a pose, which is planned in one piece between two ticks
LEADER_DEVICE = "leader"  # of teleop: the one that reads leader arms


class ArmConfig(StrictModel):
    """One arm: how it is driven, what its joints may do, its poses, how late its joints follow."""

    plugin: str
    config: dict[str, Any] = Field(default_factory=dict)
    joints: dict[Name, tuple[Radians, Radians]]  # joint -> range in rad, gripper 0..1
    home: tuple[Radians, ...]
    rest: tuple[Radians, ...]
    latency_s: dict[str, Annotated[float, Between(0.0, 0.5, "s")]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _latencies_are_of_joints(self) -> ArmConfig:
        unknown = [joint for joint in self.latency_s if joint not in self.joints]
        if unknown:
            raise ValueError(f"latency_s: no joints {unknown}; there are {', '.join(self.joints)}")
        return self

    @field_validator("joints")
    @classmethod
    def _ranges_are_upright(
        cls, joints: dict[str, tuple[float, float]]
    ) -> dict[str, tuple[float, float]]:
        for joint, (low, high) in joints.items():
            if low > high:
                raise ValueError(f"{joint}: want the lower limit first, got [{low}, {high}]")
        return joints

    @model_validator(mode="after")
    def _poses_lie_in_range(self) -> ArmConfig:
        for name, pose in (("home", self.home), ("rest", self.rest)):
            if len(pose) != len(self.joints):
                raise ValueError(
                    f"{name} has {len(pose)} values for {len(self.joints)} joints: "
                    f"{', '.join(self.joints)}"
                )
            for (joint, (low, high)), value in zip(self.joints.items(), pose, strict=True):
                if not low <= value <= high:
                    raise ValueError(f"{name}: {joint} = {value} lies outside {low}..{high}")
        return self


class CameraConfig(StrictModel):
    """One camera: where its images come from, and that source's own options."""

    plugin: str
    config: dict[str, Any] = Field(default_factory=dict)


class ButtonConfig(StrictModel):
    """One stop button, switch or pedal: how it is read, and that plugin's own options."""

    plugin: str
    config: dict[str, Any] = Field(default_factory=dict)


class WorkerConfig(StrictModel):
    """How often the policy is asked at most."""

    rate_hz: Annotated[float, Between(0.1, 200.0, "Hz")] = 10.0


class TeleopConfig(StrictModel):
    """By which device a person commands, if at all, the options of each device, and pedals."""

    device: str | None = None
    devices: dict[str, dict[str, Any]] = Field(default_factory=dict)
    pedals: dict[str, PedalConfig] = Field(default_factory=dict)


class RecorderConfig(StrictModel):
    """Where episodes are kept as a dataset, and how."""

    directory: Path
    rate_hz: Annotated[int, Between(1, 100, "Hz")] = 30  # of the dataset's rows
    operator: str = ""  # who commands and labels
    free_bytes: Annotated[int, Between(0, 10**15)] = 2_000_000_000  # of disk that stay free
    jpeg_quality: Annotated[int, Between(50, 100)] = 95  # until the videos are made

    @property
    def place(self) -> Path:
        """The folder, wherever a process is started."""
        return expanded(self.directory).absolute()


class TaskConfig(StrictModel):
    """What an episode is about."""

    instruction: str
    # Of the policy's own time: a person's corrections are extra.
    timeout_s: Annotated[float, Between(0.1, _DAY_S, "s")] = 20.0
    # For people to set the scene before each episode.
    reset_s: Annotated[float, Between(0.0, _DAY_S, "s")] = 0.0


class NetworkConfig(StrictModel):
    """Processes on other machines, and the keys that let them in."""

    station: str  # this station's address, as the others reach it
    elsewhere: dict[str, str]  # process, so far policy_worker alone -> address of its machine
    base_port: Annotated[int, Between(1024, 64_999)] = 5600
    keys: Path = Path("~/.config/evenhand/keys")

    @field_validator("elsewhere")
    @classmethod
    def _can_run_elsewhere(cls, elsewhere: dict[str, str]) -> dict[str, str]:
        for name in elsewhere:
            if name != "policy_worker":
                raise ValueError(f"only policy_worker can run on another machine, not {name!r}")
        return elsewhere


class TwinConfig(StrictModel):
    """What stands in for the real robot's parts where only its twin is there."""

    cameras: dict[Name, CameraConfig] = Field(default_factory=dict)
    # How often those views are drawn that go neither to the policy nor into a recording.
    spare_rate_hz: FrameRate = 2.0
    safety: dict[str, Any] = Field(default_factory=dict)  # other thresholds than the robot's


class StationConfig(StrictModel):
    """Everything that a launch needs to know about a robot."""

    robot: Name
    hardware: Literal["auto", "real", "emulated", "twin"] = "auto"
    arms: dict[Name, ArmConfig]
    leaders: dict[Name, ArmConfig] = Field(default_factory=dict)
    twin: TwinConfig = TwinConfig()
    limits: LimitsConfig = Field(default=LimitsConfig(), validate_default=True)
    collision_model: Literal["aloha"] | None = None  # None: nobody checks what the arms touch
    cameras: dict[Name, CameraConfig]
    policy: str
    policies: dict[str, dict[str, Any]]
    policy_worker: WorkerConfig = WorkerConfig()
    controller: ControllerConfig = ControllerConfig()
    teleop: TeleopConfig = TeleopConfig()
    recorder: RecorderConfig | None = None  # None: nothing is kept but the report
    task: TaskConfig
    safety: SafetyConfig = SafetyConfig()
    dashboard: DashboardConfig = DashboardConfig()
    mqtt: MqttConfig | None = None
    buttons: dict[Name, ButtonConfig] = Field(default_factory=dict)
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

    @model_validator(mode="after")
    def _poses_are_soon_reached(self) -> StationConfig:
        lower, upper = np.array(list(self.ranges.values())).T
        limits = JointLimits.build(tuple(self.ranges), lower, upper, self.limits)
        ways_s = durations(upper - lower, limits.slowed(self.controller.home_speed))
        slowest = int(np.argmax(ways_s))
        if ways_s[slowest] > _LONGEST_WAY_S:
            raise ValueError(
                f"limits, controller.home_speed: {limits.joints[slowest]} would take "
                f"{ways_s[slowest]:.0f} s from one end of its range to the other, allowed is "
                f"{_LONGEST_WAY_S:g} s: raise the limits, or controller.home_speed"
            )
        return self

    @model_validator(mode="after")
    def _a_dead_mans_switch_has_a_page(self) -> StationConfig:
        if self.safety.deadman and not self.dashboard.enabled:
            raise ValueError(
                "safety.deadman lets the arms move only while somebody has the dashboard open, and"
                " there is none: set dashboard.enabled to true, or safety.deadman to false"
            )
        return self

    @model_validator(mode="after")
    def _every_port_has_one_arm(self) -> StationConfig:
        owners: dict[str, str] = {}
        for name, port in self.ports.items():
            if port in owners:
                raise ValueError(
                    f"{owners[port]} and {name} are both at {port}; each arm has a port of its own"
                )
            owners[port] = name
        return self

    @property
    def ports(self) -> dict[str, str]:
        """Addresses of ports by arm, `arms.left` for instance, of those arms that have one."""
        return {
            f"{kind}.{name}": str(arm.config["port"])
            for kind, arms in (("arms", self.arms), ("leaders", self.leaders))
            for name, arm in arms.items()
            if "port" in arm.config
        }

    @property
    def leading(self) -> dict[str, ArmConfig]:
        """Leaders that this launch reads: all of them if a person commands by leaders."""
        return self.leaders if self.teleop.device == LEADER_DEVICE else {}

    @property
    def ranges(self) -> dict[str, tuple[float, float]]:
        """Joint names of all arms in ACT's order, `left_waist` first, and their ranges."""
        return _ranges(self.arms)

    @property
    def run_folder(self) -> Path:
        """The folder of all runs, wherever a process is started."""
        return expanded(self.runs).absolute()

    @property
    def state_directory(self) -> Path:
        """Where a stop in force and the audit outlive launches."""
        return state_directory(self.safety, self.robot)

    def latch_directory(self, run: Path) -> Path:
        """Return where the stop in force is kept: one of real arms outlives the launch.

        One of arms that the twin plays ends with the `run`, and touches no other.
        """
        return self.state_directory if self.has_real_arms else run

    @property
    def has_real_arms(self) -> bool:
        """Whether anything but the twin moves by this launch."""
        return not self.plays_all_arms or bool(self.leading)

    @property
    def plays_all_arms(self) -> bool:
        """Whether the twin plays every arm that is commanded; leaders may be real all the same."""
        return all(map(self._is_played, self.arms.values()))

    def _is_played(self, arm: ArmConfig) -> bool:
        return arm.plugin == "twin" or (self.hardware == "emulated" and "port" in arm.config)

    @property
    def is_twin(self) -> bool:
        """Whether there is a twin: some arm, if not all, is simulated."""
        simulated = self.hardware in ("emulated", "twin")
        return simulated or any(arm.plugin == "twin" for arm in self.arms.values())

    @property
    def title(self) -> str:
        """What a launch is about to move, for people."""
        by = f"by policy {self.policy}"
        if all(arm.plugin == "twin" for arm in self.arms.values()):
            return f"{self.robot}: no arms here, driving the simulated twin {by}"
        if self.plays_all_arms:
            return f"{self.robot}: no arms here, driving the twin through emulated servos {by}"
        driven = ", ".join(
            f"arm {name} is the twin's" if self._is_played(arm) else f"arm {name} by {arm.plugin}"
            for name, arm in self.arms.items()
        )
        return f"{self.robot}: driving real arms {by}: {driven}"


def state_directory(safety: SafetyConfig, robot: str) -> Path:
    """Return where `robot`'s latch and audit lie, across launches and reboots."""
    return expanded(safety.directory) if safety.directory else state_home() / "evenhand" / robot


def _ranges(arms: dict[str, ArmConfig]) -> dict[str, tuple[float, float]]:
    return {
        f"{name}_{joint}": limits
        for name, arm in arms.items()
        for joint, limits in arm.joints.items()
    }
