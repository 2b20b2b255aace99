"""An arm's process: commands through the guard to the servos, samples back to everyone.

Each arriving command starts a cycle, so nothing waits for a second clock. Where none arrives for
one and a half periods, the cycle starts without one and the guard makes a braking step. A permit
that ends the leave to move starts one at once, and then the cycles keep their own time.
"""

from __future__ import annotations

import logging
import time
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from drivers.arm import Arm, ArmError, ArmLostError, ArmReading
from drivers.guard import Guard, GuardedCommand
from drivers.leave import NO_LEAVE, denial, refusal, withdraws
from drivers.states import States
from drivers.torque import LET_GO, RestPose, Torque
from messaging.messages import JointCommand, Permit
from messaging.topics import JOINT_COMMAND, PERMIT
from messaging.transport import Waiter
from motion.limits import JointLimits, LimitsConfig
from runtime.config import Between, LoopRate, Radians, StrictModel
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


class Config(StrictModel):
    """One arm of the robot."""

    arm: str
    plugin: str
    config: dict[str, Any] = Field(default_factory=dict)
    ranges: dict[str, tuple[Radians, Radians]]  # joint -> rad, gripper 0..1
    limits: LimitsConfig
    rate_hz: LoopRate
    rest: tuple[Radians, ...]  # where the arm lies by itself: rad, gripper 0..1
    rest_tolerance_rad: Annotated[float, Between(0.001, 1.0, "rad")] = 0.1

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
                driver.lie()
            except ArmLostError as error:
                driver.await_return(str(error))
    finally:
        arm.detach()


def stopping_s(limits: LimitsConfig) -> float:
    """Return more than any stop within the limits takes, whatever the arm does at its start."""
    return limits.stop_s + _SLACK_S


class Driver:
    """The loop's state: the newest sample, the guard, the newest command, the newest permit."""

    def __init__(self, config: Config, arm: Arm, context: Context) -> None:
        self._reading: ArmReading | None = None
        self._read_ns = 0
        self._config = config
        self._arm = arm
        self._context = context
        self._period_ns = round(1e9 / config.rate_hz)
        self._commands = context.bus.subscriber(JOINT_COMMAND)
        self._permits = context.bus.subscriber(PERMIT)
        self._states = States(context.bus, config.arm, config.joints)
        self._either = Waiter([self._commands, self._permits])
        self._permits_alone = Waiter([self._permits])
        rest = RestPose(config.joints, np.array(config.rest), config.rest_tolerance_rad)
        self._torque = Torque(arm, rest)
        self._guard: Guard | None = None
        self._command: JointCommand | None = None
        self._permit: Permit | None = None
        self._withdrawn = False  # leave has been, since the last cycle
        self._moving = False
        self._written: NDArray[np.float64] | None = None
        self._last_ns = time.monotonic_ns()
        self._counters: dict[str, int] = {}

    def drive(self) -> None:
        """Carry out commands until told to stop, or the arm is let go; raises ArmLostError."""
        self._guard = self._reading = self._written = None
        self._moving = False
        while self._reading is None and not self._context.stopping:
            self._look()
        self._last_ns = time.monotonic_ns()  # no cycle was due while there was no arm
        while not self._context.stopping and not self._torque.off_ns:
            self._serve(self._next_command())
            self._obey()
        self._brake()

    def lie(self) -> None:
        """Tell where the arm lies until it was given leave anew and holds; raises ArmLostError."""
        while self._torque.off_ns and not self._context.stopping:
            self._look(LET_GO)
            if self._reading is None:
                continue
            self._obey()
            now_ns = time.monotonic_ns()
            self._torque.returned(self._permit, now_ns)
            self._tell(GuardedCommand(self._reading.goal, LET_GO), now_ns)

    def await_return(self, why: str) -> None:
        """Tell that the arm is gone until it is back and attached, or there is no more use."""
        log.warning("%s", why)
        self._arm.detach()
        while not self._context.stopping:
            deadline_ns = time.monotonic_ns() + int(_TRY_AGAIN_S * 1e9)
            while time.monotonic_ns() < deadline_ns and not self._context.stopping:
                self._hear()
                if self._reading is not None:
                    held = GuardedCommand(self._reading.goal, LOST)
                    self._tell(held, time.monotonic_ns(), (why,))
                self._context.beat(worked=False, note=why, quiet_s=_ATTACH_S)
                time.sleep(_BEAT_S)
            try:
                self._arm.attach()
            except ArmError as error:
                why = str(error)
            else:
                log.warning("%s is back", self._config.arm)
                return

    def _look(self, note: str = "waits for the arm's first sample") -> None:
        """Wait for a sample, the first above all: the guard begins at what the servos are told."""
        self._permits_alone.wait(self._period_ns * 1e-9)
        self._hear()
        self._read()
        self._context.beat(ready=self._reading is not None, note=note)

    def _read(self) -> None:
        """Take the newest sample; where there is nothing new, the old one ages."""
        reading = self._arm.read()
        if reading is not None:
            self._reading, self._read_ns = reading, time.monotonic_ns()

    def _brake(self) -> None:
        """Come to a stop: the last set-point of a moving arm would be a jolt to its servos."""
        most_s = min(stopping_s(self._config.limits), _LONGEST_BRAKE_S)
        end_ns = time.monotonic_ns() + int(most_s * 1e9)
        while self._moving and not self._torque.off_ns and time.monotonic_ns() < end_ns:
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
        self._tell(guarded, now_ns)
        if guarded.holding and self._command is not None and not denial(self._permit, now_ns):
            self._counters[guarded.holding] = self._counters.get(guarded.holding, 0) + 1
        self._context.beat(
            late_ns=late_ns if command else 0,
            age_ns=time.monotonic_ns() - self._reading.t_sample_ns if self._reading else 0,
            counters=dict(self._counters),
            note="; ".join(self._complaints()) or guarded.holding,
        )

    def _next_command(self) -> JointCommand | None:
        """Wait for what starts the next cycle: a command, the end of the leave, or its time.

        Without leave no command starts one: a stop keeps its own time, whoever goes on talking.
        """
        while True:
            now_ns = time.monotonic_ns()
            allowed = not denial(self._permit, now_ns)
            waiter = self._either if allowed else self._permits_alone
            due_ns = self._last_ns + (_PATIENCE if allowed else 1.0) * self._period_ns
            if not waiter.wait(max(0.0, (due_ns - now_ns) * 1e-9)) or self._hear():
                return None
            if allowed and (command := self._commands.receive()) is not None:
                self._command = command
                return command

    def _hear(self) -> bool:
        """Take in the newest permit; return whether it ends the leave to move."""
        before, permit = self._permit, self._permits.receive()
        if permit is None:
            return False
        self._permit = permit
        withdrawn = withdraws(permit, before, time.monotonic_ns())
        self._withdrawn = self._withdrawn or withdrawn
        return withdrawn

    def _obey(self) -> None:
        """Let the arm go if that is ordered."""
        if self._reading is not None:
            written = self._reading.goal if self._written is None else self._written
            still = not self._moving and (self._guard is None or self._guard.standing)
            now_ns = time.monotonic_ns()
            self._torque.obey(self._permit, self._reading, written, still, now_ns)

    def _guarded(self, command: JointCommand | None, now_ns: int) -> GuardedCommand:
        if self._guard is None:
            self._guard = self._made_guard()
        trouble = self._trouble(command, now_ns)
        self._withdrawn = False
        here = self._reading.place(self._read_ns, now_ns) if self._reading else None
        if command is None:
            return self._guard.checked(None, 0, 0, now_ns, trouble, here)
        own = self._own(command)
        return self._guard.checked(own, command.seq, command.t_command_ns, now_ns, trouble, here)

    def _trouble(self, command: JointCommand | None, now_ns: int) -> str:
        """Return why the arm has to stop, empty if it has not."""
        if self._reading and self._reading.errors:
            return UNFIT
        if self._withdrawn:
            return NO_LEAVE
        if command is None:
            return denial(self._permit, now_ns)
        return refusal(self._permit, now_ns, command.permit)

    def _goal(self) -> NDArray[np.float64]:
        if self._reading is None:
            raise RuntimeError("the guard begins where the arm is, and the arm has not said so")
        return self._reading.goal

    def _complaints(self) -> tuple[str, ...]:
        reading = self._reading
        own = tuple(filter(None, (self._torque.error, self._torque.warning)))
        return own + reading.errors + reading.warnings if reading else own

    def _made_guard(self) -> Guard:
        lower, upper = zip(*self._config.ranges.values(), strict=True)
        limits = JointLimits.build(self._config.joints, lower, upper, self._config.limits)
        return Guard(limits, self._period_ns, self._goal())

    def _own(self, command: JointCommand) -> NDArray[np.float64]:
        """Return this arm's part of a command; joints that it does not name are missing in it."""
        named = [joint for joint in self._config.joints if joint in command.joints]
        return command.position[[command.joints.index(joint) for joint in named]]

    def _tell(self, guarded: GuardedCommand, now_ns: int, errors: tuple[str, ...] = ()) -> None:
        if self._reading is None:
            return
        self._states.tell(
            self._reading,
            self._read_ns,
            guarded,
            now_ns,
            t_command_ns=self._command.t_command_ns if self._command else 0,
            permit=self._permit,
            errors=tuple(filter(None, (*errors, self._torque.error))),
            warnings=tuple(filter(None, (self._torque.warning,))),
            off_ns=self._torque.off_ns,
        )
        self._states.tell_motors(self._arm, now_ns)
