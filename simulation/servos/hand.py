"""What a person does to an emulated arm: moves limp joints, and changes motors' registers."""

from __future__ import annotations

import math
from typing import Final

from drivers.dynamixel import registers as reg
from drivers.dynamixel.profile import Profile
from drivers.dynamixel.registers import Register
from runtime.plugins import UnknownNameError
from simulation.servos.first_order import FirstOrder
from simulation.servos.line import Line
from simulation.servos.plant import Plant, mountings
from simulation.servos.settings import CURRENT
from simulation.servos.table import Table

_REGISTERS: Final = {register.name: register for register in reg.CONTROL_TABLE}


class HandError(ValueError):
    """Something that no hand can do to an arm now; says why and what to do."""


class Hand:
    """A person's hand at one arm; the line must not be served meanwhile."""

    def __init__(self, profile: Profile, plant: Plant, line: Line) -> None:
        """Lay it on the arm with this profile, whose motors are on the line and turn the plant."""
        self._plant = plant
        self._line = line
        self._mountings = mountings(profile)
        self._motors = {joint: motor.id for joint, motor in profile.motors.items()}

    def move(self, motor: str, angle_rad: float) -> str:
        """Move a joint, by its name or a motor's id; returns what was done, or raises HandError."""
        if not math.isfinite(angle_rad):
            raise HandError(f"want a finite angle in rad, got {angle_rad}")
        servo = self._servo(motor)
        mounting = self._mountings[servo]
        if not isinstance(self._plant, FirstOrder):
            raise HandError("in physics no hand moves an arm: start with --plant first_order")
        self._demand_limp(
            *(other for other, at in self._mountings.items() if at.joint == mounting.joint)
        )
        reached_rad = mounting.sign * self._plant.put(servo, mounting.sign * angle_rad)
        return f"{mounting.joint} stands at {reached_rad:.4f} rad"

    def offset(self, motor: str, ticks: int) -> str:
        """Set a motor's Homing_Offset; returns what was done, or raises HandError."""
        return f"{self.write(motor, reg.HOMING_OFFSET.name, ticks)} ticks"

    def write(self, motor: str, name: str, value: int) -> str:
        """Set a register, as any program may; returns what was done, or raises HandError."""
        servo = self._servo(motor)
        register = _REGISTERS.get(name)
        if register is None:
            raise HandError(str(UnknownNameError("register", name, _REGISTERS)))
        if register.eeprom:
            self._demand_limp(servo)
        answer, _ = self._line.servos[servo].write(register.address, _packed(register, value))
        if refused := answer & ~reg.ALERT:
            reason = reg.REFUSALS[refused]
            raise HandError(f"motor {servo} refuses a {name} of {value}: {reason}")
        return f"motor {servo} has a {name} of {value}"

    def _servo(self, motor: str) -> int:
        """Return the id of a motor given by it or by its joint."""
        servo = self._motors.get(motor, int(motor) if motor.isdecimal() else None)
        if servo not in self._line.servos or servo not in self._mountings:
            joints = ", ".join(f"{joint} ({known})" for joint, known in self._motors.items())
            raise HandError(f"no motor {motor}; there are {joints}, and their shadows")
        return servo

    def _demand_limp(self, *servos: int) -> None:
        held = [
            str(servo)
            for servo in servos
            if servo in self._line.servos and self._holds(self._line.servos[servo].table)
        ]
        if held:
            raise HandError(
                f"motor {', '.join(held)} holds: let the arm go with `python -m drivers rest`"
            )

    @staticmethod
    def _holds(table: Table) -> bool:
        return bool(table[reg.TORQUE_ENABLE]) and table[reg.OPERATING_MODE] != CURRENT


def _packed(register: Register, value: int) -> bytes:
    try:
        return register.packed(value)
    except ValueError as error:
        raise HandError(str(error)) from None
