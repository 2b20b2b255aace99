"""`calibrate registers`: writes what the config demands into the registers of limp motors."""

from __future__ import annotations

from dataclasses import dataclass

from drivers.arm import ArmError
from drivers.dynamixel.bus import ServoBus
from drivers.dynamixel.checks import (
    check_identities,
    check_shadows,
    let_answer,
    motors_of,
    named,
)
from drivers.dynamixel.demands import Deviation
from drivers.dynamixel.deviations import deviations, said_by
from station.arm_tools.motors import all_glances, demand_limp
from station.arm_tools.request import NamedArm, Request, ToolError, connected

_PASSES = 2  # to change the mode resets registers that come later


@dataclass(frozen=True, slots=True)
class Change:
    """A register of a motor that is not as the config says."""

    motor: str
    servo: int
    deviation: Deviation

    def __str__(self) -> str:
        """Return it as a line for people."""
        return f"{self.motor}: {self.deviation.change}"


def run(request: Request) -> int:
    """Show what differs and write it, arm by arm; raises ToolError if one does not take it."""
    for arm in request.selected():
        with connected(arm) as bus:
            check_identities(bus, arm.profile)
            let_answer(bus, arm.profile)
            changes = wanted_changes(bus, arm)
            if not changes:
                request.say(f"arm {arm.name}: all registers are as the config says")
                continue
            demand_limp(arm, all_glances(bus, arm), "EEPROM is locked while torque is on")
            request.say(f"arm {arm.name}:")
            for change in changes:
                request.say(f"  {change}")
            request.demand_consent("write these into its motors?")
            _write(bus, arm)
            request.say(f"arm {arm.name}: written and read back")
            _say_if_apart(request, bus, arm)
    return 0


def wanted_changes(bus: ServoBus, arm: NamedArm) -> list[Change]:
    """Return which registers of an arm are not as the config says."""
    return [
        Change(named(joint, servo), servo, deviation)
        for joint, servo, motor in motors_of(arm.profile)
        for deviation in deviations(said_by(bus, servo), motor, servo)
    ]


def _write(bus: ServoBus, arm: NamedArm) -> None:
    for _ in range(_PASSES):
        for change in wanted_changes(bus, arm):
            bus.write(change.servo, change.deviation.register, change.deviation.wanted)
    left = wanted_changes(bus, arm)
    if left:
        raise ToolError(
            f"arm {arm.name} did not take {'; '.join(map(str, left))}: look at these motors with "
            "Dynamixel Wizard"
        )


def _say_if_apart(request: Request, bus: ServoBus, arm: NamedArm) -> None:
    """Say so if a pair disagrees now: its motors were made to agree with what was there before."""
    try:
        check_shadows(bus, arm.profile)
    except ArmError as error:
        request.say(f"arm {arm.name}: next: {error}")
