"""What a tool is asked to do, with which arms, and how it asks back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from drivers.dynamixel.address import open_port
from drivers.dynamixel.bus import ServoBus
from drivers.dynamixel.profile import Profile
from drivers.dynamixel.serial_port import demand_short_latency
from motion.limits import JointLimits
from runtime.plugins import UnknownNameError
from station.robot import ArmConfig, StationConfig

Ask = Callable[[str], str]

LEADER = "leader_"
_COMMAND = "python -m drivers"
_PLUGIN = "aloha"


class ToolError(RuntimeError):
    """A tool that cannot do its work; says why and what to do."""


@dataclass(frozen=True, slots=True)
class NamedArm:
    """One arm of Dynamixel servos.

    Attributes:
        name: as people call it, `left` or `leader_left`.
        place: where it stands in the config, `arms.left` or `leaders.left`.
        config: its joints and poses.
        profile: its port and its motors.
    """

    name: str
    place: str
    config: ArmConfig
    profile: Profile

    @property
    def is_leader(self) -> bool:
        """Whether a person moves it."""
        return self.name.startswith(LEADER)

    def limits(self, station: StationConfig) -> JointLimits:
        """Return the limits of its joints, `<arm>_<joint>` each."""
        low, high = zip(*self.config.joints.values(), strict=True)
        names = [f"{self.name}_{joint}" for joint in self.config.joints]
        return JointLimits.build(names, low, high, station.limits)


@dataclass(frozen=True, slots=True)
class Request:
    """A tool's task.

    Attributes:
        station: the robot's config.
        file: from which it was read.
        arms: all arms of the robot that have servos.
        chosen: the names given with `--arm`, none if the tool shall choose.
        console: where results go.
        ask: puts a question to a person and returns the line that was typed.
        assume_yes: do not ask for mere consent.
        robot_options: which robot it is, as it was given on the command line.
    """

    station: StationConfig
    file: Path
    arms: dict[str, NamedArm]
    chosen: tuple[str, ...]
    console: Console
    ask: Ask
    assume_yes: bool = False
    robot_options: str = ""

    def selected(self, *, leaders: bool = True, followers: bool = True) -> list[NamedArm]:
        """Return the arms given with `--arm`; without any those of the wanted kinds."""
        if self.chosen:
            return [self.arms[name] for name in self.chosen]
        return [arm for arm in self.arms.values() if (leaders if arm.is_leader else followers)]

    def say(self, text: str) -> None:
        """Print plain text."""
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def demand_consent(self, question: str) -> None:
        """Raise ToolError unless a person says yes, or said so beforehand."""
        if self.assume_yes:
            return
        if self.ask(f"{question} [y/N] ").strip().lower() not in ("y", "yes"):
            raise ToolError("not confirmed: nothing was done")

    def demand_phrase(self, phrase: str) -> None:
        """Raise ToolError unless a person types exactly `phrase`."""
        if self.ask(f"type `{phrase}` to go on: ").strip() != phrase:
            raise ToolError(f"`{phrase}` was not typed: nothing was done")


def named_arms(station: StationConfig) -> dict[str, NamedArm]:
    """Return the arms of a robot that have servos, followers first, by name."""
    arms: dict[str, NamedArm] = {}
    for section, prefix, configs in (
        ("arms", "", station.arms),
        ("leaders", LEADER, station.leaders),
    ):
        for side, config in configs.items():
            if config.plugin != _PLUGIN:
                continue
            profile = Profile.model_validate_json(json.dumps(config.config))
            arms[prefix + side] = NamedArm(prefix + side, f"{section}.{side}", config, profile)
    if not arms:
        raise ToolError(
            f"{station.robot} has no arm with plugin {_PLUGIN}: name another robot with --robot"
        )
    return arms


def checked_names(names: Sequence[str], arms: dict[str, NamedArm]) -> tuple[str, ...]:
    """Return the names once each, in the given order; raises UnknownNameError."""
    for name in names:
        if name not in arms:
            raise UnknownNameError("arm", name, arms)
    return tuple(dict.fromkeys(names))


def options_hint(text: str, robot_options: str) -> str:
    """Return a line that says which options the commands in `text` need, none if they do not."""
    if not robot_options or _COMMAND not in text:
        return ""
    return f"\n(to these commands add {robot_options}, as you did)"


@contextmanager
def connected(arm: NamedArm) -> Iterator[ServoBus]:
    """Open the arm's port for as long as the block lasts; raises PortError."""
    with open_port(arm.profile.port, arm.profile.baud) as port:
        demand_short_latency(arm.profile.port)
        yield ServoBus(port)
