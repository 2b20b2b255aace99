"""The arm seam: seven joints that can be read, written and, on purpose only, let go."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


def _nothing() -> NDArray[np.float64]:
    return np.empty(0)


@dataclass(frozen=True, slots=True)
class ArmReading:
    """One sample of all motors of an arm."""

    t_sample_ns: int
    position: NDArray[np.float64]  # (J,) rad, gripper 0 closed to 1 open
    velocity: NDArray[np.float64]  # (J,) rad/s, gripper 1/s
    current: NDArray[np.float64] = field(default_factory=_nothing)  # (J,) A, or empty
    temperature: NDArray[np.float64] = field(default_factory=_nothing)  # (J,) deg C, or empty
    errors: tuple[str, ...] = ()  # what the motors complain of, in words


class Arm(Protocol):
    """A plugin in `drivers/arms/<name>.py` with `Config` and `make(config, arm, joints, bus)`."""

    def attach(self) -> None:
        """Take the arm over as it is: a torqued arm neither moves nor drops."""
        ...

    def read(self) -> ArmReading | None:
        """Return the newest sample, None when there is nothing new since the last call."""
        ...

    def write(self, position: NDArray[np.float64]) -> None:
        """Send goal positions (J,) to the servos."""
        ...

    def detach(self) -> None:
        """Let go of the bus, never of the arm: torque stays as it is."""
        ...
