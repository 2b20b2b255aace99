"""Asks an arm again when an answer is missing: who looks after arms has the time."""

from __future__ import annotations

from typing import Final

from drivers.arm import Arm, ArmError
from drivers.dynamixel.bus import Identity, NoAnswerError, ServoBus
from drivers.dynamixel.registers import Register

_ATTEMPTS: Final = 4


class PatientBus(ServoBus):
    """A bus that repeats what may be repeated. A busy machine or a spark costs an answer."""

    def ping(self, servo: int) -> Identity | None:
        """Return what `servo` is, None if it never answers."""
        for _ in range(_ATTEMPTS):
            if identity := super().ping(servo):
                return identity
        return None

    def read(self, servo: int, register: Register) -> int:
        """Return the value of a register; raises NoAnswerError or RefusedError."""
        for _ in range(_ATTEMPTS - 1):
            try:
                return super().read(servo, register)
            except NoAnswerError:
                continue
        return super().read(servo, register)

    def write(self, servo: int, register: Register, value: int) -> None:
        """Set a register and wait for the confirmation; raises NoAnswerError or RefusedError."""
        for _ in range(_ATTEMPTS - 1):
            try:
                return super().write(servo, register, value)
            except NoAnswerError:
                continue
        return super().write(servo, register, value)


def attach(driver: Arm) -> None:
    """Attach an arm; raises ArmError, if it is for a missing answer, then after some attempts."""
    for _ in range(_ATTEMPTS - 1):
        try:
            return driver.attach()
        except ArmError as error:
            if not isinstance(error.__cause__, NoAnswerError):
                raise
    return driver.attach()
