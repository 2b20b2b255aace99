"""Letting an attached arm go, all of it or into a hand, and taking hold of it where it stands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

import numpy as np
from numpy.typing import NDArray

from drivers.arm import ArmError
from drivers.dynamixel.bus import NoAnswerError, RefusedError, ServoBus
from drivers.dynamixel.carry import currents, pushing, put_down, take_up
from drivers.dynamixel.checks import demand_room, motors_of, named
from drivers.dynamixel.health import MotorState
from drivers.dynamixel.profile import Profile
from drivers.dynamixel.registers import GOAL_POSITION, TORQUE_ENABLE
from messaging.messages import MIXED, OFF, ON

Array = NDArray[np.float64]

_INSISTENCE: Final = 3
_TRIES: Final = 20
_LIMP: Final = TORQUE_ENABLE.packed(0)
_HOLDING: Final = TORQUE_ENABLE.packed(1)


class Grip:
    """Whether an arm holds, and how it is let go and taken hold of again.

    Attributes:
        limp: joints that are let go on purpose and have not been told where to stay.
        carried: those of them whose motors are in the mode in which they carry, and do as long as
            they have torque.
    """

    def __init__(self, profile: Profile, motors: Mapping[int, MotorState]) -> None:
        """Begin with an arm that holds; `motors` by id, shadows too."""
        self.limp: list[str] = []
        self.carried: list[str] = []
        self._profile = profile
        self._motors = motors
        self._tries = 0

    @property
    def torque(self) -> str:
        """ON, OFF or MIXED, as the motors said last."""
        holding = [state.has_torque() for state in self._motors.values()]
        return ON if all(holding) else MIXED if any(holding) else OFF

    def let_go(self, bus: ServoBus) -> None:
        """Take the torque off all motors, shadows too, and make sure that it is.

        Raises:
            ArmError: a motor may still hold; says what to do.
        """
        self._release(bus, list(self._profile.motors))

    def free(self, bus: ServoBus, angles: Array) -> bool:
        """Make one step of leaving the arm to a hand; return whether that is done.

        Motors that can carry the arm's weight do, one joint more at a step; the others let go.

        Args:
            bus: of the arm.
            angles: (J,) rad, where its joints are.

        Raises:
            ArmError: a motor does not do as told; says what to do.
        """
        able = self._profile.carried
        if not self.limp:
            self._release(bus, [joint for joint in self._profile.motors if joint not in able])
        for joint in able:
            if joint not in self.carried:
                motor = self._profile.motors[joint]
                told = currents(self._profile, angles)[motor.id]
                with _refused():
                    take_up(bus, joint, motor, told)
                self.carried.append(joint)
                self.limp = list(dict.fromkeys((*self.limp, joint)))
                break
        return len(self.carried) == len(able)

    def pushing(self, angles: Array, silent_ns: int) -> bytes:
        """Return what tells the motors to carry what there is to carry at `angles` (J,) rad.

        Args:
            angles: where the joints are.
            silent_ns: for how long nothing was said on the bus.
        """
        if not self.carried:
            return b""
        return pushing(self._profile, angles, self.carried, silent_ns)

    def _release(self, bus: ServoBus, joints: Sequence[str]) -> None:
        self.limp, self._tries = list(joints), 0
        servos = [servo for joint in joints for servo in self._profile.motors[joint].ids]
        for servo in servos:
            self._motors[servo].let_go = True
        let_go(bus, self._profile, servos)

    def hold(self, bus: ServoBus, ticks: Sequence[int]) -> bool:
        """Make one step of taking hold where the joints stand, at `ticks`; return whether all do.

        Raises:
            ArmError: they cannot; says why and what to do.
        """
        if self.carried:
            joint = self.carried[0]
            with _refused():
                put_down(bus, joint, self._profile.motors[joint])
            self.carried.remove(joint)
            self.limp.remove(joint)
            return False
        stands = {
            joint: tick
            for joint, tick in zip(self._profile.motors, ticks, strict=True)
            if not self._holds(joint)
        }
        if not stands:
            self.limp, self._tries = [], 0
            return True
        self._tries += 1
        if self._tries > _TRIES:
            self.limp, self._tries = list(stands), 0
            raise ArmError(
                f"{self._profile.port}: {', '.join(stands)} did not take torque; look at the arm's "
                "supply and cables, then arm it again"
            )
        if not self.limp or tell_to_stay(bus, self._profile, stands):
            self.limp = []
            take_torque(bus, self._profile, stands)
        return False

    def _holds(self, joint: str) -> bool:
        return all(self._motors[servo].has_torque() for servo in self._profile.motors[joint].ids)


def let_go(bus: ServoBus, profile: Profile, servos: Sequence[int]) -> None:
    """Take the torque off motors: tell them twice, look, and tell those that hold again.

    Raises:
        ArmError: some may still hold.
    """
    names = {servo: named(joint, servo) for joint, servo, _ in motors_of(profile)}
    holding = list(servos)
    for _ in range(_INSISTENCE):
        for _ in range(2):  # nobody confirms a packet to all
            bus.sync_write(TORQUE_ENABLE.address, dict.fromkeys(servos, _LIMP))
        answers = bus.sync_read(TORQUE_ENABLE.address, TORQUE_ENABLE.size, tuple(holding))
        holding = [n for n in holding if n not in answers or answers[n].data != _LIMP]
        if not holding:
            return
    raise ArmError(
        f"{profile.port}: told to let go, {', '.join(names[servo] for servo in holding)} may still "
        "hold: switch the 12 V off"
    )


def tell_to_stay(bus: ServoBus, profile: Profile, stands: Mapping[str, int]) -> bool:
    """Make the ticks where limp joints stand their goals; return whether all say that they are.

    Raises:
        ArmError: a joint stands where its torque must not come on; says what to do.
    """
    goals = {}
    for joint, tick in stands.items():
        motor = profile.motors[joint]
        demand_room(joint, motor, tick)
        low, high = motor.ticks
        goals[motor.id] = GOAL_POSITION.packed(min(max(tick, low), high))
    bus.sync_write(GOAL_POSITION.address, goals)
    answers = bus.sync_read(GOAL_POSITION.address, GOAL_POSITION.size, tuple(goals))
    return all(n in answers and answers[n].data == goal for n, goal in goals.items())


def take_torque(bus: ServoBus, profile: Profile, joints: Iterable[str]) -> None:
    """Take the torque of joints on that have been told to stay; their samples tell whether it is.

    One packet for all: an arm that answers to each motor's own would be silent for too long.
    """
    motors = [servo for joint in joints for servo in profile.motors[joint].ids]
    bus.sync_write(TORQUE_ENABLE.address, dict.fromkeys(motors, _HOLDING))


@contextmanager
def _refused() -> Iterator[None]:
    """Raise ArmError where a motor does not answer, or refuses."""
    try:
        yield
    except (NoAnswerError, RefusedError) as error:
        raise ArmError(str(error)) from error
