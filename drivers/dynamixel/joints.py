"""An arm's joints in the units of people and in those of their motors, a cycle at a time.

Seven numbers at once: plain Python takes a fraction of the time of arrays.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from operator import mul

import numpy as np
from numpy.typing import NDArray

from drivers.dynamixel.profile import MIDDLE_TICK, RAD_PER_TICK, Profile
from drivers.dynamixel.registers import CURRENT_A, MODELS, VELOCITY_RAD_S, VOLTAGE_V
from drivers.dynamixel.sample import Sample
from drivers.gripper import action_of, commanded_rad, finger_per_crank, observed

Array = NDArray[np.float64]


class Joints:
    """Turns angles into ticks and back; the last joint is the gripper."""

    def __init__(self, profile: Profile) -> None:
        motors = profile.motors.values()
        self._gripper = profile.gripper
        self._span_m = profile.gripper.open_m - profile.gripper.closed_m
        self._ends = [motor.ticks for motor in motors]
        self._caps = [int(motor.step_cap_rad / RAD_PER_TICK) for motor in motors]
        self._zeros = [profile.zero_rad.get(joint, 0.0) for joint in profile.motors]
        # What a motor without a current sensor says there is a load: in no way an amount of A.
        self._current_a = [
            CURRENT_A if MODELS[motor.model].has_current else math.nan for motor in motors
        ]

    def ticks(self, position: Sequence[float]) -> list[int]:
        """Return as ticks what is commanded: rad, the gripper's crank 0 closed to 1 open."""
        angles = [*position[:-1], commanded_rad(self._gripper, position[-1])]
        return [
            round((angle - zero) / RAD_PER_TICK) + MIDDLE_TICK
            for angle, zero in zip(angles, self._zeros, strict=True)
        ]

    def within_limits(self, ticks: Sequence[int]) -> list[int]:
        """Return the goals that the motors' limits leave of `ticks`."""
        return [min(max(t, low), high) for t, (low, high) in zip(ticks, self._ends, strict=True)]

    def within_reach(self, ticks: Sequence[int], before: Sequence[int]) -> list[int]:
        """Return the goals that are no further from those `before` than a step may be."""
        steps = zip(ticks, before, self._caps, strict=True)
        return [min(max(tick, last - cap), last + cap) for tick, last, cap in steps]

    def are_permitted(self, ticks: Sequence[int], before: Sequence[int]) -> bool:
        """Return whether goals are within limits and reach; they nearly always are."""
        for tick, (low, high), last, cap in zip(ticks, self._ends, before, self._caps, strict=True):
            if not (low <= tick <= high and -cap <= tick - last <= cap):
                return False
        return True

    def commanded(self, ticks: Sequence[int]) -> Array:
        """Return goals in ticks as they are commanded (J,)."""
        angles = [
            (tick - MIDDLE_TICK) * RAD_PER_TICK + zero
            for tick, zero in zip(ticks, self._zeros, strict=True)
        ]
        angles[-1] = action_of(self._gripper, angles[-1])
        return np.array(angles)

    def measured(self, samples: Iterable[Sample], ages_s: Sequence[float]) -> Array:
        """Return what the motors' samples say, in the units of `ArmReading`.

        Returns:
            (6, J): position, velocity, age, current, temperature, voltage.
        """
        _, _, _, amounts, speeds, ticks, volts, temperature = zip(*samples, strict=True)
        position = [
            (tick - MIDDLE_TICK) * RAD_PER_TICK + zero
            for tick, zero in zip(ticks, self._zeros, strict=True)
        ]
        velocity = [speed * VELOCITY_RAD_S for speed in speeds]
        current = map(mul, amounts, self._current_a)
        voltage = [volt * VOLTAGE_V for volt in volts]
        crank = position[-1]
        position[-1] = observed(self._gripper, crank)
        velocity[-1] *= finger_per_crank(self._gripper, crank) / self._span_m
        numbers = [*position, *velocity, *ages_s, *current, *temperature, *voltage]
        return np.array(numbers).reshape(6, -1)
