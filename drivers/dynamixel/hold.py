"""Letting an attached arm go, all of it or into a hand, and taking hold of it where it stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from drivers.arm import ArmError
from drivers.dynamixel import carry
from drivers.dynamixel.bus import ServoBus
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
    """

    def __init__(
        self, profile: Profile, motors: Mapping[int, MotorState], limp: Sequence[str] = ()
    ) -> None:
        """Begin with an arm that holds, but for joints let go before; `motors` by id, shadows too.

        Args:
            profile: of the arm.
            motors: what each motor said last, by id, shadows too.
            limp: joints that were let go on purpose before.
        """
        self.limp = list(limp)
        self._profile = profile
        self._motors = motors
        self._tries = 0
        self._released = False  # whether all have been seen without torque since they held
        self._other_mode = False  # whether those that can carry have been told so
        self._carries = False  # whether they have been told to
        for servo in self._servos(limp):
            motors[servo].let_go = True

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
        self.limp, self._tries = list(self._profile.motors), 0
        self._released = self._carries = False
        self._release(bus, self.limp)
        self._released = True

    def free(self, bus: ServoBus, angles: Array) -> bool:
        """Make one step of leaving the arm to a hand; return whether that is done.

        Motors that can carry the arm's weight do, the others let go.

        Args:
            bus: of the arm.
            angles: (J,) rad, where its joints are.

        Raises:
            ArmError: a motor does not do as told; says what to do.
        """
        if not self._released:
            self.let_go(bus)
        if self._carries or not self._profile.carried:
            return True
        if self._other_mode and carry.take_up(bus, self._profile, angles):
            self._carries, self._tries = True, 0
            return True
        self._other_mode = True
        self._try("motors do not take the mode in which they carry the arm")
        carry.prepare(bus, self._profile)
        return False

    def pushing(self, angles: Array, silent_ns: int, now_ns: int) -> bytes:
        """Return what tells the motors to carry what there is to carry at `angles` (J,) rad.

        Args:
            angles: where the joints are.
            silent_ns: for how long nothing was said on the bus.
            now_ns: the present time.
        """
        if not self._carries:
            return b""
        # With a joint that may be anywhere, what the others bear is not known.
        known = not self._unheard(self._profile.motors, now_ns)
        return carry.pushing(self._profile, angles if known else None, silent_ns)

    def hold(self, bus: ServoBus, ticks: Sequence[int], now_ns: int) -> bool:
        """Make one step of taking hold where the joints stand; return whether all hold.

        Args:
            bus: of the arm.
            ticks: where the motors said last that their joints are.
            now_ns: the present time.

        Raises:
            ArmError: they cannot; says why and what to do.
        """
        self._released = False
        if self._other_mode:
            self._put_down(bus)
            return False
        stands = {
            joint: tick
            for joint, tick in zip(self._profile.motors, ticks, strict=True)
            if joint in self.limp or not self._holds(joint)
        }
        if not stands:
            self._tries = 0
            return True
        for servo in self._servos(stands):
            if self._motors[servo].restarted:
                raise ArmError(f"{self._profile.port}: {self._motors[servo].errors(now_ns)[0]}")
        if unheard := self._unheard(stands, now_ns):  # who knows where they are by now
            self._try(f"{', '.join(unheard)} did not say where they stand")
            return False
        if self._tries == _TRIES:
            self.limp = list(stands)
        self._try(f"{', '.join(stands)} did not take torque")
        if not self.limp or tell_to_stay(bus, self._profile, stands):
            self.limp = []
            take_torque(bus, self._profile, stands)
        return False

    def _put_down(self, bus: ServoBus) -> None:
        """Make one step of making what carries limp, and fit to hold."""
        if self._carries:
            self._release(bus, self._profile.carried)
            self._carries, self._tries = False, 0
        elif carry.put_down(bus, self._profile):
            self._other_mode, self._tries = False, 0
            return
        self._try("motors do not take the mode in which they hold the arm")
        carry.unprepare(bus, self._profile)

    def _release(self, bus: ServoBus, joints: Sequence[str]) -> None:
        servos = self._servos(joints)
        for servo in servos:
            self._motors[servo].let_go = True
        let_go(bus, self._profile, servos)

    def _servos(self, joints: Iterable[str]) -> list[int]:
        return [servo for joint in joints for servo in self._profile.motors[joint].ids]

    def _unheard(self, joints: Iterable[str], now_ns: int) -> list[str]:
        """Return the joints of which a motor has not said lately where it is."""
        states = {
            joint: [self._motors[servo] for servo in self._servos([joint])] for joint in joints
        }
        return [
            joint
            for joint, motors in states.items()
            if any(state.restarted or state.is_overdue(now_ns) for state in motors)
        ]

    def _try(self, failed: str) -> None:
        """Count a step; raises ArmError if there were too many, as what `failed` says."""
        self._tries += 1
        if self._tries > _TRIES:
            self._tries = 0
            raise ArmError(
                f"{self._profile.port}: {failed}; look at the arm's supply and cables, then arm it "
                "again"
            )

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
    goals: dict[int, bytes] = {}
    wanted: dict[int, bytes] = {}
    for joint, tick in stands.items():
        motor = profile.motors[joint]
        demand_room(joint, motor, tick)
        low, high = motor.ticks
        goals[motor.id] = GOAL_POSITION.packed(min(max(tick, low), high))
        wanted |= dict.fromkeys(motor.ids, goals[motor.id])  # a shadow hears its partner's, too
    bus.sync_write(GOAL_POSITION.address, goals)
    answers = bus.sync_read(GOAL_POSITION.address, GOAL_POSITION.size, tuple(wanted))
    return all(n in answers and answers[n].data == goal for n, goal in wanted.items())


def take_torque(bus: ServoBus, profile: Profile, joints: Iterable[str]) -> None:
    """Take the torque of joints on that have been told to stay; their samples tell whether it is.

    One packet for all: an arm that answers to each motor's own would be silent for too long.
    """
    motors = [servo for joint in joints for servo in profile.motors[joint].ids]
    bus.sync_write(TORQUE_ENABLE.address, dict.fromkeys(motors, _HOLDING))
