"""`calibrate shadows`: makes the two motors of a joint read the same, so that they do not fight."""

from __future__ import annotations

from typing import Final

from drivers.dynamixel.bus import ServoBus
from drivers.dynamixel.checks import check_identities
from drivers.dynamixel.registers import (
    HOMING_OFFSET,
    MOST_OFFSET,
    OPERATING_MODE,
    PRESENT_POSITION,
    applied_offset,
)
from station.arm_tools.motors import all_glances, demand_limp, demand_meaning
from station.arm_tools.request import NamedArm, Request, ToolError, connected

_AGREE_TICKS: Final = 5  # an arm that is held by hand is not quite still


def run(request: Request) -> int:
    """Calibrate the shadows of each arm; raises ToolError if a pair cannot agree."""
    for arm in request.selected():
        with connected(arm) as bus:
            check_identities(bus, arm.profile)
            demand_meaning(bus, arm)
            demand_limp(arm, all_glances(bus, arm), "EEPROM is locked while torque is on")
            request.ask(f"arm {arm.name}: lay it down or support it, keep it still, press Enter: ")
            demand_limp(arm, all_glances(bus, arm), "EEPROM is locked while torque is on")
            _align(request, bus, arm)
    return 0


def _align(request: Request, bus: ServoBus, arm: NamedArm) -> None:
    for joint, motor in arm.profile.motors.items():
        if motor.shadow is None:
            continue
        before = bus.read(motor.shadow, HOMING_OFFSET)
        applied = applied_offset(bus.read(motor.shadow, OPERATING_MODE), before)
        apart = _apart(bus, motor.id, motor.shadow)
        # Present_Position is the turned angle plus what is applied, whatever Drive_Mode says.
        offset = applied - apart
        if abs(offset) > MOST_OFFSET:
            raise ToolError(
                f"arm {arm.name}, {joint}: without an offset motor {motor.shadow} stands {-offset} "
                f"ticks off motor {motor.id}, beyond the {MOST_OFFSET} that an offset can mend: "
                "mount its horn anew, both motors at their middle"
            )
        bus.write(motor.shadow, HOMING_OFFSET, offset)
        left = _apart(bus, motor.id, motor.shadow)
        if abs(left) > _AGREE_TICKS:
            raise ToolError(
                f"arm {arm.name}, {joint}: motors {motor.id} and {motor.shadow} still differ by "
                f"{left} ticks: keep the arm still, and run it again"
            )
        request.say(
            f"arm {arm.name}, {joint}: Homing_Offset of motor {motor.shadow} {before} -> {offset}; "
            f"it was {apart} ticks off motor {motor.id}, now {left}"
        )


def _apart(bus: ServoBus, motor: int, shadow: int) -> int:
    return bus.read(shadow, PRESENT_POSITION) - bus.read(motor, PRESENT_POSITION)
