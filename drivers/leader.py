"""A leader arm's two lives: it follows the arm that it leads, or is free in a person's hand.

While it follows it comes after its arm at its own pace, from wherever it stands; its goals pass the
same guard as those of any arm, and need the same leave to move. It is left to a hand, weightless
where its motors can carry it, when that is asked for; its torque goes off when all arms are cut,
and stays off until leave to move is given anew.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from drivers.arm import Arm, ArmError, ArmLostError, ArmReading
from drivers.chase import Chase
from drivers.dynamixel.profile import Gripper
from drivers.gripper import action_of, crank_rad
from drivers.guard import MISSHAPEN, NOT_FINITE, Guard, GuardedCommand
from drivers.leave import denial, ordered
from messaging.messages import CUT, LeaderCommand, Permit
from motion.limits import JointLimits

log = logging.getLogger(__name__)
Array = NDArray[np.float64]

FREE: Final = "free in a hand"
TAKING_HOLD: Final = "takes hold"
SILENT: Final = "nobody tells it where to be"
SILENT_NS: Final = 200_000_000  # after which it holds
_TRY_AGAIN_NS: Final = 500_000_000


class Cut:
    """Whether torque is cut: from the order on until leave is given anew.

    Attributes:
        in_force: whether it is.
    """

    def __init__(self) -> None:
        self.in_force = False
        self._epoch: int | None = None  # of the permit that ordered it

    def heed(self, permit: Permit | None, now_ns: int) -> None:
        """Take in what the newest permit says of it, None before the first."""
        if permit is None:
            return
        if ordered(permit, now_ns) == CUT:
            self.in_force, self._epoch = True, permit.epoch
        elif permit.epoch != self._epoch and not denial(permit, now_ns):
            self.in_force = False


class Leader:
    """Carries out what a leader is told; pure but for the arm that it is given.

    Attributes:
        free: whether its torque is off on purpose, or not all on again yet.
        moving: whether its goals changed in the last cycle.
        error: why it does not do as told, empty if it does.
    """

    def __init__(
        self, arm: Arm, limits: JointLimits, dt_ns: int, cut: Cut, *, free: bool = False
    ) -> None:
        """Take over `arm` without moving it or changing its torque.

        Args:
            arm: attached.
            limits: of its joints.
            dt_ns: length of a period.
            cut: what is known of a cut by now.
            free: whether its torque is off on purpose, or not all on.
        """
        self.free = free
        self.moving = False
        self.error = ""
        self._arm = arm
        self._limits = limits
        self._lowest, self._highest = limits.lower + limits.margin, limits.upper - limits.margin
        self._dt_ns = dt_ns
        self._cut = cut
        self._guard: Guard | None = None
        self._chase: Chase | None = None
        self._written: Array | None = None
        self._seq = 0
        self._limp = False  # or carried, all of it, by the last word that its torque was given
        self._off = False  # so far as to carry nothing
        self._attempted: Callable[[], None] = self._take_hold
        self._again_ns = 0

    def cycle(
        self, command: LeaderCommand | None, permit: Permit | None, reading: ArmReading, now_ns: int
    ) -> GuardedCommand:
        """Carry out one period; returns what the servos are told, and why if not the command.

        Args:
            command: the newest, None before the first; an old one leaves its torque as it is.
            permit: the newest that was heard, None before the first.
            reading: its newest sample.
            now_ns: the present time.

        Raises:
            ArmLostError: the arm is gone.
        """
        if command is not None and now_ns - command.t_ns > SILENT_NS:
            command = None
        self._cut.heed(permit, now_ns)
        was_free, cut = self.free, self._cut.in_force
        if cut or (command is not None and command.free):
            self._let_go(now_ns, cut=cut)
        elif command is not None and self.free:
            self._attempt(self._take_hold, now_ns)
        if self.free or was_free:  # what it is told now is in its next sample
            self._guard = self._chase = self._written = None
            self.moving = False
            taking = command is not None and not (cut or command.free)
            return GuardedCommand(reading.goal, TAKING_HOLD if taking else FREE)
        return self._following(command, denial(permit, now_ns), reading, now_ns)

    def _following(
        self, command: LeaderCommand | None, denied: str, reading: ArmReading, now_ns: int
    ) -> GuardedCommand:
        if self._guard is None:
            self._guard = Guard(self._limits, self._dt_ns, reading.goal)
        trouble = "; ".join(reading.errors) or denied or self._misfit(command)
        goal = None if trouble or command is None else self._chased(command, now_ns)
        if goal is None:
            self._chase = None  # it begins anew, where it has come to rest
        self._seq += 1
        here = reading.place(now_ns, now_ns)
        guarded = self._guard.checked(goal, self._seq, now_ns, now_ns, trouble, here)
        self._arm.write(guarded.position)
        self._written = guarded.position
        self.moving = not self._guard.standing
        return replace(guarded, holding=guarded.holding if command or trouble else SILENT)

    def _chased(self, command: LeaderCommand, now_ns: int) -> Array | None:
        """Return the next goal on the way after the arm; None until it rests, whence it begins."""
        if self._chase is None:
            if self.moving or self._written is None:
                return None
            self._chase = Chase(self._limits, self._dt_ns * 1e-9, self._written)
        places = [command.joints.index(joint) for joint in self._limits.joints]
        target = np.clip(command.position[places], self._lowest, self._highest)
        self._chase.aim(target, command.t_ns)
        return self._chase.step(now_ns)

    def _misfit(self, command: LeaderCommand | None) -> str:
        """Return what makes a command one that cannot be followed, empty if nothing does."""
        if command is None:
            return ""
        named = set(self._limits.joints) <= set(command.joints)
        if not named or command.position.shape != (len(command.joints),):
            return MISSHAPEN
        return "" if np.isfinite(command.position).all() else NOT_FINITE

    def _let_go(self, now_ns: int, *, cut: bool) -> None:
        self.free = True
        if cut and not self._off:
            self._attempt(self._take_off, now_ns)
        elif not self._limp:
            self._attempt(self._leave, now_ns)

    def _take_off(self) -> None:
        self._arm.off()
        self._limp = self._off = True

    def _leave(self) -> None:
        """Make one step of leaving it to the hand."""
        self._limp = self._arm.free()

    def _take_hold(self) -> None:
        """Make one step of taking hold where it stands."""
        self._limp = self._off = False
        self.free = not self._arm.hold()

    def _attempt(self, action: Callable[[], None], now_ns: int) -> None:
        """Do something to the torque; what fails is tried again after a while, else at once."""
        if now_ns < self._again_ns and action == self._attempted:
            return
        self._attempted = action
        try:
            action()
        except ArmLostError:
            raise
        except ArmError as error:
            if str(error) != self.error:
                log.error("%s", error)
            self.error, self._again_ns = str(error), now_ns + _TRY_AGAIN_NS
        else:
            self.error, self._again_ns = "", 0


def as_command(reading: ArmReading, gripper: Gripper | None) -> ArmReading:
    """Return a sample with the gripper in the sense of a command, as an arm is told by a leader.

    Args:
        reading: of the arm; its gripper is where its finger stands.
        gripper: its geometry, None where both senses are one.
    """
    if gripper is None:
        return reading
    position = reading.position.copy()
    finger_m = gripper.closed_m + position[-1] * (gripper.open_m - gripper.closed_m)
    position[-1] = action_of(gripper, crank_rad(gripper, finger_m))
    return replace(reading, position=position)
