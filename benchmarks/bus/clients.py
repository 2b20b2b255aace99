"""Two ways to talk to an arm's servos: ours and dynamixel-sdk's, one cycle at a time."""

from __future__ import annotations

import time
from typing import Any, NamedTuple, Protocol

from dynamixel_sdk import (
    COMM_SUCCESS,
    GroupSyncRead,
    GroupSyncWrite,
    PacketHandler,
    PortHandler,
)

from drivers.arms.aloha import AlohaArm
from drivers.dynamixel.profile import Profile
from drivers.dynamixel.registers import GOAL_POSITION, PRESENT_POSITION
from drivers.dynamixel.sample import SAMPLE_ADDRESS, SAMPLE_BYTES

_FRESH_S = 0.01
_CLOCK_AT = 2  # bytes into a sample


class Outcome(NamedTuple):
    """What one cycle brought.

    Attributes:
        clock_ms: the first motor's own clock in its sample, nan if none is claimed to be fresh.
        fresh: how many of the seven joints are claimed to be.
        complaints: how many errors were reported.
    """

    clock_ms: float
    fresh: int
    complaints: int


class Client(Protocol):
    """Writes the goals of an arm, where it is, and reads its seven joints."""

    def cycle(self) -> Outcome:
        """Send all goals, read all joints."""
        ...

    def close(self) -> None:
        """Give the port back."""
        ...


class Ours:
    """The driver's arm."""

    def __init__(self, profile: Profile) -> None:
        self._first = profile.ids[0]
        self._arm = AlohaArm(profile)
        self._arm.attach()
        while (reading := self._arm.read()) is None:
            time.sleep(0.01)
        self._goal = reading.goal.copy()

    def cycle(self) -> Outcome:
        """Send all goals, read all joints."""
        self._arm.write(self._goal)
        reading = self._arm.read()
        if reading is None:
            return Outcome(float("nan"), 0, 0)
        # Plain numbers: arrays would cost more than what is looked at.
        ages_s = reading.age_s.tolist()
        sample = self._arm.motors[self._first].sample
        clock_ms = sample.tick_ms if sample and ages_s[0] < _FRESH_S else float("nan")
        return Outcome(
            clock_ms, len([age for age in ages_s if age < _FRESH_S]), len(reading.errors)
        )

    def close(self) -> None:
        """Give the port back."""
        self._arm.detach()


class Sdk:
    """dynamixel-sdk's group instructions, on servos that ours has mapped and made to hold."""

    def __init__(self, profile: Profile) -> None:
        self._ids = [motor.id for motor in profile.motors.values()]
        self._port = PortHandler(profile.port)
        if not self._port.openPort() or not self._port.setBaudRate(profile.baud):
            raise RuntimeError(f"dynamixel-sdk cannot open {profile.port}")
        packets = PacketHandler(2.0)
        self._write: Any = GroupSyncWrite(self._port, packets, GOAL_POSITION.address, 4)
        self._read: Any = GroupSyncRead(self._port, packets, SAMPLE_ADDRESS, SAMPLE_BYTES)
        self._goals = {}
        for servo in self._ids:
            self._read.addParam(servo)
            place, _, _ = packets.read4ByteTxRx(self._port, servo, PRESENT_POSITION.address)
            self._goals[servo] = place

    def cycle(self) -> Outcome:
        """Send all goals, read all joints."""
        self._write.clearParam()
        for servo, goal in self._goals.items():
            self._write.addParam(servo, list(GOAL_POSITION.packed(goal)))
        self._write.txPacket()
        if self._read.txRxPacket() != COMM_SUCCESS:
            return Outcome(float("nan"), 0, 0)
        clocks = [self._read.getData(servo, SAMPLE_ADDRESS + _CLOCK_AT, 2) for servo in self._ids]
        return Outcome(float(clocks[0]), len(clocks), 0)

    def close(self) -> None:
        """Give the port back."""
        self._port.closePort()


def client(name: str, profile: Profile) -> Client:
    """Return the client `ours` or `sdk` of an arm, its servos holding."""
    if name == "ours":
        return Ours(profile)
    Ours(profile).close()  # has mapped the samples and taken hold
    return Sdk(profile)
