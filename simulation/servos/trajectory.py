"""The velocity profile of a servo: from where it is to its goal, with bounded speed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

STEP_S: Final = 0.001


def speed_towards(distance: float, velocity: float, acceleration: float, dt_s: float) -> float:
    """Return the signed speed at which one can go `distance` and still brake at its end.

    From v^2 = 2 a d, less half a step of braking, so that steps of `dt_s` do not overshoot.
    """
    half = 0.5 * acceleration * dt_s
    fastest = math.sqrt(2.0 * acceleration * abs(distance) + half * half) - half
    return math.copysign(min(velocity, fastest, abs(distance) / dt_s), distance)


def timed(distance: float, total_s: float, ramp_s: float) -> tuple[float, float]:
    """Return the velocity and acceleration that go `distance` in `total_s`, each ramp in `ramp_s`.

    A ramp takes at most half of the time. No time at all means that nothing bounds the motion.
    """
    if not total_s or not distance:
        return math.inf, math.inf
    ramp_s = min(ramp_s, 0.5 * total_s)
    velocity = distance / (total_s - ramp_s)
    return velocity, velocity / ramp_s if ramp_s else math.inf


@dataclass(slots=True)
class Trajectory:
    """A trapezoidal profile, in whatever unit and s; a bound that is infinite does not bound."""

    position: float = 0.0
    velocity: float = 0.0
    goal: float = 0.0
    most_velocity: float = math.inf
    most_acceleration: float = math.inf

    @property
    def done(self) -> bool:
        """Return whether the goal is reached."""
        return self.position == self.goal and self.velocity == 0.0

    def stop(self, position: float) -> None:
        """Stand at `position`."""
        self.position = self.goal = position
        self.velocity = 0.0

    def retarget(self, goal: float, velocity: float, acceleration: float) -> None:
        """Go to `goal` from here on, whatever the motion was."""
        self.goal, self.most_velocity, self.most_acceleration = goal, velocity, acceleration
        if math.isinf(velocity) and math.isinf(acceleration):
            self.stop(goal)

    def advance(self, dt_s: float) -> None:
        """Let `dt_s` pass."""
        while dt_s > 1e-9 and not self.done:
            step = min(dt_s, STEP_S)
            self._step(step)
            dt_s -= step

    def _step(self, dt_s: float) -> None:
        distance = self.goal - self.position
        change = self.most_acceleration * dt_s
        if math.isinf(change):
            wanted = math.copysign(min(self.most_velocity, abs(distance) / dt_s), distance)
        else:
            wanted = speed_towards(distance, self.most_velocity, self.most_acceleration, dt_s)
        self.velocity += min(max(wanted - self.velocity, -change), change)
        self.position += self.velocity * dt_s
        if abs(self.goal - self.position) < 1e-6 and abs(self.velocity) <= 2.0 * change:
            self.stop(self.goal)
