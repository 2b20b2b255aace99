"""Letting an arm go on purpose, and taking hold of it again: the only way that torque changes."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drivers.arm import Arm, ArmError, ArmLostError, ArmReading
from drivers.leave import ordered
from messaging.messages import CUT, OFF, Permit
from motion.leave import NONE, allowed
from motion.limits import gripper_mask

log = logging.getLogger(__name__)
Array = NDArray[np.float64]

LET_GO = "its torque is off"

_STILL_RAD_S = 0.1  # what a sensor says of a joint that stands
_FRESH_NS = 100_000_000
_TRY_AGAIN_NS = 500_000_000


@dataclass(frozen=True, slots=True)
class RestPose:
    """Where an arm lies by itself; its gripper may be anywhere.

    Attributes:
        joints: names of the J joints.
        position: (J,) rad, gripper 0..1.
        tolerance_rad: how far from there a joint of the arm may be.
    """

    joints: tuple[str, ...]
    position: Array
    tolerance_rad: float

    def objection(self, reading: ArmReading, written: Array, still: bool, now_ns: int) -> str:
        """Return why the arm would fall if it were let go now, empty if it lies at rest.

        Args:
            reading: its newest sample.
            written: (J,) what its servos are told.
            still: whether they have been told the same for some time.
            now_ns: the present time.
        """
        if now_ns - reading.t_sample_ns > _FRESH_NS:
            return "it has not said lately where it is"
        arm = ~gripper_mask(self.joints)
        if not still or not (np.abs(reading.velocity[arm]) < _STILL_RAD_S).all():
            return "it moves"
        off_rad = np.fmax(
            np.abs(written - self.position),
            np.abs(np.nan_to_num(reading.position, nan=np.inf) - self.position),
        )
        off_rad[~arm] = 0.0
        worst = int(np.argmax(off_rad))
        if off_rad[worst] <= self.tolerance_rad:
            return ""
        return f"{self.joints[worst]} is {off_rad[worst]:.2f} rad from its rest pose"


class Torque:
    """Whether the arm holds, as permits order.

    Attributes:
        off_ns: since when it is let go, 0 while it holds.
        error: why it did not let go, or does not take hold again, empty if nothing is wrong.
        warning: why it keeps its torque though it was told to let go, empty without such an order.
    """

    def __init__(self, arm: Arm, rest: RestPose) -> None:
        self.off_ns = 0
        self.error = ""
        self.warning = ""
        self._arm = arm
        self._rest = rest
        self._epoch = 0  # of the permit that ordered it
        self._returning = False
        self._again_ns = 0

    def obey(
        self, permit: Permit | None, reading: ArmReading, written: Array, still: bool, now_ns: int
    ) -> None:
        """Let the arm go if that is ordered: CUT at once, OFF if it lies at rest.

        Raises:
            ArmLostError: the arm is gone.
        """
        order = ordered(permit, now_ns)
        if permit is None or not order:
            self.warning = ""
            return
        if self.off_ns and reading.torque == OFF:
            self.error = ""
            return
        if order == OFF:
            self._object(self._rest.objection(reading, written, still, now_ns))
        if order == CUT or not self.warning:
            self._let_go(permit, order, now_ns)

    def returned(self, permit: Permit | None, now_ns: int) -> bool:
        """Take hold, a little at each call, once leave is given anew; return whether it holds.

        What was begun is ended even if the leave is withdrawn meanwhile: half an arm is no hold.

        Raises:
            ArmLostError: the arm is gone.
        """
        fresh = permit is not None and permit.epoch != self._epoch
        if now_ns < self._again_ns:
            return False
        if not self._returning and not (fresh and allowed(permit, now_ns) != NONE):
            # It could not when it last tried; whoever lies still has nothing to complain of.
            self.error, self._again_ns = "" if self._again_ns else self.error, 0
            return False
        try:
            holds = self._arm.hold()
        except ArmLostError:
            raise
        except ArmError as error:
            self._fail(str(error))
            self._returning, self._again_ns = False, now_ns + _TRY_AGAIN_NS
            return False
        self._returning, self.error = not holds, ""
        if holds:
            self.off_ns = 0
            log.warning("holds again, where it stands")
        return holds

    def _object(self, objection: str) -> None:
        told, self.warning = self.warning, objection and f"its torque stays on: {objection}"
        if self.warning and not told:
            log.warning("%s", self.warning)

    def _let_go(self, permit: Permit, order: str, now_ns: int) -> None:
        if not self.off_ns:
            log.warning("takes its torque off: %s", "cut" if order == CUT else "it lies at rest")
        self.off_ns, self._epoch, self._returning = now_ns, permit.epoch, False
        try:
            self._arm.off()
        except ArmLostError:
            raise
        except ArmError as error:
            self._fail(str(error))
        else:
            self.error = ""

    def _fail(self, why: str) -> None:
        if why != self.error:
            log.error("%s", why)
        self.error = why
