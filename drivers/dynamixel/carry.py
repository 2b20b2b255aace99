"""Joints whose motors carry the arm's weight while a hand has it, in current mode.

A joint is taken up or put down at a time, so that an arm is never limp as a whole. Its motors stop
pushing by themselves when the bus falls silent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from drivers.arm import ArmError
from drivers.dynamixel import packets
from drivers.dynamixel.attach import hold_joint
from drivers.dynamixel.bus import ServoBus
from drivers.dynamixel.checks import named, settings
from drivers.dynamixel.profile import CURRENT_A, CURRENT_MODE, MODES, Motor, Profile
from drivers.dynamixel.registers import BUS_WATCHDOG, GOAL_CURRENT, OPERATING_MODE, TORQUE_ENABLE
from drivers.dynamixel.weight import carrying_torques

Array = NDArray[np.float64]

_WATCHDOG: Final = 10  # 20 ms each: after so long without an instruction a motor lets go
_SILENCE_NS: Final = 100_000_000  # after which it may have


def take_up(bus: ServoBus, joint: str, motor: Motor, current: int) -> None:
    """Let a joint's motors push with `current` (a register's) from now on, and hold no more.

    Raises:
        ArmError: a motor did not take torque; says what to do.
        NoAnswerError, RefusedError: a motor did not do as told.
    """
    for servo in motor.ids:
        bus.write(servo, TORQUE_ENABLE, 0)
        bus.write(servo, OPERATING_MODE, CURRENT_MODE)
        bus.write(servo, BUS_WATCHDOG, _WATCHDOG)
        bus.write(servo, GOAL_CURRENT, current)
    for servo in motor.ids:
        bus.write(servo, TORQUE_ENABLE, 1)
        if not bus.read(servo, TORQUE_ENABLE):
            raise ArmError(f"{named(joint, servo)} did not take torque; look at its supply")


def put_down(bus: ServoBus, joint: str, motor: Motor) -> None:
    """Make a joint that was carried hold where it stands.

    Raises:
        ArmError: it must not, or did not; says what to do.
        NoAnswerError, RefusedError: a motor did not do as told.
    """
    for servo in motor.ids:
        bus.write(servo, TORQUE_ENABLE, 0)
        bus.write(servo, OPERATING_MODE, MODES[motor.mode])
    for servo in motor.ids:
        for register, value in settings(motor).items():  # after the mode, which resets them
            bus.write(servo, register, value)
    hold_joint(bus, joint, motor)


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


def pushing(profile: Profile, angles: Array, joints: Sequence[str], silent_ns: int) -> bytes:
    """Return what tells the motors of `joints` to carry what there is to carry now.

    Args:
        profile: of the arm.
        angles: (J,) rad, where its joints are.
        joints: that were taken up.
        silent_ns: for how long nothing was said on the bus; after a long silence they begin anew.
    """
    told = currents(profile, angles)
    motors = [servo for joint in joints for servo in profile.motors[joint].ids]
    values = {servo: GOAL_CURRENT.packed(told[servo]) for servo in motors}
    data = packets.sync_write(GOAL_CURRENT.address, values)
    if silent_ns < _SILENCE_NS:
        return data
    cleared, set_again = (
        packets.sync_write(BUS_WATCHDOG.address, dict.fromkeys(motors, BUS_WATCHDOG.packed(value)))
        for value in (0, _WATCHDOG)
    )
    return cleared + set_again + data
