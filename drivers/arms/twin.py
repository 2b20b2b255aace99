"""A simulated arm: its servos live in the twin's process, a message away."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from drivers.arm import Arm, ArmReading
from messaging.messages import OFF, ON, MotorStates, ServoTarget
from messaging.topics import SERVO_READING, SERVO_TARGET
from messaging.transport import Bus
from runtime.config import StrictModel


class Config(StrictModel):
    """A simulated arm has nothing to choose."""


class TwinArm:
    """The arm `arm` of the twin."""

    def __init__(self, arm: str, bus: Bus) -> None:
        self._arm = arm
        self._targets = bus.publisher(SERVO_TARGET, arm)
        self._readings = bus.subscriber(SERVO_READING, arm)
        self._goal: NDArray[np.float64] | None = None
        self._torque = ON

    def attach(self) -> None:
        """Do nothing: simulated servos hold by themselves until they are told otherwise."""

    def read(self) -> ArmReading | None:
        """Return the newest sample, None when there is nothing new since the last call."""
        reading = self._readings.receive()
        if reading is None:
            return None
        goal = reading.position if self._goal is None else self._goal
        return ArmReading(
            reading.t_ns, reading.position, reading.velocity, goal, torque=self._torque
        )

    def write(self, position: NDArray[np.float64]) -> None:
        """Send goal positions (J,) to the servos."""
        self._goal = position
        self._targets.send(ServoTarget(self._arm, time.monotonic_ns(), position))

    def off(self) -> None:
        """Say so, and no more: simulated servos have no torque to take off."""
        self._torque = OFF

    def free(self) -> bool:
        """Say that it is free: no hand reaches a simulated arm."""
        self.off()
        return True

    def hold(self) -> bool:
        """Say so: they have been holding all the time."""
        self._torque = ON
        return True

    def motor_states(self, _now_ns: int) -> MotorStates | None:
        """Return nothing: there are joints here, and no motors."""
        return None

    def detach(self) -> None:
        """Do nothing: the servos keep the last goal."""


def make(_config: Config, arm: str, _joints: tuple[str, ...], bus: Bus) -> Arm:
    """Return the twin's arm of that name."""
    return TwinArm(arm, bus)
