"""What an arm's driver tells: the state of its joints each cycle, of its motors now and then."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from drivers.arm import Arm, ArmReading
from drivers.guard import GuardedCommand
from messaging.messages import JointState, Permit
from messaging.topics import JOINT_STATE, MOTOR_STATES
from messaging.transport import Bus
from runtime.process import STALL_NS

_PERIOD_NS = round(1e9 / JOINT_STATE.rate_hz)
_MOTORS_NS = round(1e9 / MOTOR_STATES.rate_hz)


class States:
    """The two streams of one arm, and since when its goals have not changed."""

    def __init__(self, bus: Bus, arm: str, joints: tuple[str, ...]) -> None:
        self._arm = arm
        self._joints = joints
        self._publisher = bus.publisher(JOINT_STATE, arm)
        self._motors = bus.publisher(MOTOR_STATES, arm)
        self._seq = 0
        self._written: NDArray[np.float64] | None = None
        self._written_ns = 0  # when that was told first
        self._motors_ns = 0
        self._told_ns = 0
        self._stall_s = 0.0  # how long the driver last stood still
        self._stalled_ns = 0  # when that was over

    def tell(
        self,
        reading: ArmReading,
        read_ns: int,
        guarded: GuardedCommand,
        now_ns: int,
        *,
        t_command_ns: int = 0,
        permit: Permit | None = None,
        errors: tuple[str, ...] = (),
        warnings: tuple[str, ...] = (),
        off_ns: int = 0,
    ) -> None:
        """Publish the state after a cycle.

        Args:
            reading: the newest sample.
            read_ns: when it was taken in.
            guarded: what the servos are told, and why if that is not the command.
            now_ns: when they were told.
            t_command_ns: stamp of the newest command, 0 before the first.
            permit: the newest permit.
            errors: in place of those of the reading, if any.
            warnings: besides those of the reading.
            off_ns: since when the arm is let go, 0 while it holds.
        """
        self._seq += 1
        sent_ns = time.monotonic_ns()
        self._note_stall(sent_ns)
        self._publisher.send(
            JointState(
                arm=self._arm,
                seq=self._seq,
                t_sample_ns=reading.t_sample_ns,
                joints=self._joints,
                position=reading.position,
                velocity=reading.velocity,
                current=reading.current,
                temperature=reading.temperature,
                voltage=reading.voltage,
                age_s=reading.age_s + (sent_ns - read_ns) * 1e-9,
                errors=errors or reading.errors,
                warnings=warnings + reading.warnings,
                written=guarded.position,
                t_written_ns=now_ns,
                t_command_ns=t_command_ns,
                holding=guarded.holding,
                permit=permit.seq if permit else 0,
                t_frozen_ns=off_ns or self._frozen_ns(guarded.position, now_ns),
                torque=reading.torque,
                unheard=() if errors else reading.unheard,
                late_s=self._stall_s if reading.t_sample_ns < self._stalled_ns else 0.0,
            )
        )

    def tell_motors(self, arm: Arm, now_ns: int) -> None:
        """Publish the state of the arm's motors, if that is due and it knows them."""
        if now_ns - self._motors_ns < _MOTORS_NS:
            return
        self._motors_ns = now_ns
        motors = arm.motor_states(now_ns)
        if motors is not None:
            self._motors.send(motors)

    def _note_stall(self, now_ns: int) -> None:
        late_ns = now_ns - self._told_ns - _PERIOD_NS
        if self._told_ns and late_ns > STALL_NS:
            self._stall_s, self._stalled_ns = late_ns * 1e-9, now_ns
        self._told_ns = now_ns

    def _frozen_ns(self, written: NDArray[np.float64], now_ns: int) -> int:
        """Return since when the servos are told the same, 0 if they were told something new."""
        if self._written is None:
            self._written, self._written_ns = written, now_ns
        elif not np.array_equal(written, self._written):
            self._written, self._written_ns = written, now_ns
            return 0
        return self._written_ns
