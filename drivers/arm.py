"""The arm seam: seven joints that can be read, written and, on purpose only, let go."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from messaging.messages import ON, MotorStates

Array = NDArray[np.float64]

_LATELY_S = 0.05  # a few cycles: after that a joint may be anywhere


def _nothing() -> Array:
    return np.empty(0)


class ArmError(RuntimeError):
    """An arm that cannot be driven as it is; says why and what to do."""


class ArmLostError(ArmError):
    """An arm that was there and is gone: once it is back it can be attached again."""


@dataclass(frozen=True, slots=True)
class ArmReading:
    """One sample of all motors of an arm.

    Attributes:
        t_sample_ns: when the oldest of its values was sampled.
        position: (J,) rad, gripper 0 closed to 1 open.
        velocity: (J,) rad/s, gripper 1/s.
        goal: (J,) what the servos are told to do, in the sense of `write`, which need not be that
            of `position`: a gripper's command and its place may differ in scale.
        age_s: (J,) how old each joint's values are by now, empty if all are of `t_sample_ns`.
        current: (J,) A, or empty.
        temperature: (J,) degrees Celsius, or empty.
        voltage: (J,) V, or empty.
        errors: what makes the arm unfit to move, in words.
        unheard: those of them that say that motors do not answer.
        warnings: what somebody should look after, in words.
        torque: ON, OFF, or MIXED: some motors hold and some do not.
    """

    t_sample_ns: int
    position: Array
    velocity: Array
    goal: Array
    age_s: Array = field(default_factory=_nothing)
    current: Array = field(default_factory=_nothing)
    temperature: Array = field(default_factory=_nothing)
    voltage: Array = field(default_factory=_nothing)
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    torque: str = ON
    unheard: tuple[str, ...] = ()

    def place(self, read_ns: int, now_ns: int) -> Array:
        """Return where the joints are (J,), NaN for those of which nothing was heard lately.

        Args:
            read_ns: when this was read.
            now_ns: the present time.
        """
        if self.age_s.size:
            age_s = self.age_s + (now_ns - read_ns) * 1e-9
        else:
            age_s = np.full(self.position.shape, (now_ns - self.t_sample_ns) * 1e-9)
        return np.where(age_s <= _LATELY_S, self.position, np.nan)


class Arm(Protocol):
    """A plugin in `drivers/arms/<name>.py` with `Config` and `make(config, arm, joints, bus)`."""

    def attach(self) -> None:
        """Take the arm over as it is: a torqued arm neither moves nor drops.

        What this arm let go on purpose before stays limp until `hold`.

        Raises:
            ArmError: it cannot be driven; says what to do.
        """
        ...

    def read(self) -> ArmReading | None:
        """Return the newest sample, None when there is nothing new since the last call.

        Raises:
            ArmLostError: the arm is gone; attach again when it is back.
        """
        ...

    def write(self, position: Array) -> None:
        """Send goal positions (J,) to the servos; raises ArmLostError if the arm is gone."""
        ...

    def off(self) -> None:
        """Take the torque off every motor, now: it was ordered, and whoever ordered it knows why.

        From then on `goal` is where the arm is, and nothing is written until `hold` has ended.

        Raises:
            ArmError: a motor may still hold; says what to do.
            ArmLostError: the arm is gone.
        """
        ...

    def free(self) -> bool:
        """Leave the arm to a hand, weightless as far as it can; return whether that is done.

        Whoever cannot do that within a cycle does a part of it at each call. As after `off`, `goal`
        is where the arm is, and nothing is written until `hold` has ended.

        Raises:
            ArmError: a motor does not do as told; says what to do.
            ArmLostError: the arm is gone.
        """
        ...

    def hold(self) -> bool:
        """Take the torque on again where the arm stands; return whether all of it holds.

        Whoever cannot do that within a cycle does a part of it at each call.

        Raises:
            ArmError: it cannot; says why and what to do.
            ArmLostError: the arm is gone.
        """
        ...

    def motor_states(self, now_ns: int) -> MotorStates | None:
        """Return each motor's state, shadows too, None if the arm does not know its motors."""
        ...

    def detach(self) -> None:
        """Let go of the bus, never of the arm: torque stays as it is."""
        ...
