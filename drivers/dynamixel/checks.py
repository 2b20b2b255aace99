"""The startup checks of an arm, each with its remedy; none of them changes anything."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from drivers.arm import ArmError
from drivers.dynamixel.bus import Identity, ServoBus
from drivers.dynamixel.port import SerialPort
from drivers.dynamixel.profile import MODES, TICKS, Motor, Profile
from drivers.dynamixel.registers import (
    BUS_WATCHDOG,
    CURRENT_LIMIT,
    DRIVE_MODE,
    GOAL_CURRENT,
    HARDWARE_ERROR_STATUS,
    MAX_POSITION_LIMIT,
    MIN_POSITION_LIMIT,
    MODELS,
    OPERATING_MODE,
    POSITION_D_GAIN,
    POSITION_I_GAIN,
    POSITION_P_GAIN,
    PRESENT_POSITION,
    PROFILE_ACCELERATION,
    PROFILE_VELOCITY,
    RETURN_DELAY_TIME,
    SECONDARY_ID,
    STARTUP_CONFIGURATION,
    TORQUE_ENABLE,
    Register,
    hardware_errors,
)
from runtime.shell import command

SHADOW_TICKS: Final = 30  # how far a pair's readings may differ before the motors would fight
_OUTSIDE_TICKS: Final = 32  # 0.05 rad beyond a limit an arm may rest; its goal is at the limit
_TURN_TICKS: Final = 20  # from the end of a turn; more than a limp joint stirs by itself
# What attaching sets by itself in a limp motor; the others say how the arm is built.
ADJUSTABLE: Final = frozenset({OPERATING_MODE, RETURN_DELAY_TIME, CURRENT_LIMIT})
# Not `rest`, which moves an arm and so makes the same checks.
_IF_IT_HOLDS: Final = "; if the arm holds, support it and `python -m drivers free` it before"
_LISTEN_S: Final = 0.03  # longer than any other program's cycle that would disturb ours
# Of Drive_Mode: the direction, and torque that comes on with a goal. With the latter a motor that
# let go, or restarted, would jump back to the goals that the rest of its arm still gets.
DRIVE_BITS: Final = 0b1001
_NO_SECONDARY: Final = 255
_LAST_ID: Final = 252  # a Secondary_ID above it is none


def named(joint: str, servo: int) -> str:
    """Return how errors speak of a motor."""
    return f"{joint} (id {servo})"


def motors_of(profile: Profile) -> Iterable[tuple[str, int, Motor]]:
    """Yield joint, id and motor for each servo of the arm, shadows too."""
    for joint, motor in profile.motors.items():
        for servo in motor.ids:
            yield joint, servo, motor


def company(port: SerialPort) -> str:
    """Return what to say when somebody else's packets are on the bus."""
    return (
        f"{port.path}: another program talks to the servos of this bus; end it ("
        f"{command('fuser -v', port.path)} shows those of this machine, a second adapter "
        "may be on the same cable)"
    )


def refuse_company(port: SerialPort) -> None:
    """Raise ArmError if somebody else's packets are on the bus."""
    port.discard()
    if port.receive(_LISTEN_S):
        raise ArmError(company(port))


def identities(bus: ServoBus, profile: Profile) -> dict[int, Identity | None]:
    """Return what answers to each id of the arm."""
    return {servo: bus.ping(servo) for servo in profile.ids}


def check_identities(bus: ServoBus, profile: Profile) -> None:
    """Raise ArmError if a motor is missing, of another model, or pairs differ in firmware."""
    found = identities(bus, profile)
    missing = [named(joint, s) for joint, s, _ in motors_of(profile) if found[s] is None]
    if len(missing) == len(found):
        raise ArmError(
            f"{profile.port}: no motor answers at {profile.baud} baud; switch the 12 V on, check "
            "the cable at the base, and see what is there with `python -m drivers scan`"
        )
    if missing:
        raise ArmError(
            f"{profile.port}: no answer from {', '.join(missing)}; the others answer: check the "
            "cable before the first of them, and the ids with `python -m drivers scan`"
        )
    for joint, servo, motor in motors_of(profile):
        identity, leader = found[servo], found[motor.id]
        if identity is None or leader is None:
            continue
        if identity.model != MODELS[motor.model].number:
            raise ArmError(
                f"{profile.port}: {named(joint, servo)} is {_model_name(identity.model)}, the "
                f"config says {motor.model}: correct the config, or look which arm is at this port"
            )
        if identity.firmware != leader.firmware:
            raise ArmError(
                f"{profile.port}: {named(joint, servo)} has firmware {identity.firmware}, its "
                f"partner {motor.id} has {leader.firmware}: update both with Dynamixel Wizard"
            )


def check_alerts(bus: ServoBus, profile: Profile) -> None:
    """Raise ArmError if a motor has latched a hardware error: it is limp until it restarts."""
    latched = [
        f"{named(joint, servo)}: {', '.join(hardware_errors(status))}"
        for joint, servo, _ in motors_of(profile)
        if (status := bus.read(servo, HARDWARE_ERROR_STATUS))
    ]
    if latched:
        raise ArmError(
            f"{profile.port}: latched {'; '.join(latched)}. Find the cause, support the arm, then "
            "restart the motor with `python -m drivers reboot`"
        )


def expected(motor: Motor, servo: int) -> dict[Register, int]:
    """Return what must stand in a servo's EEPROM; of Drive_Mode DRIVE_BITS count alone."""
    is_shadow = servo != motor.id
    values = {
        OPERATING_MODE: MODES[motor.mode],
        RETURN_DELAY_TIME: 0,
        DRIVE_MODE: int(motor.reversed != is_shadow),
        STARTUP_CONFIGURATION: 0,  # else torque may come on by itself, after a dip of the supply
        SECONDARY_ID: motor.id if is_shadow else _NO_SECONDARY,
        MIN_POSITION_LIMIT: motor.ticks[0],
        MAX_POSITION_LIMIT: motor.ticks[1],
    }
    if motor.current_limit is not None:
        values[CURRENT_LIMIT] = motor.current_limit
    return values


def deviations(bus: ServoBus, motor: Motor, servo: int) -> dict[Register, tuple[int, int]]:
    """Return what a servo's EEPROM says and should say, where the two differ."""
    found: dict[Register, tuple[int, int]] = {}
    for register, should in expected(motor, servo).items():
        value = bus.read(servo, register)
        same = value & DRIVE_BITS == should if register is DRIVE_MODE else value == should
        if register is SECONDARY_ID and should == _NO_SECONDARY:
            same = value > _LAST_ID
        if not same:
            found[register] = (value, should)
    return found


def check_registers(bus: ServoBus, profile: Profile) -> None:
    """Raise ArmError if a servo is not set up as the config says and attaching may not mend it."""
    wrong = [
        f"{named(joint, servo)}: {register.name} is {value}, should be {should}"
        for joint, servo, motor in motors_of(profile)
        for register, (value, should) in deviations(bus, motor, servo).items()
        if register not in ADJUSTABLE or bus.read(servo, TORQUE_ENABLE)
    ]
    if wrong:
        raise ArmError(
            f"{profile.port}: {'; '.join(wrong)}. Correct the config; or write it into the motors "
            f"with `python -m drivers calibrate registers`{_IF_IT_HOLDS}"
        )


def settings(motor: Motor) -> dict[Register, int]:
    """Return what must stand in a motor's RAM while it holds; a change of its mode resets it."""
    values = {
        BUS_WATCHDOG: 0,  # in position mode a silent bus means hold, which is what we want
        POSITION_P_GAIN: motor.gains.p,
        POSITION_I_GAIN: motor.gains.i,
        POSITION_D_GAIN: motor.gains.d,
        PROFILE_VELOCITY: 0,
        PROFILE_ACCELERATION: 0,
    }
    if motor.current_limit is not None:
        values[GOAL_CURRENT] = motor.current_limit
    return values


def check_settings(bus: ServoBus, profile: Profile) -> None:
    """Raise ArmError if a motor that holds would not follow as the config says.

    Its settings are another program's, or of an older config: to change them may move the arm.
    """
    wrong = [
        f"{named(joint, motor.id)}: {register.name} is {value}, should be {should}"
        for joint, motor in profile.motors.items()
        if bus.read(motor.id, TORQUE_ENABLE)
        for register, should in settings(motor).items()
        if (value := bus.read(motor.id, register)) != should
    ]
    if wrong:
        raise ArmError(
            f"{profile.port}: {'; '.join(wrong)}. The arm holds: support it, let it go with "
            "`python -m drivers free`, then start again"
        )


def check_shadows(bus: ServoBus, profile: Profile) -> None:
    """Raise ArmError if the two motors of a joint disagree about where it is: they would fight."""
    for joint, motor in profile.motors.items():
        if motor.shadow is None:
            continue
        apart = bus.read(motor.shadow, PRESENT_POSITION) - bus.read(motor.id, PRESENT_POSITION)
        if abs(apart) > SHADOW_TICKS:
            raise ArmError(
                f"{profile.port}: {joint}: motors {motor.id} and {motor.shadow} read {abs(apart)} "
                f"ticks apart, at most {SHADOW_TICKS} is sound: they would fight. Run "
                f"`python -m drivers calibrate shadows`{_IF_IT_HOLDS}"
            )


def demand_room(joint: str, motor: Motor, present: int) -> None:
    """Raise ArmError if a limp joint stands where its torque must not come on.

    As it does a servo counts its turns anew: past the end of a turn, or so near that it may slip
    past, a joint would go all the way round to the goal that is beside it.
    """
    low, high = motor.ticks
    least = max(low - _OUTSIDE_TICKS, _TURN_TICKS)
    most = min(high + _OUTSIDE_TICKS, TICKS - 1 - _TURN_TICKS)
    if not least <= present <= most:
        raise ArmError(
            f"{joint} stands at {present}, beyond its motor's limits {low}..{high} or too near to "
            f"the end of a turn: let it go and move it by hand until it is in {least}..{most}, "
            "then start again"
        )


def _model_name(number: int) -> str:
    return next(
        (model.name for model in MODELS.values() if model.number == number), f"model {number}"
    )
