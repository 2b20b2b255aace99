"""Taking an arm over: check it, then torque on where it is off.

Nothing here moves or drops an arm. A motor that holds already keeps its torque, mode and goal;
one that is limp is set up and told to stay where it is before its torque comes on.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from drivers.arm import ArmError
from drivers.dynamixel.bus import ServoBus
from drivers.dynamixel.checks import (
    all_said,
    check_alerts,
    check_identities,
    check_registers,
    check_settings,
    check_shadows,
    demand_room,
    let_answer,
    named,
    refuse_company,
)
from drivers.dynamixel.deviations import deviations, said_by, settings
from drivers.dynamixel.port import Port
from drivers.dynamixel.profile import CURRENT_MODE, Motor, Profile
from drivers.dynamixel.registers import (
    BUS_WATCHDOG,
    GOAL_POSITION,
    OPERATING_MODE,
    PRESENT_POSITION,
    TORQUE_ENABLE,
)
from drivers.dynamixel.sample import MAPPED, MAPPING


class Attached(NamedTuple):
    """How an arm was found and left.

    Attributes:
        goals: of its joints, in ticks.
        limp: the joints that are still let go.
    """

    goals: dict[str, int]
    limp: list[str]


def attached(
    bus: ServoBus,
    port: Port,
    profile: Profile,
    *,
    take_hold: bool = True,
    let_go: Collection[str] = (),
) -> Attached:
    """Check the arm, set all its motors up to hold, and make those hold that were not let go.

    Args:
        bus: of the arm.
        port: of the bus.
        profile: of the arm.
        take_hold: whether torque may come on, else the arm must hold already.
        let_go: joints that were let go on purpose: if they are limp they stay so.

    Raises:
        ArmError: something is not as it must be; says what to do.
    """
    refuse_company(port)
    check_identities(bus, profile)
    let_answer(bus, profile)
    check_alerts(bus, profile)
    _release_carried(bus, profile)
    said = all_said(bus, profile)
    check_registers(profile, said)
    check_settings(profile, said)
    check_shadows(bus, profile)
    limp = [joint for joint, motor in profile.motors.items() if not _holds(bus, motor)]
    fallen = [joint for joint in limp if joint not in let_go]
    if fallen and not take_hold:
        raise ArmError(
            f"{profile.port}: {', '.join(fallen)} let go while the arm was away, and nobody may be "
            "ready for it to move: support the arm, then launch again"
        )
    _map_samples(bus, profile)
    for joint in limp:
        _prepare(bus, joint, profile.motors[joint])
    for joint in fallen:
        _take_hold(bus, joint, profile.motors[joint])
    goals = {joint: bus.read(motor.id, GOAL_POSITION) for joint, motor in profile.motors.items()}
    return Attached(goals, [joint for joint in limp if joint in let_go])


def _release_carried(bus: ServoBus, profile: Profile) -> None:
    """Make those limp that a driver carried when it died: the silence has stopped them already."""
    for joint in profile.carried:
        for servo in profile.motors[joint].ids:
            if bus.read(servo, OPERATING_MODE) == CURRENT_MODE:
                bus.write(servo, TORQUE_ENABLE, 0)
                bus.write(servo, BUS_WATCHDOG, 0)


def _map_samples(bus: ServoBus, profile: Profile) -> None:
    """Make every motor gather its sample in one place; one that does already is left alone."""
    wanted = MAPPED.unpacked(MAPPING)
    for servo in profile.ids:
        if bus.read(servo, MAPPED) == wanted:
            continue
        bus.write(servo, MAPPED, wanted)
        if bus.read(servo, MAPPED) != wanted:
            raise ArmError(
                f"{profile.port}: id {servo} did not take its indirect addresses; restart it with "
                "`python -m drivers reboot` (it goes limp) and update its firmware if that fails"
            )


def _holds(bus: ServoBus, motor: Motor) -> bool:
    """Return whether all of a joint's motors have torque."""
    return all(bus.read(servo, TORQUE_ENABLE) for servo in motor.ids)


def _prepare(bus: ServoBus, joint: str, motor: Motor) -> None:
    """Set up a joint of which a motor is limp to stay where it is, or where it holds already."""
    for servo in motor.ids:
        said = said_by(bus, servo)
        for deviation in deviations(said, motor, servo):
            if deviation.register.eeprom and not said[TORQUE_ENABLE]:
                bus.write(servo, deviation.register, deviation.wanted)
    # After the mode: a change of it resets them.
    for register, value in settings(motor).items():
        bus.write(motor.id, register, value)
    for servo in motor.ids:  # a shadow has heard its partner's, unless it was deaf to them
        for deviation in deviations(said_by(bus, servo), motor, servo):
            if not deviation.register.eeprom:
                bus.write(servo, deviation.register, deviation.wanted)
    _tell_to_stay(bus, joint, motor)


def _tell_to_stay(bus: ServoBus, joint: str, motor: Motor) -> None:
    """Make the place of a joint its goal; what is written to a motor reaches its shadow too."""
    goal = _goal_to_hold(bus, joint, motor)
    bus.write(motor.id, GOAL_POSITION, goal)
    for servo in motor.ids:
        if (told := bus.read(servo, GOAL_POSITION)) != goal:
            raise ArmError(
                f"{named(joint, servo)} was told to stay at {goal} and says {told}: its torque "
                "stays off"
            )


def _goal_to_hold(bus: ServoBus, joint: str, motor: Motor) -> int:
    """Return where a joint is, within its limits; where it is told to be, if it holds already."""
    if bus.read(motor.id, TORQUE_ENABLE):
        return bus.read(motor.id, GOAL_POSITION)
    low, high = motor.ticks
    present = bus.read(motor.id, PRESENT_POSITION)
    demand_room(joint, motor, present)
    return min(max(present, low), high)


def _take_hold(bus: ServoBus, joint: str, motor: Motor) -> None:
    """Make a limp joint in its own mode hold where it stands; raises ArmError if it does not."""
    _tell_to_stay(bus, joint, motor)  # at the last moment: it sinks
    for servo in motor.ids:
        bus.write(servo, TORQUE_ENABLE, 1)
        if not bus.read(servo, TORQUE_ENABLE):
            raise ArmError(
                f"{named(joint, servo)} did not take torque; look at its supply and cable, then "
                "start again"
            )
