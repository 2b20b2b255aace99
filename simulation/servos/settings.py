"""What a control table says, decoded: all that a servo looks up again and again."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Final

from drivers.dynamixel import registers as reg
from drivers.dynamixel.registers import Register

MULTI_TURN_TICKS: Final = 1_048_575
CURRENT, VELOCITY, POSITION, EXTENDED, CURRENT_POSITION, PWM = 0, 1, reg.POSITION_MODE, 4, 5, 16
TICKS_S_PER_UNIT: Final = reg.VELOCITY_RAD_S / reg.RAD_PER_TICK
TICKS_S2_PER_UNIT: Final = reg.ACCELERATION_RAD_S2 / reg.RAD_PER_TICK
RESET_BY_MODE: Final = (
    reg.VELOCITY_I_GAIN,
    reg.VELOCITY_P_GAIN,
    reg.POSITION_D_GAIN,
    reg.POSITION_I_GAIN,
    reg.POSITION_P_GAIN,
    reg.FEEDFORWARD_2ND_GAIN,
    reg.FEEDFORWARD_1ST_GAIN,
    reg.PROFILE_ACCELERATION,
    reg.PROFILE_VELOCITY,
    reg.GOAL_VELOCITY,
)

_REVERSE, _TIMED, _TORQUE_ON_BY_GOAL = 0x01, 0x04, 0x08  # bits of Drive_Mode


@dataclass(frozen=True)  # without slots: what follows from the registers is kept once worked out
class Settings:
    """Registers by their names; Goal_Position is not among them, as it changes all the time."""

    return_delay_time: int
    drive_mode: int
    operating_mode: int
    homing_offset: int
    moving_threshold: int
    temperature_limit: int
    max_voltage_limit: int
    min_voltage_limit: int
    current_limit: int
    max_position_limit: int
    min_position_limit: int
    shutdown: int
    torque_enable: int
    status_return_level: int
    bus_watchdog: int
    goal_pwm: int
    goal_current: int
    goal_velocity: int
    profile_acceleration: int
    profile_velocity: int

    @classmethod
    def decoded(cls, value: Callable[[Register], int]) -> Settings:
        """Return what the registers say, each by its `value`."""
        return cls(*map(value, SETTINGS))

    @cached_property
    def sign(self) -> int:
        """-1 if the registers count against the shaft's own direction."""
        return -1 if self.drive_mode & _REVERSE else 1

    @cached_property
    def duty(self) -> float:
        """The part of the full voltage that it may use, or shall."""
        return self.goal_pwm * reg.PWM_SHARE

    @cached_property
    def timed(self) -> bool:
        """Whether the profile says how long a motion takes, not how fast it is."""
        return bool(self.drive_mode & _TIMED)

    @cached_property
    def torque_on_by_goal(self) -> bool:
        """Whether a goal switches the torque on."""
        return bool(self.drive_mode & _TORQUE_ON_BY_GOAL)

    @cached_property
    def middle(self) -> int:
        """What the registers show within the first turn at the shaft's middle, tick 2048."""
        return reg.MIDDLE_TICK + reg.applied_offset(self.operating_mode, self.homing_offset)

    @cached_property
    def follows_goal_position(self) -> bool:
        """Whether it has torque, and a mode in which Goal_Position counts."""
        return self.torque_enable > 0 and self.operating_mode in _POSITIONING

    @cached_property
    def steerable(self) -> range:
        """The goals at which it is driven as soon as they come; none where more is to be done."""
        bounded = self.profile_velocity or self.profile_acceleration
        if not self.follows_goal_position or self.timed or bounded or self.bus_watchdog < 0:
            return range(0)
        if self.operating_mode == POSITION:
            return range(self.min_position_limit, self.max_position_limit + 1)
        return range(-MULTI_TURN_TICKS, MULTI_TURN_TICKS + 1)

    @cached_property
    def profile(self) -> tuple[float, float]:
        """Most velocity in ticks/s and acceleration in ticks/s^2; infinite where 0 is set."""
        return (
            self.profile_velocity * TICKS_S_PER_UNIT or math.inf,
            self.profile_acceleration * TICKS_S2_PER_UNIT or math.inf,
        )


_POSITIONING: Final = (POSITION, EXTENDED, CURRENT_POSITION)
_BY_NAME: Final = {register.name.lower(): register for register in reg.CONTROL_TABLE}
SETTINGS: Final = tuple(_BY_NAME[field.name] for field in fields(Settings))
