"""What each joint may do: range, velocity, acceleration and jerk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from runtime.config import Apart, Between, StrictModel

Array = NDArray[np.float64]
GRIPPER = "gripper"
MOST_STOP_S = 1.5  # a longer stop is not waited for by all, and each tick looks ahead to its end

Velocity = Annotated[float, Between(0.05, 20.0, "rad/s")]
Acceleration = Annotated[float, Between(0.1, 1000.0, "rad/s^2")]
Jerk = Annotated[float, Between(1.0, 100_000.0, "rad/s^3")]
GripVelocity = Annotated[float, Between(0.05, 50.0, "1/s")]
GripAcceleration = Annotated[float, Between(0.1, 10_000.0, "1/s^2")]
GripJerk = Annotated[float, Between(1.0, 1_000_000.0, "1/s^3")]
Swing = Annotated[float, Between(0.0001, 0.5)]  # of a gripper's way


class LimitsConfig(StrictModel):
    """How fast the joints may move; grippers are in their own unit, 0 closed to 1 open."""

    velocity: Velocity = 3.0
    acceleration: Acceleration = 25.0
    jerk: Jerk = 800.0
    margin: Apart = 0.02  # rad that plans keep from the end of a joint's range
    gripper_velocity: GripVelocity = 5.0
    gripper_acceleration: GripAcceleration = 100.0
    gripper_jerk: GripJerk = 4000.0
    gripper_swing: Swing = 0.1  # how far a blended command may swing past 0 or 1
    # A stop may be harder than any motion: within a hand's breadth, not within a smooth curve.
    stop_acceleration: Acceleration = 50.0
    stop_jerk: Jerk = 5000.0
    gripper_stop_acceleration: GripAcceleration = 200.0
    gripper_stop_jerk: GripJerk = 20000.0
    jump: Apart = 0.8  # rad from an arm that stands to its first command, at most

    @property
    def stop_s(self) -> float:
        """More than any stop within the limits of motion takes."""
        return max(
            _stop_s(self.velocity, self.acceleration, self.jerk),
            _stop_s(self.gripper_velocity, self.gripper_acceleration, self.gripper_jerk),
        )

    @model_validator(mode="after")
    def _stops_are_short(self) -> LimitsConfig:
        for kind in ("", "stop_", "gripper_", "gripper_stop_"):
            speed = f"{kind.removesuffix('stop_')}velocity"
            push, jerk = f"{kind}acceleration", f"{kind}jerk"
            seconds = _stop_s(*(getattr(self, key) for key in (speed, push, jerk)))
            if seconds > MOST_STOP_S:
                raise ValueError(
                    f"a stop takes up to {speed} / {push} + 2 {push} / {jerk} = {seconds:.3g} s, "
                    f"allowed is {MOST_STOP_S:g} s: lower {speed}, or raise {jerk} or {push}"
                )
        return self


def _stop_s(velocity: float, acceleration: float, jerk: float) -> float:
    return velocity / acceleration + 2.0 * acceleration / jerk


@dataclass(frozen=True, slots=True)
class JointLimits:
    """Limits of J joints, each array (J,).

    Attributes:
        lower: least position that may ever be commanded.
        upper: greatest position that may ever be commanded.
        margin: how far inside of that range plans are kept.
        velocity: greatest speed.
        acceleration: greatest acceleration.
        jerk: greatest change of acceleration per second.
        group: joints with the same number are slowed down together, so that an arm keeps its path.
        stop_acceleration: greatest acceleration of a stop.
        stop_jerk: greatest jerk of a stop.
        jump: furthest that a command may be from a standing arm that begins to follow; inf for
            grippers, whose whole range is a short way.
    """

    joints: tuple[str, ...]
    lower: Array
    upper: Array
    margin: Array
    velocity: Array
    acceleration: Array
    jerk: Array
    group: NDArray[np.intp]
    stop_acceleration: Array
    stop_jerk: Array
    jump: Array

    @classmethod
    def build(
        cls,
        joints: Sequence[str],
        lower: Sequence[float] | Array,
        upper: Sequence[float] | Array,
        config: LimitsConfig,
    ) -> JointLimits:
        """Return the limits of `joints`, which range from `lower` to `upper`.

        Joints are named `<arm>_<joint>`; each arm's joints are one group, each gripper its own.

        Raises:
            ValueError: a range is empty, or there are not as many bounds as joints.
        """
        low, high = np.asarray(lower, np.float64), np.asarray(upper, np.float64)
        if low.shape != (len(joints),) or high.shape != (len(joints),):
            raise ValueError(
                f"{len(joints)} joints need as many bounds, got {low.shape} and {high.shape}"
            )
        grips = gripper_mask(joints)
        inset = np.where(grips, config.gripper_swing, config.margin)
        low, high = (
            np.where(grips, low - config.gripper_swing, low),
            np.where(grips, high + config.gripper_swing, high),
        )
        for name, least, most in zip(joints, low + inset, high - inset, strict=True):
            if not least < most:
                raise ValueError(f"joint {name!r}: no room between {least:.4f} and {most:.4f}")
        keys = [
            name if grip else name.split("_")[0] for name, grip in zip(joints, grips, strict=True)
        ]
        order = list(dict.fromkeys(keys))
        return cls(
            joints=tuple(joints),
            lower=low,
            upper=high,
            margin=inset,
            velocity=np.where(grips, config.gripper_velocity, config.velocity),
            acceleration=np.where(grips, config.gripper_acceleration, config.acceleration),
            jerk=np.where(grips, config.gripper_jerk, config.jerk),
            group=np.array([order.index(key) for key in keys], np.intp),
            stop_acceleration=np.where(
                grips, config.gripper_stop_acceleration, config.stop_acceleration
            ),
            stop_jerk=np.where(grips, config.gripper_stop_jerk, config.stop_jerk),
            jump=np.where(grips, np.inf, config.jump),
        )

    def of(self, joints: Sequence[str]) -> JointLimits:
        """Return the limits of some of the joints, in the order given.

        Raises:
            ValueError: a joint is not among these.
        """
        missing = [name for name in joints if name not in self.joints]
        if missing:
            raise ValueError(f"no limits for {missing}; there are {list(self.joints)}")
        rows = [self.joints.index(name) for name in joints]
        groups = np.unique(self.group[rows], return_inverse=True)[1]
        return JointLimits(
            tuple(joints),
            self.lower[rows],
            self.upper[rows],
            self.margin[rows],
            self.velocity[rows],
            self.acceleration[rows],
            self.jerk[rows],
            groups.astype(np.intp),
            self.stop_acceleration[rows],
            self.stop_jerk[rows],
            self.jump[rows],
        )

    def scaled(self, factor: float) -> JointLimits:
        """Return the same with velocity, acceleration and jerk times `factor`; stops are kept."""
        return replace(
            self,
            velocity=self.velocity * factor,
            acceleration=self.acceleration * factor,
            jerk=self.jerk * factor,
        )

    def slowed(self, speed: float) -> JointLimits:
        """Return the same ranges for paths that are run at `speed` times the usual speed."""
        return replace(
            self,
            velocity=self.velocity * speed,
            acceleration=self.acceleration * speed**2,
            jerk=self.jerk * speed**3,
        )


def gripper_mask(joints: Sequence[str]) -> NDArray[np.bool_]:
    """Return which of `joints` are grippers, by name."""
    return np.array([name.endswith(GRIPPER) for name in joints], np.bool_)
