"""The last check before an arm's servos, in the driver itself, whatever the controller does."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motion.braking import braked
from motion.limiter import Limiter
from motion.limits import JointLimits, gripper_mask
from motion.minimum_jerk import fading, path

Array = NDArray[np.float64]

WIDER = 1.25  # than the controller's limits, so that the guard never acts in a normal run
STEADY = 3  # commands in a row, from which their velocity and acceleration are known
GENTLE = 0.3  # fraction of the limits with which an arm comes back to its commands
HELD_RAD = 0.1  # further than this from its goal no joint hangs by its weight: something holds it
RELIEF_S = 0.3  # after a stop; by then an arm is where it is told to be

MISSING = "no command"
MISSHAPEN = "command for other joints"
NOT_FINITE = "command is not finite"
TOO_OLD = "command is too old"
BEYOND_LIMITS = "command beyond the limits"
TOO_FAR = "command is too far from the arm"
STOPPING = "coming to a stop"
UNSTEADY = "waiting for steady commands"
RETURNING = "returning to commands"


@dataclass(frozen=True, slots=True)
class GuardedCommand:
    """What goes to the servos.

    Attributes:
        position: (J,) goal positions.
        holding: why they are not the command, empty if they are.
    """

    position: Array
    holding: str


class Guard:
    """Passes good commands through unchanged; where they are bad or missing it brakes and holds.

    A command is good if it is fresh, finite, of the right shape, and if from there a stop within
    the limits is still possible. A single missing command is bridged by going on as before, so that
    a late one costs nothing. After a hold the arm comes back smoothly: what lies between it and
    the commands fades to zero with continuous velocity and acceleration.

    Trouble is another thing: then it stops as hard as it may, and to standstill whatever comes.
    Joints that something holds away from their goals are relieved then: their goals go to where
    they are, once, lest their motors give up and the arm falls.
    """

    def __init__(
        self, limits: JointLimits, dt_ns: int, position: Array, max_age_ns: int = 100_000_000
    ) -> None:
        """Begin at rest, not following yet.

        Args:
            limits: the controller's, of this arm's joints.
            dt_ns: time between commands.
            position: (J,) where the arm is.
            max_age_ns: age above which a command is not followed.
        """
        wider = limits.scaled(WIDER)
        self._limiter = Limiter(wider, dt_ns * 1e-9, position)
        # Never softer than the brake that the range was kept for.
        self._stop_acceleration = np.maximum(limits.stop_acceleration, wider.acceleration)
        self._stop_jerk = np.maximum(limits.stop_jerk, wider.jerk)
        self._jump = limits.jump
        self._stopping = False
        self._stood = 0  # periods since the stop
        self._relief: deque[Array] = deque()
        self._arm = ~gripper_mask(limits.joints)
        self._gentle = limits.scaled(GENTLE)
        self._dt_ns = dt_ns
        self._max_age_ns = max_age_ns
        self._recent: deque[Array] = deque(maxlen=STEADY)
        self._seq = 0
        self._missed = 0
        self._coasted = False
        self._offset: deque[Array] | None = None  # None while holding, empty while on the commands

    @property
    def standing(self) -> bool:
        """Return whether what it let through last was no motion."""
        return self._limiter.standing

    def checked(
        self,
        command: Array | None,
        seq: int,
        t_command_ns: int,
        now_ns: int,
        trouble: str = "",
        measured: Array | None = None,
    ) -> GuardedCommand:
        """Return what to write to the servos in this period.

        Call it as each command arrives, and without one when none came for 1.5 periods.

        Args:
            command: (J,) the controller's command, None if none came in time.
            seq: number of the command, one more than that of the command before.
            t_command_ns: when the command was made.
            now_ns: the present time.
            trouble: what forbids to follow, or makes the arm unfit for it, empty if nothing does.
            measured: (J,) where the arm is, None if that is not known.
        """
        if trouble or self._stopping:
            return self._stop(trouble or STOPPING, measured)
        self._stood = 0
        if command is None:
            self._missed += 1
            moving_on = self._missed == 1 and self._offset is not None
            return self._coasting() if moving_on else self._braking(MISSING)
        fault = self._fault(command, now_ns - t_command_ns)
        if fault:
            self._recent.clear()
            return self._braking(fault)
        if self._belated(seq):
            self._remember(command, seq)
            return GuardedCommand(self._limiter.position.copy(), MISSING)
        self._bridge(command, seq)
        reason = self._not_yet(command) if self._offset is None else ""
        self._remember(command, seq)
        return self._braking(reason) if reason else self._following(command)

    def _fault(self, command: Array, age_ns: int) -> str:
        """Return why `command` cannot be followed, empty if it may be."""
        if command.shape != self._limiter.position.shape:
            return MISSHAPEN
        if not np.isfinite(command).all():
            return NOT_FINITE
        return TOO_OLD if age_ns > self._max_age_ns else ""

    def _belated(self, seq: int) -> bool:
        """Return whether the command belongs to the one period that was already braked for."""
        return self._missed == 1 and seq == self._seq + 1 and len(self._recent) > 0

    def _bridge(self, command: Array, seq: int) -> None:
        """Make up for one missing command by a parabola; forget the past if more are missing."""
        steps = seq - self._seq
        if steps == 2 and self._missed <= 1 and len(self._recent) >= 2:
            before, last = self._recent[-2], self._recent[-1]
            self._recent.append(last + (command - before) / 3.0)
            self._coasted, self._offset = self._coasted or self._offset is not None, None
        elif steps != 1 or self._missed:
            self._recent.clear()
            self._offset = None

    def _remember(self, command: Array, seq: int) -> None:
        """Take `command` as the newest of its stream."""
        self._recent.append(command)
        self._seq = seq
        self._missed = 0

    def _not_yet(self, command: Array) -> str:
        """Begin the way back to the commands if that may be; else return why it may not.

        It begins from standstill, or where commands go on.
        """
        if len(self._recent) < STEADY or not (self._coasted or self._limiter.standing):
            return UNSTEADY
        if (np.abs(command - self._limiter.position) > self._jump).any():
            return TOO_FAR
        self._offset = self._way_back()
        return ""

    def _way_back(self) -> deque[Array]:
        """Return what is between the arm and its commands from now on, going to zero."""
        before, middle, last = self._recent
        dt, arm = self._dt_ns * 1e-9, self._limiter
        velocity = (last - middle) / dt
        acceleration = (last - 2.0 * middle + before) / dt**2
        rows = fading(
            arm.position - last,
            arm.velocity - velocity,
            arm.acceleration - acceleration,
            self._gentle,
            dt,
        )
        return deque(rows)

    def _following(self, command: Array) -> GuardedCommand:
        """Go to `command`, or to where the way back to it leads."""
        on_the_way = bool(self._offset)
        target = command + self._offset.popleft() if self._offset else command
        if not self._limiter.admits(target):
            self._recent.clear()
            return self._braking(BEYOND_LIMITS)
        self._limiter.go(target)
        self._coasted = False
        return GuardedCommand(target.copy(), RETURNING if on_the_way else "")

    def _coasting(self) -> GuardedCommand:
        """Go where the commands were going, for the one period in which none came."""
        before, middle, last = self._recent
        target = before + 3.0 * (last - middle)
        if self._offset:
            target = target + self._offset.popleft()
        if not self._limiter.admits(target):
            return self._braking(MISSING)
        self._limiter.go(target)
        self._coasted, self._offset = True, None
        return GuardedCommand(target.copy(), MISSING)

    def _stop(self, reason: str, measured: Array | None) -> GuardedCommand:
        """Make one step of stopping hard; half a stop cannot be ended softly without a swing."""
        self._recent.clear()
        self._coasted, self._offset = False, None
        if self._limiter.standing and measured is not None:
            self._relieve(measured)
        self._limiter.go(self._relief.popleft() if self._relief else self._stop_step())
        self._stopping = bool(self._relief) or not self._limiter.standing
        return GuardedCommand(self._limiter.position.copy(), reason)

    def _stop_step(self) -> Array:
        arm, dt = self._limiter, self._dt_ns * 1e-9
        change = braked(
            arm.velocity, arm.acceleration, self._stop_acceleration, self._stop_jerk, dt
        )
        return arm.position + (arm.velocity + change * dt) * dt

    def _relieve(self, measured: Array) -> None:
        """Begin to bring the goals of joints that are held to where they are; once in a stop.

        More than once would let an arm sink that hangs below its goals.
        """
        self._stood += 1
        if self._stood != round(RELIEF_S / (self._dt_ns * 1e-9)):
            return
        here, limits = self._limiter.position, self._limiter.limits
        held = self._arm & (np.abs(measured - here) > HELD_RAD)
        if held.any():
            there = np.where(held, np.clip(measured, limits.lower, limits.upper), here)
            self._relief.extend(path(here, there, self._gentle, self._dt_ns * 1e-9)[1:])

    def _braking(self, reason: str) -> GuardedCommand:
        """Make one step of coming to a stop."""
        self._coasted, self._offset = False, None
        position = self._limiter.brake()
        self._limiter.go(position)
        return GuardedCommand(position.copy(), reason)
