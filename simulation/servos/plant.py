"""The seam between emulated servos and the world that they move."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from drivers.dynamixel.profile import Profile

Kind = Literal["limp", "position", "velocity", "current", "pwm"]


class Drive(NamedTuple):
    """What a servo's motor is told to do, in the turning direction of its own shaft."""

    kind: Kind
    goal: float = 0.0  # rad, rad/s, A, or a fraction of full PWM, as `kind` says
    current_a: float = 0.0  # the most it may spend


LIMP = Drive("limp")


class Motion(NamedTuple):
    """How a shaft moves: its own angle, before Drive_Mode and Homing_Offset."""

    position_rad: float  # 0 is tick 2048
    velocity_rad_s: float
    current_a: float  # signed as the torque


class Plant(Protocol):
    """What stands behind the shafts. Servos are named by the ids that they have at the start."""

    def drive(self, servo: int, drive: Drive) -> None:
        """Drive a shaft like this from now on; called when something changes."""
        ...

    def motion(self, servo: int, now_ns: int) -> Motion:
        """Return how the shaft moves now."""
        ...

    def advance(self, now_ns: int) -> None:
        """Let time pass until now, with the drives as they are."""
        ...


@dataclass(frozen=True, slots=True)
class Mounting:
    """Which joint a shaft turns: shaft angle = sign * joint angle."""

    joint: str
    sign: int


def mountings(profile: Profile) -> dict[int, Mounting]:
    """Return what each motor of an arm turns; a shadow is mounted as the mirror of its master."""
    mounted: dict[int, Mounting] = {}
    for joint, motor in profile.motors.items():
        sign = -1 if motor.reversed else 1
        mounted[motor.id] = Mounting(joint, sign)
        if motor.shadow is not None:
            mounted[motor.shadow] = Mounting(joint, -sign)
    return mounted
