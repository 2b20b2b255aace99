"""Letting an attached arm go, and taking hold of it again where it stands."""

from __future__ import annotations

from typing import Final

from drivers.arm import ArmError
from drivers.dynamixel.attach import take_torque
from drivers.dynamixel.bus import NoAnswerError, RefusedError, ServoBus
from drivers.dynamixel.checks import motors_of, named
from drivers.dynamixel.profile import Profile
from drivers.dynamixel.registers import TORQUE_ENABLE

_INSISTENCE: Final = 3
_OFF: Final = TORQUE_ENABLE.packed(0)


def let_go(bus: ServoBus, profile: Profile) -> None:
    """Take the torque off all motors: tell them twice, look, and tell those that hold again.

    Raises:
        ArmError: some may still hold.
    """
    names = {servo: named(joint, servo) for joint, servo, _ in motors_of(profile)}
    holding = list(names)
    for _ in range(_INSISTENCE):
        for _ in range(2):  # nobody confirms a packet to all
            bus.sync_write(TORQUE_ENABLE.address, dict.fromkeys(names, _OFF))
        answers = bus.sync_read(TORQUE_ENABLE.address, TORQUE_ENABLE.size, tuple(holding))
        holding = [n for n in holding if n not in answers or answers[n].data != _OFF]
        if not holding:
            return
    raise ArmError(
        f"{profile.port}: told to let go, {', '.join(names[servo] for servo in holding)} may still "
        "hold: switch the 12 V off"
    )


def hold_again(bus: ServoBus, profile: Profile, joint: str) -> int:
    """Take the torque of a joint on where it stands; returns its goal in ticks.

    Raises:
        ArmError: it cannot; says why and what to do.
    """
    try:
        return take_torque(bus, joint, profile.motors[joint])
    except (NoAnswerError, RefusedError) as error:
        raise ArmError(f"{profile.port}: {error}") from error
