"""The last line: no command breaks a limit, or leaves no way to stop within the limits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motion.braking import braked, braking_extent, braking_reach
from motion.limits import JointLimits

Array = NDArray[np.float64]

TOLERANCE = 1e-9  # relative; what rounding may add
STILL = 1e-9  # rad/s; a slower joint stands
CANDIDATES = 16  # scales tried at once; two rounds resolve 1/256
BOUNDS = ("velocity", "acceleration", "jerk")


@dataclass(frozen=True, slots=True)
class Activation:
    """A bound that held a command back."""

    joint: str  # or the pair of bodies that came too near
    bound: str  # position, velocity, acceleration, jerk or collision

    def __str__(self) -> str:
        """Return the name under which it is counted."""
        return f"limit.{self.joint}.{self.bound}"


class Limiter:
    """Follows targets exactly while they are possible, else goes as far towards them as it may.

    Each step is `brake + s (target - brake)`, where `brake` is the next step of a stop with bounded
    jerk and s the greatest scale in 0..1, one for each group of joints, that keeps every bound and
    leaves a stop within them. By induction a permitted next step, s = 0, always exists.
    """

    def __init__(self, limits: JointLimits, dt: float, position: Array) -> None:
        """Begin at rest at `position` (J,); `dt` is the time between commands in seconds."""
        self.limits = limits
        self._dt = dt
        self._groups = int(limits.group.max()) + 1
        self._caps = np.stack((limits.velocity, limits.acceleration, limits.jerk))
        self._slack = self._caps * (1.0 + TOLERANCE)
        self._per = np.array([[1.0 / dt], [1.0 / dt**2], [1.0 / dt**3]])
        self.reset(position)

    def reset(self, position: Array) -> None:
        """Be at rest at `position` (J,)."""
        self.position = np.array(position, np.float64)
        self.velocity = np.zeros_like(self.position)
        self.acceleration = np.zeros_like(self.position)

    @property
    def standing(self) -> bool:
        """Return whether the last commands were the same, up to rounding."""
        still = (np.abs(self.velocity) < STILL) & (np.abs(self.acceleration) * self._dt < STILL)
        return bool(still.all())

    def past(self, count: int) -> Array:
        """Return the last `count` positions (count, J), had this acceleration always been so."""
        back = np.arange(count, 0, -1.0)[:, None] - 1.0
        moved = back * self.velocity * self._dt
        return np.asarray(
            self.position - moved + 0.5 * back * (back - 1.0) * self.acceleration * self._dt**2
        )

    def brake(self) -> Array:
        """Return where one step of braking leads (J,), without going there."""
        limits = self.limits
        change = braked(
            self.velocity, self.acceleration, limits.acceleration, limits.jerk, self._dt
        )
        return self.position + (self.velocity + change * self._dt) * self._dt

    def admits(self, target: Array) -> bool:
        """Return whether going to `target` (J,) now keeps every bound and leaves a stop."""
        rates = self._rates(target)
        if (np.abs(rates) > self._slack).any():
            return False
        v, a = rates[0], rates[1]
        lower, upper = self._range()
        limits = self.limits
        reach, peak = braking_reach(v, a, limits.acceleration, limits.jerk, self._dt)
        clear = (target - reach >= lower) & (target + reach <= upper) & (peak <= self._slack[0])
        return bool(clear.all()) or bool(self._stops(target[None]).all())

    def go(self, target: Array) -> None:
        """Take `target` (J,) as the command that is sent now."""
        velocity = (target - self.position) / self._dt
        self.acceleration = (velocity - self.velocity) / self._dt
        self.velocity = velocity
        self.position = target

    def follow(self, target: Array) -> tuple[Array, tuple[Activation, ...]]:
        """Return the command (J,) nearest to `target` that may be sent now, and take it as sent."""
        command, activations = self.limited(target)
        self.go(command)
        return command, activations

    def limited(self, target: Array) -> tuple[Array, tuple[Activation, ...]]:
        """Return the command (J,) nearest to `target` that may be sent now, and what held it."""
        if self.admits(target):
            return target, ()
        base = self.brake()
        scale, causes = self._linear(base, target)
        command = base + scale[self.limits.group] * (target - base)
        if not self._stops(command[None]).all():
            scale, more = self._stoppable(base, target, scale)
            causes.update(more)
            command = base + scale[self.limits.group] * (target - base)
        return command, tuple(causes.values())

    def _range(self) -> tuple[Array, Array]:
        """Return the range in force: one that is already left may only be re-entered."""
        slack = TOLERANCE * (1.0 + np.abs(self.position))
        return (
            np.minimum(self.limits.lower, self.position) - slack,
            np.maximum(self.limits.upper, self.position) + slack,
        )

    def _rates(self, target: Array) -> Array:
        """Return velocity, acceleration and jerk (3, J) that `target` asks for."""
        velocity = (target - self.position) / self._dt
        acceleration = (velocity - self.velocity) / self._dt
        jerk = (acceleration - self.acceleration) / self._dt
        return np.stack((velocity, acceleration, jerk))

    def _stops(self, commands: Array) -> NDArray[np.bool_]:
        """Return whether stops from `commands` (C, J) stay within range, and speed: (2, C, J)."""
        limits = self.limits
        velocity = (commands - self.position) / self._dt
        acceleration = (velocity - self.velocity) / self._dt
        least, most, fastest = braking_extent(
            velocity, acceleration, limits.acceleration, limits.jerk, self._dt
        )
        lower, upper = self._range()
        inside = (commands + least >= lower) & (commands + most <= upper)
        return np.stack((inside, fastest <= self._slack[0]))

    def _linear(self, base: Array, target: Array) -> tuple[Array, dict[int, Activation]]:
        """Return each group's greatest scale (G,) by the bounds on this step, and the causes."""
        start = self._rates(base)
        slope = (target - base) * self._per
        room = np.maximum(self._caps - np.sign(slope) * start, 0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            allowed = np.where(slope == 0.0, np.inf, room / np.abs(slope))
        scale = np.ones(self._groups)
        causes = {}
        for group in range(self._groups):
            members = np.flatnonzero(self.limits.group == group)
            bound, member = divmod(int(np.argmin(allowed[:, members])), len(members))
            if allowed[bound, members[member]] < 1.0:
                scale[group] = allowed[bound, members[member]]
                causes[group] = Activation(self.limits.joints[members[member]], BOUNDS[bound])
        return scale, causes

    def _stoppable(
        self, base: Array, target: Array, ceiling: Array
    ) -> tuple[Array, dict[int, Activation]]:
        """Return each group's greatest scale (G,) up to `ceiling` that leaves a stop."""
        low, high = np.zeros(self._groups), ceiling.copy()
        causes: dict[int, Activation] = {}
        for _ in range(2):
            steps = np.arange(1, CANDIDATES + 1)[:, None] / CANDIDATES
            scales = low + steps * (high - low)
            commands = base + scales[:, self.limits.group] * (target - base)
            stops = self._stops(commands)
            for group in range(self._groups):
                members = np.flatnonzero(self.limits.group == group)
                possible = np.flatnonzero(stops[:, :, members].all(axis=(0, 2)))
                best = int(possible[-1]) + 1 if len(possible) else 0
                if best < CANDIDATES:
                    bound, member = divmod(int(np.argmin(stops[:, best, members])), len(members))
                    joint = self.limits.joints[members[member]]
                    causes[group] = Activation(joint, ("position", "velocity")[bound])
                    high[group] = scales[best, group]
                if best:
                    low[group] = scales[best - 1, group]
        return low, causes
