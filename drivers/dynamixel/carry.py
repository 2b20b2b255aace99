"""Motors that carry the arm's weight while a hand has it, in current mode.

They are limp while their mode changes, for some hundredths of a second; and they stop pushing by
themselves when the bus falls silent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from drivers.dynamixel import packets
from drivers.dynamixel.bus import ServoBus
from drivers.dynamixel.checks import settings
from drivers.dynamixel.profile import CURRENT_A, CURRENT_MODE, MODES, Motor, Profile
from drivers.dynamixel.registers import (
    BUS_WATCHDOG,
    GOAL_CURRENT,
    OPERATING_MODE,
    TORQUE_ENABLE,
    Register,
)
from drivers.dynamixel.weight import carrying_torques

Array = NDArray[np.float64]

_WATCHDOG: Final = 10  # 20 ms each: after so long without an instruction a motor lets go
_SILENCE_NS: Final = 100_000_000  # after which it may have


def _able(profile: Profile) -> dict[int, Motor]:
    """Return the motors that can carry, by id, shadows too."""
    able = (profile.motors[joint] for joint in profile.carried)
    return {servo: motor for motor in able for servo in motor.ids}


def prepare(bus: ServoBus, profile: Profile) -> None:
    """Tell the limp motors that can carry the mode in which they do; nobody confirms it."""
    _tell(bus, OPERATING_MODE, dict.fromkeys(_able(profile), CURRENT_MODE))


def take_up(bus: ServoBus, profile: Profile, angles: Array) -> bool:
    """Let the motors carry what there is to carry at `angles` (J,) rad, once all are prepared.

    Returns:
        Whether they were; else nothing has been done.
    """
    motors = _able(profile)
    if not _say(bus, OPERATING_MODE, dict.fromkeys(motors, CURRENT_MODE)):
        return False
    watched = dict.fromkeys(motors, _WATCHDOG)
    _tell(bus, BUS_WATCHDOG, watched)
    if not _say(bus, BUS_WATCHDOG, watched):  # without it a motor would push for ever
        return False
    _tell(bus, GOAL_CURRENT, currents(profile, angles))
    _tell(bus, TORQUE_ENABLE, dict.fromkeys(motors, 1))
    return True


def unprepare(bus: ServoBus, profile: Profile) -> None:
    """Tell the motors that have carried, and are limp now, their own mode."""
    _tell(bus, OPERATING_MODE, {n: MODES[motor.mode] for n, motor in _able(profile).items()})


def put_down(bus: ServoBus, profile: Profile) -> bool:
    """Set the limp motors up to hold as the config says; return whether all say that they are."""
    motors = _able(profile)
    if not _say(bus, OPERATING_MODE, {n: MODES[motor.mode] for n, motor in motors.items()}):
        return False
    wanted: dict[Register, dict[int, int]] = {}
    for servo, motor in motors.items():
        for register, value in settings(motor).items():  # which a change of the mode resets
            wanted.setdefault(register, {})[servo] = value
    for register, told in wanted.items():
        _tell(bus, register, told)
    return all(_say(bus, register, told) for register, told in wanted.items())


def _tell(bus: ServoBus, register: Register, values: Mapping[int, int]) -> None:
    told = {servo: register.packed(value) for servo, value in values.items()}
    bus.sync_write(register.address, told)


def _say(bus: ServoBus, register: Register, values: Mapping[int, int]) -> bool:
    answers = bus.sync_read(register.address, register.size, tuple(values))
    return all(
        servo in answers and answers[servo].data == register.packed(value)
        for servo, value in values.items()
    )


def loads_a(profile: Profile, angles: Array) -> list[float]:
    """Return the current that each motor of each joint takes to carry all beyond it, at rest.

    Args:
        profile: of an arm.
        angles: (J,) rad, of all its joints.

    Returns:
        A, signed as the joint, for the joints whose links have a weight, in their order.
    """
    if profile.weight is None:
        return []
    links = profile.weight.links
    torques = carrying_torques(tuple(links.values()), angles[: len(links)])
    motors = [profile.motors[joint] for joint in links]
    return [
        torque / (motor.torque_nm_a * len(motor.ids))
        for motor, torque in zip(motors, torques.tolist(), strict=True)
    ]


def currents(profile: Profile, angles: Array) -> dict[int, int]:
    """Return what the motors that carry are told as Goal_Current at `angles` (J,) rad, by id."""
    if profile.weight is None:
        return {}
    told: dict[int, int] = {}
    for joint, load_a in zip(profile.weight.links, loads_a(profile, angles), strict=True):
        motor = profile.motors[joint]
        if joint in profile.carried:
            amount_a = profile.weight.share * load_a
            amount_a = min(max(amount_a, -motor.most_current_a), motor.most_current_a)
            told |= dict.fromkeys(motor.ids, round(amount_a / CURRENT_A))
    return told


def pushing(profile: Profile, angles: Array | None, silent_ns: int) -> bytes:
    """Return what tells the motors to carry what there is to carry now.

    Args:
        profile: of the arm.
        angles: (J,) rad, where its joints are, None if that is not known: then they carry nothing.
        silent_ns: for how long nothing was said on the bus; after a long silence they begin anew.
    """
    told = dict.fromkeys(_able(profile), 0) if angles is None else currents(profile, angles)
    values = {servo: GOAL_CURRENT.packed(current) for servo, current in told.items()}
    data = packets.sync_write(GOAL_CURRENT.address, values)
    if silent_ns < _SILENCE_NS:
        return data
    cleared, set_again = (
        packets.sync_write(BUS_WATCHDOG.address, dict.fromkeys(told, BUS_WATCHDOG.packed(value)))
        for value in (0, _WATCHDOG)
    )
    return cleared + set_again + data
