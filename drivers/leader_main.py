"""A leader arm's process: reads it all the time, lets it follow or be free as teleop says."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from drivers.arm import Arm, ArmError, ArmLostError, ArmReading
from drivers.dynamixel.profile import Gripper, Profile
from drivers.guard import GuardedCommand
from drivers.leader import Leader, as_command
from drivers.states import States
from messaging.topics import LEADER_COMMAND, PERMIT
from motion.limits import JointLimits, LimitsConfig
from runtime.plugins import configured, plugin
from runtime.process import Context
from runtime.rate import RateKeeper

log = logging.getLogger(__name__)

_LONGEST_BRAKE_S = 1.0
_ATTACH_S = 3.0  # what a bus of nine motors takes for its checks, and more
_TRY_AGAIN_S = 0.5
_BEAT_S = 0.03  # between signs of life while the arm is gone


class Config(BaseModel):
    """One leader arm."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    arm: str  # the name of the leader, which is that of the arm it leads
    plugin: str
    config: dict[str, Any] = Field(default_factory=dict)
    ranges: dict[str, tuple[float, float]]  # joint, named as its follower's -> rad, gripper 0..1
    limits: LimitsConfig  # within which it follows
    rate_hz: int = Field(gt=0)

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

    def made() -> Arm:
        arm: Arm = module.make(options, config.instance, tuple(config.ranges), context.bus)
        return arm

    context.beat(ready=False, note="attaches the arm", quiet_s=_ATTACH_S)
    driver = LeaderDriver(config, made, gripper, context)
    try:
        while not context.stopping:
            try:
                driver.drive()
            except ArmLostError as error:
                driver.await_return(str(error))
    finally:
        driver.arm.detach()


class LeaderDriver:
    """The loop's state: the arm, its newest sample, the newest command."""

    def __init__(
        self,
        config: Config,
        made: Callable[[], Arm],
        gripper: Gripper | None,
        context: Context,
    ) -> None:
        """Attach the arm that is `made`; raises ArmError if that fails."""
        self.arm = made()
        self._made = made
        self._gripper = gripper
        self._config = config
        self._context = context
        self._rate = RateKeeper(config.rate_hz)
        self._commands = context.bus.subscriber(LEADER_COMMAND, config.arm)
        self._permits = context.bus.subscriber(PERMIT)
        self._states = States(context.bus, config.instance, tuple(config.ranges))
        self._reading: ArmReading | None = None
        self._read_ns = 0
        self.arm.attach()
        self._leader = self._begun()

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
        self.arm.detach()
        if self._leader.free and not self._leader.is_cut:
            self.arm = self._made()  # it was limp in a hand: no wonder if it still is
        while not self._context.stopping:
            self._wait_a_while(why)
            try:
                self.arm.attach()
            except ArmError as error:
                why = str(error)
            else:
                log.warning("leader %s is back", self._config.arm)
                self._reading, self._leader = None, self._begun()
                return

    def _begun(self) -> Leader:
        return Leader(self.arm, self._config.joint_limits, self._rate.period_ns)

    def _wait_a_while(self, why: str) -> None:
        end_ns = time.monotonic_ns() + int(_TRY_AGAIN_S * 1e9)
        while time.monotonic_ns() < end_ns and not self._context.stopping:
            if self._reading is not None:
                self._tell(GuardedCommand(self._reading.goal, why), (why,))
            self._context.beat(worked=False, note=why, quiet_s=_ATTACH_S)
            time.sleep(_BEAT_S)

    def _cycle(self, *, obeying: bool) -> None:
        """Wait for the next beat, tell the arm where to be, read it, tell everybody."""
        now_ns = self._rate.wait()
        self._permits.receive()
        self._commands.receive()
        command = self._commands.newest if obeying else None
        guarded = None
        if self._reading is not None:
            guarded = self._leader.cycle(command, self._permits.newest, self._reading, now_ns)
        reading = self.arm.read()
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
            self._states.tell_motors(self.arm, now_ns)

    def _note(self, guarded: GuardedCommand | None) -> str:
        said = self._reading.errors + self._reading.warnings if self._reading else ()
        said = tuple(filter(None, (self._leader.error, *said)))
        return "; ".join(said) or (guarded.holding if guarded else "waits for its first sample")
