"""From what the arms do to what a person wants, without a step and without a ramp to wait for.

A target is where the person is, smoothed, and a part that fades: what lay between the arms and the
person, in place, velocity and acceleration, when the person took over. Whenever the arms could not
follow, what lies between fades anew from there.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from controller.fade import Fade
from controller.person import Person
from motion.limiter import Limiter
from motion.limits import JointLimits, gripper_mask

Array = NDArray[np.float64]

WAIT_S = 0.01  # by which a person is looked at in the past: the newest is still under way
WINDOW_S = 0.12  # of a person's motion that a target is made of
LAG_S = 0.03  # by which that leaves it behind
_BACK = 3  # targets before this one that its derivatives are made of
_TURN = 2.0 * np.pi


class Takeover:
    """Leads J joints from the motion under way to a person's, and along it."""

    def __init__(self, limits: JointLimits, dt: float) -> None:
        """Begin with the next target; `dt` is the time between targets in seconds."""
        self._limits = limits
        self._dt = dt
        self._turning = ~gripper_mask(limits.joints)
        self._voice = -1
        self._due_ns = 0
        self._astray = True
        self._anchor: Array = np.zeros(len(limits.joints))
        nothing = np.zeros(len(limits.joints))
        self._fade, self._begun_ns = Fade(nothing, nothing, nothing, limits), 0

    def held(self) -> None:
        """Be told that the last target was not sent as it was."""
        self._astray = True

    def target(self, person: Person, due_ns: int, sent: Limiter, speed: float) -> Array:
        """Return where the joints (J,) should be.

        Args:
            person: who commands.
            due_ns: when, on the grid of control ticks: the moment of computing jitters.
            sent: position, velocity and acceleration of the last command.
            speed: most of the usual speed, 0..1.
        """
        weights = smoothing(self._dt)
        dt_ns = round(self._dt * 1e9)
        seen_ns = due_ns - round(WAIT_S * 1e9)
        poses = person.poses(seen_ns - dt_ns * np.arange(len(weights) + _BACK))
        anew = person.voice != self._voice
        if anew:
            self._anchor = self._anchored(person, _smoothed(poses, weights), sent)
        limits = self._limits
        least, most = limits.lower + limits.margin, limits.upper - limits.margin
        rows = _smoothed(np.minimum(np.maximum(poses + self._anchor, least), most), weights)
        if anew or self._astray or abs(due_ns - self._due_ns - dt_ns) > dt_ns // 2:
            self._fade, self._begun_ns = self._between(rows, sent), due_ns - dt_ns
        self._voice, self._due_ns = person.voice, due_ns
        target = rows[0] + self._fade.at((due_ns - self._begun_ns) * 1e-9)
        slower = self._slowed(target, sent.position, speed)
        self._astray = slower is not target
        return slower

    def _anchored(self, person: Person, rows: Array, sent: Limiter) -> Array:
        """Return what is added to a person's poses from now on (J,).

        Relative, and for joints that are too far apart to be brought together, it is what lies
        between where the motion under way comes to rest. Aligned, it is nothing but whole turns.
        """
        limits, where = self._limits, rows[1]
        offset = sent.position - where
        apart = offset + self._between(rows, sent).rest
        if person.relative:
            return np.asarray(apart)
        turned = where + _TURN * np.round(offset / _TURN) * self._turning
        inside = (turned >= limits.lower) & (turned <= limits.upper)
        there = np.where(inside, turned, where)
        aligned = person.moves & (np.abs(sent.position - there) <= limits.jump)
        return np.asarray(np.where(aligned, there - where, apart))

    def _between(self, rows: Array, sent: Limiter) -> Fade:
        """Return what lies between `sent` and where the person was a tick ago."""
        limits, half = self._limits, 0.5 * self._dt
        _, first, second, third = rows
        acceleration = sent.acceleration - (first - 2.0 * second + third) / self._dt**2
        # Backward differences are half a step old.
        velocity = sent.velocity - (first - second) / self._dt + half * acceleration
        # A person beyond what arms can do is not followed: that is not what has to fade.
        fastest, hardest = 2.0 * limits.velocity, 2.0 * limits.acceleration
        return Fade(
            sent.position - first,
            np.minimum(np.maximum(velocity, -fastest), fastest),
            np.minimum(np.maximum(acceleration, -hardest), hardest),
            limits,
        )

    def _slowed(self, target: Array, position: Array, speed: float) -> Array:
        """Return `target`, or as far towards it as each arm may go in a tick at `speed`."""
        step = np.abs(target - position)
        room = min(speed, 1.0) * self._limits.velocity * self._dt
        if (step <= room).all():
            return target
        share = np.where(step > room, room / np.maximum(step, 1e-12), 1.0)
        least = np.ones(int(self._limits.group.max()) + 1)
        np.minimum.at(least, self._limits.group, share)
        return position + least[self._limits.group] * (target - position)


def _smoothed(poses: Array, weights: Array) -> Array:
    """Return where a person is now, was one tick ago, two, three (4, J), from `poses` (N, J)."""
    return np.array([weights @ poses[ago : ago + len(weights)] for ago in range(_BACK + 1)])


@lru_cache(maxsize=8)
def smoothing(dt: float) -> Array:
    """Return the weights (N,) of a signal's values, newest first, that make it smooth.

    Of all that keep a constant and follow a ramp `LAG_S` late, they leave the least squared jerk of
    white noise: a quadratic problem with two linear constraints.
    """
    size = max(round(WINDOW_S / dt), 2)
    jerk = np.zeros((size + 3, size))
    for row in range(size):
        jerk[row : row + 4, row] = (1.0, -3.0, 3.0, -1.0)
    keeps = np.stack((np.ones(size), np.arange(size)))
    system = np.block([[jerk.T @ jerk, keeps.T], [keeps, np.zeros((2, 2))]])
    wanted = np.concatenate((np.zeros(size), (1.0, LAG_S / dt)))
    return np.asarray(np.linalg.solve(system, wanted)[:size])
