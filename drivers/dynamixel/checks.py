"""The startup checks of an arm, with remedies; all they change is that motors answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from drivers.arm import ArmError
from drivers.dynamixel.bus import Identity, NoAnswerError, ServoBus
from drivers.dynamixel.deviations import Said, deviations, said_by
from drivers.dynamixel.port import Port
from drivers.dynamixel.profile import TICKS, Motor, Profile
from drivers.dynamixel.registers import (
    HARDWARE_ERROR_STATUS,
    MODELS,
    PRESENT_POSITION,
    STATUS_RETURN_LEVEL,
    TORQUE_ENABLE,
    hardware_errors,
)
from runtime.shell import command

SHADOW_TICKS: Final = 30  # how far a pair's readings may differ before the motors would fight
_OUTSIDE_TICKS: Final = 32  # 0.05 rad beyond a limit an arm may rest; its goal is at the limit
_TURN_TICKS: Final = 20  # from the end of a turn; more than a limp joint stirs by itself
# Not `rest`, which moves an arm and so makes the same checks.
_IF_IT_HOLDS: Final = "; if the arm holds, support it and `python -m drivers free` it before"
_LISTEN_S: Final = 0.03  # longer than any other program's cycle that would disturb ours
_PINGS_ONLY, _ANSWER_ALL = 0, 2  # of Status_Return_Level


def named(joint: str, servo: int) -> str:
    """Return how errors speak of a motor."""
    return f"{joint} (id {servo})"


def motors_of(profile: Profile) -> Iterable[tuple[str, int, Motor]]:
    """Yield joint, id and motor for each servo of the arm, shadows too."""
    for joint, motor in profile.motors.items():
        for servo in motor.ids:
            yield joint, servo, motor


def company(port: Port) -> str:
    """Return what to say when somebody else's packets are on the bus."""
    return (
        f"{port.path}: another program talks to the servos of this bus; end it ("
        f"{command('fuser -v', port.path)} shows those of this machine, a second adapter "
        "may be on the same cable)"
    )


def refuse_company(port: Port) -> None:
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


def check_answers(bus: ServoBus, profile: Profile) -> None:
    """Raise ArmError if a motor that is there answers nothing but pings."""
    mute = [
        named(joint, servo)
        for joint, servo, _ in motors_of(profile)
        if _return_level(bus, servo) == _PINGS_ONLY
    ]
    if mute:
        raise ArmError(
            f"{profile.port}: {', '.join(mute)}: {STATUS_RETURN_LEVEL.name} is {_PINGS_ONLY}, "
            f"should be {_ANSWER_ALL}: only pings are answered, and no more can be told. A launch "
            "sets it, and so does `python -m drivers calibrate registers`"
        )


def let_answer(bus: ServoBus, profile: Profile) -> None:
    """Make all motors answer whatever they are asked, which changes nothing else about them."""
    wrong = [servo for servo in profile.ids if _return_level(bus, servo) != _ANSWER_ALL]
    if wrong:
        told = dict.fromkeys(wrong, STATUS_RETURN_LEVEL.packed(_ANSWER_ALL))
        bus.sync_write(STATUS_RETURN_LEVEL.address, told)


def _return_level(bus: ServoBus, servo: int) -> int:
    try:
        return bus.read(servo, STATUS_RETURN_LEVEL)
    except NoAnswerError:
        return _PINGS_ONLY


def all_said(bus: ServoBus, profile: Profile) -> dict[int, Said]:
    """Return what the registers of all motors say, by id."""
    return {servo: said_by(bus, servo) for servo in profile.ids}


def check_registers(profile: Profile, said: Mapping[int, Said]) -> None:
    """Raise ArmError if a motor's EEPROM is not as it must be and attaching may not mend it.

    Args:
        profile: of the arm.
        said: what the motors' registers say, by id.
    """
    wrong = [
        f"{named(joint, servo)}: {deviation}"
        for joint, servo, motor in motors_of(profile)
        for deviation in deviations(said[servo], motor, servo)
        if deviation.register.eeprom and (said[servo][TORQUE_ENABLE] or not deviation.settable)
    ]
    if wrong:
        raise ArmError(
            f"{profile.port}: {'; '.join(wrong)}. Correct the config if it is wrong; or write "
            "what is right into the motors with `python -m drivers calibrate registers`"
            f"{_IF_IT_HOLDS}"
        )


def check_settings(profile: Profile, said: Mapping[int, Said]) -> None:
    """Raise ArmError if a motor that holds would not follow as the config says.

    Its settings are another program's, or of an older config: to change them may move the arm.

    Args:
        profile: of the arm.
        said: what the motors' registers say, by id.
    """
    wrong = [
        f"{named(joint, servo)}: {deviation}"
        for joint, servo, motor in motors_of(profile)
        if said[servo][TORQUE_ENABLE]
        for deviation in deviations(said[servo], motor, servo)
        if not deviation.register.eeprom
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
