"""Shafts without physics: each follows its goal as a first-order system, within rates."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from drivers.dynamixel.carry import loads_a
from drivers.dynamixel.profile import Profile
from simulation.servos.plant import LIMP, Drive, Motion, mountings
from simulation.servos.trajectory import speed_towards

STEP_S: Final = 0.005
NOTHING_RAD: Final = 1e-7  # a goal this close is reached
STUBBORNNESS_A: Final = 2.0  # per rad/s by which the shaft is slower than its motor wants
INERTIA_A: Final = 0.02  # per rad/s^2
FREE_RAD_S: Final = 3.0  # per A in current mode that neither weight nor friction takes
FRICTION_A: Final = 0.1  # what a shaft takes to turn


@dataclass(slots=True)
class Shaft:
    """One joint and the motors that turn it, each by the sign of its mounting."""

    motors: Mapping[int, int]  # id -> sign: shaft angle = sign * joint angle
    position_rad: float = 0.0
    range_rad: tuple[float, float] = (-math.inf, math.inf)  # between its mechanical stops
    time_constant_s: float = 0.03
    most_velocity_rad_s: float = math.pi
    most_acceleration_rad_s2: float = 40.0
    sag_rad_s: float = 0.0  # how fast it sinks while nobody holds it
    load_a: float = 0.0  # what each of its motors has to carry, while they are in current mode
    velocity_rad_s: float = field(default=0.0, init=False)
    acceleration_rad_s2: float = field(default=0.0, init=False)
    drives: dict[int, Drive] = field(default_factory=dict, init=False)
    _active: tuple[tuple[int, Drive], ...] = field(default=(), init=False)  # with their signs
    _reach_rad_s2: float = field(default=0.0, init=False)  # what their currents accelerate
    _resting: bool = field(default=False, init=False)  # and will, until a drive changes

    def drive(self, motor: int, drive: Drive) -> None:
        """Drive it with one of its motors like this from now on."""
        self.drives[motor] = drive
        self._active = tuple(
            (self.motors[other], told) for other, told in self.drives.items() if told.kind != "limp"
        )
        current_a = sum(told.current_a for _, told in self._active)
        self._reach_rad_s2 = min(self.most_acceleration_rad_s2, current_a / INERTIA_A)
        self._resting = False

    @property
    def pushed(self) -> bool:
        """Whether a motor is in current mode."""
        return any(told.kind == "current" for _, told in self._active)

    def step(self, dt_s: float) -> None:
        """Let `dt_s` pass."""
        if self._resting:
            return
        before = self.position_rad
        if self._active:
            self._move(self._approached(dt_s), dt_s)
        else:
            self._move(self.sag_rad_s, dt_s)
        self._resting = self.position_rad == before and self.acceleration_rad_s2 == 0.0

    def _approached(self, dt_s: float) -> float:
        """Return the velocity after `dt_s` of what the motors want together."""
        wanted = 0.0
        for sign, drive in self._active:
            wanted += self._wanted(sign, drive, dt_s) / len(self._active)
        change = self._reach_rad_s2 * dt_s
        return self.velocity_rad_s + min(max(wanted - self.velocity_rad_s, -change), change)

    def _wanted(self, sign: int, drive: Drive, dt_s: float) -> float:
        most = self.most_velocity_rad_s
        if drive.kind == "position":
            distance = sign * drive.goal - self.position_rad
            if abs(distance) < NOTHING_RAD:
                return 0.0
            fastest = min(most, abs(distance) / self.time_constant_s)
            return speed_towards(distance, fastest, self.most_acceleration_rad_s2, dt_s)
        wanted = sign * drive.goal
        if drive.kind == "current":
            push = wanted - self.load_a
            wanted = math.copysign(max(abs(push) - FRICTION_A, 0.0) * FREE_RAD_S, push)
        elif drive.kind == "pwm":
            wanted *= most
        return min(max(wanted, -most), most)

    def bear(self, load_a: float) -> None:
        """Let each of its motors carry so much from now on."""
        self._resting = self._resting and load_a == self.load_a
        self.load_a = load_a

    def _move(self, velocity_rad_s: float, dt_s: float) -> None:
        position = self.position_rad + velocity_rad_s * dt_s
        stopped = min(max(position, self.range_rad[0]), self.range_rad[1])
        if stopped != position:
            velocity_rad_s = 0.0
        self.acceleration_rad_s2 = (velocity_rad_s - self.velocity_rad_s) / dt_s
        self.position_rad, self.velocity_rad_s = stopped, velocity_rad_s

    def put(self, position_rad: float) -> None:
        """Put it where it is to stand still, within its stops."""
        self.position_rad = min(max(position_rad, self.range_rad[0]), self.range_rad[1])
        self.velocity_rad_s = self.acceleration_rad_s2 = 0.0
        self._resting = False

    def motion(self, motor: int) -> Motion:
        """Return how the shaft moves, as this motor sees it, and what the motor spends on it."""
        sign, drive = self.motors[motor], self.drives.get(motor, LIMP)
        current_a = sign * self._current_a(sign, drive)
        return Motion(sign * self.position_rad, sign * self.velocity_rad_s, current_a)

    def _current_a(self, sign: int, drive: Drive) -> float:
        if drive.kind == "limp":
            return 0.0
        if drive.kind == "pwm":
            return sign * drive.goal * drive.current_a
        if drive.kind == "current":
            return sign * drive.goal
        lag_rad_s = self._wanted(sign, drive, STEP_S) - self.velocity_rad_s
        current_a = INERTIA_A * self.acceleration_rad_s2 + STUBBORNNESS_A * lag_rad_s
        return min(max(current_a, -drive.current_a), drive.current_a)


class FirstOrder:
    """A plant of shafts that know nothing of contact, and of each other only what they weigh."""

    def __init__(self, shafts: Iterable[Shaft], profile: Profile | None = None) -> None:
        """Take the shafts as they stand; those of a profile, whose links have their weight."""
        self.shafts = list(shafts)
        self._profile = profile if profile and profile.weight else None
        self._turned_by = {motor: shaft for shaft in self.shafts for motor in shaft.motors}
        self._now_ns: int | None = None

    @classmethod
    def of(cls, profile: Profile, position_rad: Mapping[str, float] | None = None) -> FirstOrder:
        """Return the joints of an arm, at rest at `position_rad`, those not in it at 0."""
        motors: dict[str, dict[int, int]] = {}
        for servo, mounting in mountings(profile).items():
            motors.setdefault(mounting.joint, {})[servo] = mounting.sign
        start = position_rad or {}
        shafts = (Shaft(turned, start.get(joint, 0.0)) for joint, turned in motors.items())
        return cls(shafts, profile)

    def drive(self, servo: int, drive: Drive) -> None:
        """Drive a shaft like this from now on."""
        self._turned_by[servo].drive(servo, drive)

    def motion(self, servo: int, now_ns: int) -> Motion:
        """Return how the shaft moves now."""
        self.advance(now_ns)
        return self._turned_by[servo].motion(servo)

    def put(self, servo: int, position_rad: float) -> float:
        """Put a shaft where it is to stand, as this servo sees it; returns where it does."""
        shaft = self._turned_by[servo]
        shaft.put(shaft.motors[servo] * position_rad)
        return shaft.motors[servo] * shaft.position_rad

    def advance(self, now_ns: int) -> None:
        """Let time pass until now."""
        if self._now_ns is None:
            self._now_ns = now_ns
        left_s = (now_ns - self._now_ns) * 1e-9
        if left_s <= 0.0:
            return
        self._now_ns = now_ns
        self._weigh()
        steps = math.ceil(left_s / STEP_S)
        for shaft in self.shafts:
            for _ in range(steps):
                shaft.step(left_s / steps)

    def _weigh(self) -> None:
        """Let shafts whose motors push, and hold no place, carry what hangs on them."""
        if self._profile and any(shaft.pushed for shaft in self.shafts):
            angles = np.array([shaft.position_rad for shaft in self.shafts])
            for shaft, load_a in zip(self.shafts, loads_a(self._profile, angles), strict=False):
                shaft.bear(load_a)
