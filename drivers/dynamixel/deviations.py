"""What a motor's registers say, and which of them do not say what they must."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from drivers.dynamixel.bus import ServoBus
from drivers.dynamixel.demands import Demand, Deviation
from drivers.dynamixel.profile import Motor
from drivers.dynamixel.registers import (
    CONTROL_TABLE,
    GOAL_POSITION,
    MODELS,
    TORQUE_ENABLE,
    Register,
)
from drivers.dynamixel.rules import RULES

Said = Mapping[Register, int]

_EEPROM: Final = [entry for entry in CONTROL_TABLE if entry.eeprom]
_RAM: Final = [  # of which something may be demanded
    entry
    for entry in CONTROL_TABLE
    if TORQUE_ENABLE.address <= entry.address < GOAL_POSITION.address
]


def said_by(bus: ServoBus, servo: int) -> dict[Register, int]:
    """Return what a motor's registers say; raises NoAnswerError or RefusedError."""
    said: dict[Register, int] = {}
    for span in (_EEPROM, _RAM):
        data, start = bus.read_span(servo, span[0], span[-1]), span[0].address
        for entry in span:
            at = entry.address - start
            said[entry] = entry.unpacked(data[at : at + entry.size])
    return said


def demands(motor: Motor, servo: int) -> dict[Register, Demand]:
    """Return what is demanded of one of a joint's motors, by address."""
    model = MODELS[motor.model]
    found: dict[Register, Demand] = {}
    for rule in RULES:
        demand = rule.demand(motor, servo != motor.id) if rule.demand else None
        if demand:
            found |= {entry: demand for entry in rule.registers if model.has(entry)}
    return found


def deviations(said: Mapping[Register, int], motor: Motor, servo: int) -> list[Deviation]:
    """Return which of a motor's registers do not say what they must, by address.

    Args:
        said: what they say.
        motor: of the joint.
        servo: which of its motors.
    """
    return [
        Deviation(register, said[register], demand)
        for register, demand in demands(motor, servo).items()
        if not demand.is_met(said[register])
    ]


def settings(motor: Motor) -> dict[Register, int]:
    """Return what must stand in a motor's RAM while it holds; a change of its mode resets it."""
    return {
        register: demand.value
        for register, demand in demands(motor, motor.id).items()
        if not register.eeprom
    }
