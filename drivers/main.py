"""An arm's process: commands through the guard to the servos, samples back to everyone.

Each arriving command starts a cycle, so nothing waits for a second clock. Where none arrives for
one and a half periods, the cycle starts without one and the guard makes a braking step.
"""

from __future__ import annotations

import logging
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from drivers.arm import Arm, ArmError, ArmLostError, ArmReading
from drivers.guard import Guard, GuardedCommand
from messaging.messages import JointCommand, JointState
from messaging.topics import JOINT_COMMAND, JOINT_STATE
from messaging.transport import Waiter
from motion.limits import JointLimits, LimitsConfig
from runtime.plugins import configured, plugin
from runtime.process import Context

log = logging.getLogger(__name__)

UNFIT = "the arm is unfit to move"
LOST = "the arm is gone"

_PATIENCE = 1.5  # periods to wait for a command
_SLACK_S = 0.8  # of a stop, for a machine that is busy
_LONGEST_BRAKE_S = 2.5  # whoever asks a process to stop kills it after three seconds
_ATTACH_S = 3.0  # what a bus of nine motors takes for its checks, and more
_TRY_AGAIN_S = 0.5
_BEAT_S = 0.03  # between signs of life while the arm is gone


class Config(BaseModel):
    """One arm of the robot."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    arm: str
    plugin: str
    config: dict[str, Any] = Field(default_factory=dict)
    ranges: dict[str, tuple[float, float]]  # joint -> rad, gripper 0..1
    limits: LimitsConfig
    rate_hz: int

    @property
    def joints(self) -> tuple[str, ...]:
        """Names of the arm's joints."""
        return tuple(self.ranges)


def main(config: Config, context: Context) -> None:
    """Drive one arm until told to stop; its torque stays as it is then.

    Raises:
        ArmError: the arm cannot be driven; says what to do.
    """
    module = plugin("drivers.arms", config.plugin)
    options = configured(module, config.config)
    arm: Arm = module.make(options, config.arm, config.joints, context.bus)
    context.beat(ready=False, note="attaches the arm", quiet_s=_ATTACH_S)
    arm.attach()
    driver = Driver(config, arm, context)
    try:
        while not context.stopping:
            try:
                driver.drive()
            except ArmLostError as error:
                driver.await_return(str(error))
    finally:
        arm.detach()


def stopping_s(limits: LimitsConfig) -> float:
    """Return more than any stop within the limits takes, whatever the arm does at its start."""
    arm = limits.velocity / limits.acceleration + 2.0 * limits.acceleration / limits.jerk
    gripper = (
        limits.gripper_velocity / limits.gripper_acceleration
        + 2.0 * limits.gripper_acceleration / limits.gripper_jerk
    )
    return max(arm, gripper) + _SLACK_S


class Driver:
    """The loop's state: the newest sample, the guard, the newest command."""

    def __init__(self, config: Config, arm: Arm, context: Context) -> None:
        self._reading: ArmReading | None = None
        self._read_ns = 0
        self._config = config
        self._arm = arm
        self._context = context
        self._period_ns = round(1e9 / config.rate_hz)
        self._commands = context.bus.subscriber(JOINT_COMMAND)
        self._states = context.bus.publisher(JOINT_STATE, config.arm)
        self._waiter = Waiter([self._commands])
        self._guard: Guard | None = None
        self._command: JointCommand | None = None
        self._moving = False
        self._written: NDArray[np.float64] | None = None
        self._last_ns = time.monotonic_ns()
        self._seq = 0
        self._counters: dict[str, int] = {}

    def drive(self) -> None:
        """Carry out commands until told to stop; raises ArmLostError."""
        self._guard = self._reading = None
        while self._reading is None and not self._context.stopping:
            self._look()
        self._last_ns = time.monotonic_ns()  # no cycle was due while there was no arm
        while not self._context.stopping:
            self._serve(self._next_command())
        self._brake()

    def await_return(self, why: str) -> None:
        """Tell that the arm is gone until it is back and attached, or there is no more use."""
        log.warning("%s", why)
        self._arm.detach()
        while not self._context.stopping:
            deadline_ns = time.monotonic_ns() + int(_TRY_AGAIN_S * 1e9)
            while time.monotonic_ns() < deadline_ns and not self._context.stopping:
                if self._reading is not None:
                    held = GuardedCommand(self._reading.goal, LOST)
                    self._publish(held, time.monotonic_ns(), (why,))
                self._context.beat(worked=False, note=why, quiet_s=_ATTACH_S)
                time.sleep(_BEAT_S)
            try:
                self._arm.attach()
            except ArmError as error:
                why = str(error)
            else:
                log.warning("%s is back", self._config.arm)
                return

    def _look(self) -> None:
        """Wait for the arm's first sample: the guard begins at what the servos are told to do."""
        self._waiter.wait(self._period_ns * 1e-9)
        self._read()
        self._context.beat(ready=False, note="waits for the arm's first sample")

    def _read(self) -> None:
        """Take the newest sample; where there is nothing new, the old one ages."""
        reading = self._arm.read()
        if reading is not None:
            self._reading, self._read_ns = reading, time.monotonic_ns()

    def _brake(self) -> None:
        """Come to a stop: the last set-point of a moving arm would be a jolt to its servos."""
        most_s = min(stopping_s(self._config.limits), _LONGEST_BRAKE_S)
        end_ns = time.monotonic_ns() + int(most_s * 1e9)
        while self._moving and time.monotonic_ns() < end_ns:
            time.sleep(self._period_ns * 1e-9)
            self._serve(None)

    def _serve(self, command: JointCommand | None) -> None:
        now_ns = time.monotonic_ns()
        late_ns = max(0, now_ns - self._last_ns - self._period_ns)
        self._last_ns = now_ns
        guarded = self._guarded(command, now_ns)
        self._arm.write(guarded.position)
        self._moving = not (
            self._written is None or np.array_equal(guarded.position, self._written)
        )
        self._written = guarded.position
        self._read()
        self._publish(guarded, now_ns)
        if guarded.holding and self._command is not None:
            self._counters[guarded.holding] = self._counters.get(guarded.holding, 0) + 1
        self._context.beat(
            late_ns=late_ns if command else 0,
            age_ns=time.monotonic_ns() - self._reading.t_sample_ns if self._reading else 0,
            counters=dict(self._counters),
            note="; ".join(self._complaints()) or guarded.holding,
        )

    def _next_command(self) -> JointCommand | None:
        patience_s = (self._last_ns + _PATIENCE * self._period_ns - time.monotonic_ns()) * 1e-9
        if not self._waiter.wait(max(0.0, patience_s)):
            return None
        command = self._commands.receive()
        self._command = command or self._command
        return command

    def _guarded(self, command: JointCommand | None, now_ns: int) -> GuardedCommand:
        if self._guard is None:
            self._guard = self._made_guard()
        trouble = UNFIT if self._reading and self._reading.errors else ""
        if command is None:
            return self._guard.checked(None, 0, 0, now_ns, trouble)
        own = self._own(command)
        return self._guard.checked(own, command.seq, command.t_command_ns, now_ns, trouble)

    def _goal(self) -> NDArray[np.float64]:
        if self._reading is None:
            raise RuntimeError("the guard begins where the arm is, and the arm has not said so")
        return self._reading.goal

    def _complaints(self) -> tuple[str, ...]:
        return self._reading.errors + self._reading.warnings if self._reading else ()

    def _made_guard(self) -> Guard:
        lower, upper = zip(*self._config.ranges.values(), strict=True)
        limits = JointLimits.build(self._config.joints, lower, upper, self._config.limits)
        return Guard(limits, self._period_ns, self._goal())

    def _own(self, command: JointCommand) -> NDArray[np.float64]:
        """Return this arm's part of a command; joints that it does not name are missing in it."""
        named = [joint for joint in self._config.joints if joint in command.joints]
        return command.position[[command.joints.index(joint) for joint in named]]

    def _publish(self, guarded: GuardedCommand, now_ns: int, errors: tuple[str, ...] = ()) -> None:
        reading = self._reading
        if reading is None:
            return
        self._seq += 1
        self._states.send(
            JointState(
                arm=self._config.arm,
                seq=self._seq,
                t_sample_ns=reading.t_sample_ns,
                joints=self._config.joints,
                position=reading.position,
                velocity=reading.velocity,
                current=reading.current,
                temperature=reading.temperature,
                voltage=reading.voltage,
                age_s=reading.age_s + (time.monotonic_ns() - self._read_ns) * 1e-9,
                errors=errors or reading.errors,
                warnings=reading.warnings,
                written=guarded.position,
                t_written_ns=now_ns,
                t_command_ns=self._command.t_command_ns if self._command else 0,
                holding=guarded.holding,
            )
        )
