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
from drivers.dynamixel.deviations import settings
from drivers.dynamixel.profile import CURRENT_A, CURRENT_MODE, MODES, Motor, Profile
from drivers.dynamixel.registers import (
    BUS_WATCHDOG,
    FULL_PWM,
    GOAL_CURRENT,
    GOAL_PWM,
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
    bus.sync_write(OPERATING_MODE.address, _modes(profile, CURRENT_MODE))


def take_up(bus: ServoBus, profile: Profile, angles: Array) -> bool:
    """Let the motors carry what there is to carry at `angles` (J,) rad, once all are prepared.

    Returns:
        Whether they were; else nothing has been done.
    """
    if not _say(bus, OPERATING_MODE.address, _modes(profile, CURRENT_MODE)):
        return False
    watched = dict.fromkeys(_able(profile), BUS_WATCHDOG.packed(_WATCHDOG))
    bus.sync_write(BUS_WATCHDOG.address, watched)
    if not _say(bus, BUS_WATCHDOG.address, watched):  # without it a motor would push for ever
        return False
    bus.sync_write(GOAL_PWM.address, _pushes(currents(profile, angles)))
    bus.sync_write(TORQUE_ENABLE.address, dict.fromkeys(watched, TORQUE_ENABLE.packed(1)))
    return True


def unprepare(bus: ServoBus, profile: Profile) -> None:
    """Tell the motors that have carried, and are limp now, their own mode."""
    bus.sync_write(OPERATING_MODE.address, _modes(profile))


def put_down(bus: ServoBus, profile: Profile) -> bool:
    """Set the limp motors up to hold as the config says; return whether all say that they are."""
    if not _say(bus, OPERATING_MODE.address, _modes(profile)):
        return False
    wanted: dict[tuple[int, int], dict[int, bytes]] = {}  # by address and length
    for servo, motor in _able(profile).items():
        for address, data in _pieces(settings(motor)):  # which a change of the mode resets
            wanted.setdefault((address, len(data)), {})[servo] = data
    for (address, _), told in wanted.items():
        bus.sync_write(address, told)
    return all(_say(bus, address, told) for (address, _), told in wanted.items())


def _modes(profile: Profile, mode: int | None = None) -> dict[int, bytes]:
    """Return a mode for each motor that can carry, its own if none is given."""
    return {
        servo: OPERATING_MODE.packed(MODES[motor.mode] if mode is None else mode)
        for servo, motor in _able(profile).items()
    }


def _pushes(told: Mapping[int, int]) -> dict[int, bytes]:
    """Return Goal_PWM and Goal_Current of each motor: the watchdog may have taken both."""
    full = GOAL_PWM.packed(FULL_PWM)
    return {servo: full + GOAL_CURRENT.packed(current) for servo, current in told.items()}


def _pieces(values: Mapping[Register, int]) -> list[tuple[int, bytes]]:
    """Return registers, given by address, in as few pieces as they make: address and bytes."""
    pieces: list[tuple[int, bytes]] = []
    for register, value in values.items():
        if pieces and register.address == pieces[-1][0] + len(pieces[-1][1]):
            address, data = pieces.pop()
            pieces.append((address, data + register.packed(value)))
        else:
            pieces.append((register.address, register.packed(value)))
    return pieces


def _say(bus: ServoBus, address: int, values: Mapping[int, bytes]) -> bool:
    answers = bus.sync_read(address, len(next(iter(values.values()))), tuple(values))
    return all(n in answers and answers[n].data == data for n, data in values.items())


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
    data = packets.sync_write(GOAL_PWM.address, _pushes(told))
    if silent_ns < _SILENCE_NS:
        return data
    cleared, set_again = (
        packets.sync_write(BUS_WATCHDOG.address, dict.fromkeys(told, BUS_WATCHDOG.packed(value)))
        for value in (0, _WATCHDOG)
    )
    return cleared + set_again + data
