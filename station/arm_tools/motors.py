"""What an arm's motors say of themselves, read without changing anything in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from drivers.dynamixel.bus import ServoBus
from drivers.dynamixel.checks import motors_of, named
from drivers.dynamixel.deviations import deviations, said_by
from drivers.dynamixel.profile import MIDDLE_TICK, RAD_PER_TICK, Profile
from drivers.dynamixel.registers import (
    DRIVE_MODE,
    HARDWARE_ERROR_STATUS,
    HOMING_OFFSET,
    PRESENT_CURRENT,
    PRESENT_INPUT_VOLTAGE,
    PRESENT_POSITION,
    PRESENT_TEMPERATURE,
    PRESENT_VELOCITY,
    TORQUE_ENABLE,
    Register,
    hardware_errors,
)
from runtime.shell import command
from station.arm_tools.request import NamedArm, ToolError

_MODE_SPAN: Final = (TORQUE_ENABLE, HARDWARE_ERROR_STATUS)
_SENSE_SPAN: Final = (PRESENT_CURRENT, PRESENT_TEMPERATURE)
_MEANING: Final = (DRIVE_MODE, HOMING_OFFSET)  # of a position
_OFF_TWICE: Final = 2  # nobody confirms a sync write


@dataclass(frozen=True, slots=True)
class Glance:
    """One motor at one moment, in register units."""

    torque: bool
    hardware_error: int
    current: int
    velocity: int
    position: int
    voltage: int
    temperature: int

    @property
    def position_rad(self) -> float:
        """The joint's angle by this motor."""
        return (self.position - MIDDLE_TICK) * RAD_PER_TICK


def glances(bus: ServoBus, servos: Sequence[int]) -> dict[int, Glance]:
    """Return what each motor says; those who do not answer are not in it.

    The registers are read where they are, since what a launch has mapped for its own cycles may
    not be there.
    """
    modes = _spans(bus, _MODE_SPAN, servos)
    senses = _spans(bus, _SENSE_SPAN, list(modes))
    return {
        servo: Glance(
            torque=bool(_value(modes[servo], _MODE_SPAN, TORQUE_ENABLE)),
            hardware_error=_value(modes[servo], _MODE_SPAN, HARDWARE_ERROR_STATUS),
            current=_value(sensed, _SENSE_SPAN, PRESENT_CURRENT),
            velocity=_value(sensed, _SENSE_SPAN, PRESENT_VELOCITY),
            position=_value(sensed, _SENSE_SPAN, PRESENT_POSITION),
            voltage=_value(sensed, _SENSE_SPAN, PRESENT_INPUT_VOLTAGE),
            temperature=_value(sensed, _SENSE_SPAN, PRESENT_TEMPERATURE),
        )
        for servo, sensed in senses.items()
    }


def all_glances(bus: ServoBus, arm: NamedArm) -> dict[int, Glance]:
    """Return what every motor of an arm says; raises ToolError if one does not answer."""
    found = glances(bus, arm.profile.ids)
    missing = [
        named(joint, servo) for joint, servo, _ in motors_of(arm.profile) if servo not in found
    ]
    if missing:
        raise ToolError(
            f"arm {arm.name}, {arm.profile.port}: no answer from {', '.join(missing)}; is its 12 V "
            "on, are its cables in? `python -m drivers scan` shows what answers"
        )
    return found


def holding(found: dict[int, Glance], profile: Profile) -> list[str]:
    """Return the motors that have torque, as errors speak of them."""
    return [
        named(joint, servo)
        for joint, servo, _ in motors_of(profile)
        if servo in found and found[servo].torque
    ]


def latched(found: dict[int, Glance], profile: Profile) -> list[str]:
    """Return the motors that have latched an error, and which, as errors speak of them."""
    return [
        f"{named(joint, servo)}: {', '.join(hardware_errors(found[servo].hardware_error))}"
        for joint, servo, _ in motors_of(profile)
        if servo in found and found[servo].hardware_error
    ]


def demand_limp(arm: NamedArm, found: dict[int, Glance], why: str) -> None:
    """Raise ToolError if a motor of the arm has torque; `why` says what needs it limp."""
    held = holding(found, arm.profile)
    if held:
        raise ToolError(
            f"arm {arm.name} is not limp, {', '.join(held)} hold: {why}; bring it to rest first "
            f"with {command('python -m drivers rest --arm', arm.name)}"
        )


def demand_meaning(bus: ServoBus, arm: NamedArm) -> None:
    """Raise ToolError if what a motor says is not what the config means by a joint's angle."""
    wrong = [
        f"{named(joint, servo)}: {deviation}"
        for joint, servo, motor in motors_of(arm.profile)
        for deviation in deviations(said_by(bus, servo), motor, servo)
        if deviation.register in _MEANING and not deviation.settable
        if servo == motor.id or deviation.register is not HOMING_OFFSET  # which `shadows` finds
    ]
    if wrong:
        raise ToolError(
            f"arm {arm.name}: {'; '.join(wrong)}: so its angles are not what the config means; "
            f"run {command('python -m drivers calibrate registers --arm', arm.name)} before"
        )


def torque_off(bus: ServoBus, profile: Profile) -> list[str]:
    """Take torque off all motors of an arm; returns those that hold or do not answer after it."""
    for _ in range(_OFF_TWICE):
        bus.sync_write(TORQUE_ENABLE.address, dict.fromkeys(profile.ids, b"\0"))
    found = glances(bus, profile.ids)
    return [
        named(joint, servo)
        for joint, servo, _ in motors_of(profile)
        if servo not in found or found[servo].torque
    ]


def _spans(
    bus: ServoBus, span: tuple[Register, Register], servos: Sequence[int]
) -> dict[int, bytes]:
    """Read the registers from the first to the last of `span`."""
    first, last = span
    length = last.address + last.size - first.address
    answers: dict[int, bytes] = {}
    waiting, silent = list(servos), set[int]()
    while waiting:
        heard = bus.sync_read(first.address, length, waiting)
        answers |= {servo: answer.data for servo, answer in heard.items()}
        waiting = [servo for servo in waiting if servo not in heard]
        # A motor that does not answer may silence those behind it: it comes last, and then never.
        first_silent = waiting[:1]
        waiting = waiting[1:] + [servo for servo in first_silent if servo not in silent]
        silent.update(first_silent)
    return answers


def _value(data: bytes, span: tuple[Register, Register], register: Register) -> int:
    start = register.address - span[0].address
    return register.unpacked(data[start : start + register.size])
