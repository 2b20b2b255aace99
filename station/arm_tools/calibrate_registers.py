"""`calibrate registers`: writes the config's EEPROM values into limp motors."""

from __future__ import annotations

from dataclasses import dataclass

from drivers.dynamixel.bus import ServoBus
from drivers.dynamixel.checks import DRIVE_BITS, check_identities, deviations, motors_of, named
from drivers.dynamixel.registers import DRIVE_MODE, Register
from station.arm_tools.motors import all_glances, demand_limp
from station.arm_tools.request import NamedArm, Request, ToolError, connected


@dataclass(frozen=True, slots=True)
class Change:
    """A register of a motor that is not as the config says."""

    motor: str
    servo: int
    register: Register
    found: int
    wanted: int

    def __str__(self) -> str:
        """Return it as a line for people."""
        return f"{self.motor}: {self.register.name} {self.found} -> {self.wanted}"


def run(request: Request) -> int:
    """Show what differs and write it, arm by arm; raises ToolError if one does not take it."""
    for arm in request.selected():
        with connected(arm) as bus:
            check_identities(bus, arm.profile)
            changes = wanted_changes(bus, arm)
            if not changes:
                request.say(f"arm {arm.name}: all registers are as the config says")
                continue
            demand_limp(arm, all_glances(bus, arm), "EEPROM is locked while torque is on")
            request.say(f"arm {arm.name}:")
            for change in changes:
                request.say(f"  {change}")
            request.demand_consent("write these into its motors?")
            _write(bus, arm, changes)
            request.say(f"arm {arm.name}: written and read back")
    return 0


def wanted_changes(bus: ServoBus, arm: NamedArm) -> list[Change]:
    """Return which registers of an arm are not as the config says."""
    return [
        Change(
            named(joint, servo),
            servo,
            register,
            found,
            found & ~DRIVE_BITS | should if register is DRIVE_MODE else should,
        )
        for joint, servo, motor in motors_of(arm.profile)
        for register, (found, should) in deviations(bus, motor, servo).items()
    ]


def _write(bus: ServoBus, arm: NamedArm, changes: list[Change]) -> None:
    for change in changes:
        bus.write(change.servo, change.register, change.wanted)
    left = wanted_changes(bus, arm)
    if left:
        raise ToolError(
            f"arm {arm.name} did not take {'; '.join(map(str, left))}: look at these motors with "
            "Dynamixel Wizard"
        )
