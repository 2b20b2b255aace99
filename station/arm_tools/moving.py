"""Moves one attached arm along a path, within limits, and brakes it when something is amiss."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from drivers.arm import Arm, ArmError, ArmReading
from motion import minimum_jerk
from motion.limiter import Limiter
from motion.limits import JointLimits, gripper_mask
from runtime import program
from runtime.rate import RateKeeper

Array = NDArray[np.float64]
Interrupted = Callable[[], bool]
Note = Callable[[int, Array, ArmReading], None]  # when a command was sent, it, the sample after

RATE_HZ: Final = 100.0
AT_REST_RAD: Final = 0.1
STILL_RAD_S: Final = 0.05
_ATTEMPTS: Final = 20  # cycles until a healthy arm has answered as a whole
_ERROR_CYCLES: Final = 15  # one missing answer is none, and shadows are asked at every tenth
_LAG_RAD: Final = 0.25  # an arm further behind its goal is held up by something
_STILL_CYCLES: Final = 30
_SETTLING_CYCLES: Final = 150


class StoppedError(ArmError):
    """A motion that a person ended; the arm holds."""


@contextmanager
def interruptible() -> Iterator[Interrupted]:
    """Let all that would end or suspend this program be something that a motion brakes for."""
    asked: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        asked.append(number)

    heeded = [*program.interrupts(), signal.SIGQUIT, signal.SIGTSTP]
    before = {number: signal.signal(number, note) for number in heeded}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Mover:
    """An attached arm at 100 Hz. Whatever ends a motion early, the arm brakes, then holds."""

    def __init__(
        self, name: str, driver: Arm, limits: JointLimits, interrupted: Interrupted
    ) -> None:
        """Begin where the arm is told to be; raises ArmError if it does not answer as a whole."""
        self._name = name
        self._driver = driver
        self._interrupted = interrupted
        self._angles = ~gripper_mask(limits.joints)  # a gripper may rightly be kept from its goal
        self._rate = RateKeeper(RATE_HZ)
        self._sent_ns = 0
        self._erring = 0  # cycles
        self.reading = self._first()
        self._limiter = Limiter(limits, 1.0 / RATE_HZ, self.reading.goal)

    @property
    def goal(self) -> Array:
        """Where the arm is told to be (J,), as `Arm.write` takes it."""
        return self._limiter.position

    def follow(self, path: Array, note: Note | None = None) -> None:
        """Go along `path` (N, J), one pose a cycle.

        Raises:
            StoppedError: a person ended it.
            ArmError: something is wrong with the arm, or in its way.
        """
        for target in path:
            command, _ = self._limiter.follow(target)
            self._cycle(command)
            if note is not None:
                note(self._sent_ns, command, self.reading)
            self._heed()

    def settle(self, pose: Array) -> None:
        """Wait until the arm is still within AT_REST_RAD of `pose`; raises ArmError if it is not.

        The gripper does not count.
        """
        still = 0
        for _ in range(_SETTLING_CYCLES):
            self._cycle(self.goal)
            self._heed()
            still = still + 1 if self._is_still() else 0
            if still == _STILL_CYCLES:
                break
        off = float(np.abs(self.reading.position - pose)[self._angles].max())
        if still == _STILL_CYCLES and off < AT_REST_RAD:
            return
        self._relieve()
        raise ArmError(
            f"arm {self._name} is not at rest, a joint is {off:.2f} rad off or moves: its torque "
            "stays on; look what is in its way, then run it again"
        )

    def _is_still(self) -> bool:
        return bool((np.abs(self.reading.velocity) < STILL_RAD_S)[self._angles].all())

    def _first(self) -> ArmReading:
        for _ in range(_ATTEMPTS):
            self._rate.wait()
            reading = self._driver.read()
            if reading is not None:
                return reading
        raise ArmError(f"arm {self._name} does not answer as a whole; its torque stays as it is")

    def _cycle(self, command: Array) -> None:
        self._sent_ns = self._rate.wait()
        self._driver.write(command)
        self.reading = self._driver.read() or self.reading

    def _heed(self) -> None:
        """Brake and raise if the motion may not go on."""
        lag = np.abs(self.reading.goal - self.reading.position)[self._angles].max()
        if self._interrupted():
            self._brake()
            raise StoppedError(f"stopped; arm {self._name} holds where it is, torque on")
        self._erring = self._erring + 1 if self.reading.errors else 0
        if self._erring > _ERROR_CYCLES:
            errors = "; ".join(self.reading.errors)
            self._brake()
            self._relieve()
            raise ArmError(f"arm {self._name}: {errors}. The other motors hold")
        if lag > _LAG_RAD:
            self._brake()
            self._relieve()
            raise ArmError(
                f"arm {self._name} is {lag:.2f} rad behind its goal: something is in its way; it "
                "holds, torque on"
            )

    def _relieve(self) -> None:
        """Take the goals back to where the arm is: motors that push too long let go of it."""
        place = np.where(self._angles, self.reading.position, self.goal)
        for target in minimum_jerk.path(self.goal, place, self._limiter.limits, 1.0 / RATE_HZ):
            command, _ = self._limiter.follow(target)
            self._cycle(command)

    def _brake(self) -> None:
        while not self._limiter.standing:
            command, _ = self._limiter.follow(self._limiter.brake())
            self._cycle(command)
