"""A leader arm's process: reads it all the time, lets it follow or be free as teleop says."""

from __future__ import annotations

import logging
import time
from typing import Any

from pydantic import Field

from drivers.arm import Arm, ArmError, ArmLostError, ArmReading
from drivers.dynamixel.profile import Gripper, Profile
from drivers.guard import GuardedCommand
from drivers.leader import Cut, Leader, as_command
from drivers.states import States
from messaging.messages import Permit
from messaging.topics import LEADER_COMMAND, PERMIT
from motion.limits import JointLimits, LimitsConfig
from runtime.config import LoopRate, Radians, StrictModel
from runtime.plugins import configured, plugin
from runtime.process import Context
from runtime.rate import RateKeeper

log = logging.getLogger(__name__)

_LONGEST_BRAKE_S = 1.0
_ATTACH_S = 3.0  # what a bus of nine motors takes for its checks, and more
_TRY_AGAIN_S = 0.5
_BEAT_S = 0.03  # between signs of life while there is no arm
_FIRST_PERMIT_S = 0.5  # by then safety has said something, if there is any
_CUT = "its torque is cut: waits for leave to move"


class Config(StrictModel):
    """One leader arm."""

    arm: str  # the name of the leader, which is that of the arm it leads
    plugin: str
    config: dict[str, Any] = Field(default_factory=dict)
    ranges: dict[str, tuple[Radians, Radians]]  # joint, as its follower's -> rad, gripper 0..1
    limits: LimitsConfig  # within which it follows
    rate_hz: LoopRate

    @property
    def instance(self) -> str:
        """The name under which its joints are told, beside those of the arms."""
        return f"leader_{self.arm}"

    @property
    def joint_limits(self) -> JointLimits:
        """What its joints may do while it follows."""
        lower, upper = zip(*self.ranges.values(), strict=True)
        return JointLimits.build(tuple(self.ranges), lower, upper, self.limits)


def main(config: Config, context: Context) -> None:
    """Drive one leader until told to stop; its torque stays as it is then.

    Raises:
        ArmError: the arm cannot be driven; says what to do.
    """
    module = plugin("drivers.arms", config.plugin)
    options = configured(module, config.config)
    gripper = options.gripper if isinstance(options, Profile) else None
    arm: Arm = module.make(options, config.instance, tuple(config.ranges), context.bus)
    driver = LeaderDriver(config, arm, gripper, context)
    try:
        driver.begin()
        while not context.stopping:
            try:
                driver.drive()
            except ArmLostError as error:
                driver.await_return(str(error))
    finally:
        arm.detach()


class LeaderDriver:
    """The loop's state: the arm, its newest sample, the newest command."""

    def __init__(self, config: Config, arm: Arm, gripper: Gripper | None, context: Context) -> None:
        self._arm = arm
        self._gripper = gripper
        self._config = config
        self._context = context
        self._rate = RateKeeper(config.rate_hz)
        self._commands = context.bus.subscriber(LEADER_COMMAND, config.arm)
        self._permits = context.bus.subscriber(PERMIT)
        self._states = States(context.bus, config.instance, tuple(config.ranges))
        self._reading: ArmReading | None = None
        self._read_ns = 0
        self._cut = Cut()
        self._leader: Leader

    def begin(self) -> None:
        """Attach the arm, once no cut forbids the torque that it then takes; raises ArmError."""
        end_ns = time.monotonic_ns() + int(_FIRST_PERMIT_S * 1e9)
        while self._hear() is None and time.monotonic_ns() < end_ns:
            self._pause("waits for a word of safety", ready=False)
        while self._cut.in_force and not self._context.stopping:
            self._pause(_CUT, ready=True)  # that may take long, and nothing is wrong with it
            self._hear()
        if not self._context.stopping:
            self._context.beat(ready=False, note="attaches the arm", quiet_s=_ATTACH_S)
            self._attach(free=False)

    def drive(self) -> None:
        """Do as told until told to stop; raises ArmLostError."""
        while not self._context.stopping:
            self._cycle(obeying=True)
        end_ns = time.monotonic_ns() + int(_LONGEST_BRAKE_S * 1e9)
        while self._leader.moving and time.monotonic_ns() < end_ns:
            self._cycle(obeying=False)

    def await_return(self, why: str) -> None:
        """Tell that the arm is gone until it is back and attached, or there is no more use."""
        log.warning("%s", why)
        self._arm.detach()
        while not self._context.stopping:
            self._wait_a_while(why)
            try:
                self._attach(free=self._leader.free)
            except ArmError as error:
                why = str(error)
            else:
                log.warning("leader %s is back", self._config.arm)
                self._reading = None
                return

    def _attach(self, *, free: bool) -> None:
        """Attach the arm, whose torque was off on purpose if it was `free`; raises ArmError."""
        self._arm.attach()
        limits, period_ns = self._config.joint_limits, self._rate.period_ns
        self._leader = Leader(self._arm, limits, period_ns, self._cut, free=free)

    def _hear(self) -> Permit | None:
        """Return the newest permit, None before the first; take in what it says of a cut."""
        self._permits.receive()
        self._cut.heed(self._permits.newest, time.monotonic_ns())
        return self._permits.newest

    def _pause(self, note: str, *, ready: bool) -> None:
        self._context.beat(ready=ready, worked=False, note=note)
        time.sleep(_BEAT_S)

    def _wait_a_while(self, why: str) -> None:
        end_ns = time.monotonic_ns() + int(_TRY_AGAIN_S * 1e9)
        while time.monotonic_ns() < end_ns and not self._context.stopping:
            self._hear()
            if self._reading is not None:
                self._tell(GuardedCommand(self._reading.goal, why), (why,))
            self._context.beat(worked=False, note=why, quiet_s=_ATTACH_S)
            time.sleep(_BEAT_S)

    def _cycle(self, *, obeying: bool) -> None:
        """Wait for the next beat, tell the arm where to be, read it, tell everybody."""
        now_ns = self._rate.wait()
        permit = self._hear()
        self._commands.receive()
        command = self._commands.newest if obeying else None
        guarded = None
        if self._reading is not None:
            guarded = self._leader.cycle(command, permit, self._reading, now_ns)
        reading = self._arm.read()
        if reading is not None:
            self._reading, self._read_ns = as_command(reading, self._gripper), time.monotonic_ns()
        if guarded is not None:
            self._tell(guarded, (self._leader.error,) if self._leader.error else ())
        self._context.beat(
            ready=self._reading is not None,
            late_ns=self._rate.late_ns,
            age_ns=time.monotonic_ns() - self._reading.t_sample_ns if self._reading else 0,
            counters={"missed_ticks": self._rate.missed},
            note=self._note(guarded),
        )

    def _tell(self, guarded: GuardedCommand, errors: tuple[str, ...] = ()) -> None:
        if self._reading is not None:
            now_ns = time.monotonic_ns()
            self._states.tell(self._reading, self._read_ns, guarded, now_ns, errors=errors)
            self._states.tell_motors(self._arm, now_ns)

    def _note(self, guarded: GuardedCommand | None) -> str:
        said = self._reading.errors + self._reading.warnings if self._reading else ()
        said = tuple(filter(None, (self._leader.error, *said)))
        return "; ".join(said) or (guarded.holding if guarded else "waits for its first sample")
