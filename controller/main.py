"""The controller's process: a fixed-rate loop from messages to messages around the pure core."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from controller.config import ControllerConfig
from controller.core import Controller
from messaging.messages import Directive, JointState, Permit
from messaging.topics import (
    ACTION_CHUNK,
    CONTROL_STATUS,
    DIRECTIVE,
    HUMAN_COMMAND,
    JOINT_COMMAND,
    JOINT_STATE,
    PERMIT,
)
from messaging.transport import Subscriber
from motion.clearance import Clearance
from motion.leave import NONE, allowed
from motion.limits import JointLimits, LimitsConfig
from runtime.config import Radians, StrictModel
from runtime.process import Context
from runtime.rate import RateKeeper

_LOST = "a person fell silent while commanding: hand back to go on"
_SILENCE = 3  # times a directive's staleness: drawing its view keeps the station busy for a while


class Config(StrictModel):
    """The robot as the controller needs to know it."""

    arms: tuple[str, ...]
    ranges: dict[str, tuple[Radians, Radians]]  # joint -> rad, grippers 0..1, in order of the arms
    limits: LimitsConfig
    home: tuple[Radians, ...]
    rest: tuple[Radians, ...]
    controller: ControllerConfig
    collision_model: Path | None = None  # None: commands are not checked for collisions


class Joints:
    """The newest state of all arms, put together."""

    def __init__(self, states: list[Subscriber[JointState]]) -> None:
        self._states = states

    def told(self) -> NDArray[np.float64] | None:
        """Return what all servos are told to do (J,), None until every arm has reported.

        Commands begin there, not at what was measured: an arm hangs a little below its goal, and
        a gripper's place is on another scale than its command.
        """
        newest = []
        for subscriber in self._states:
            subscriber.receive()
            if subscriber.newest is None:
                return None
            newest.append(subscriber.newest.written)
        return np.concatenate(newest)

    def measured(self) -> NDArray[np.float64]:
        """Return where all joints are (J,), once every arm has reported."""
        return np.concatenate([state.newest.position for state in self._states if state.newest])

    def unfit(self) -> str:
        """Return which arm cannot move and why, empty if all can."""
        states = [state.newest for state in self._states if state.newest]
        return "; ".join(f"{state.arm}: {error}" for state in states for error in state.errors)

    def age_ns(self, now_ns: int) -> int:
        """Return the age of the oldest arm's newest sample."""
        stamps = [state.newest.t_sample_ns for state in self._states if state.newest]
        return now_ns - min(stamps) if len(stamps) == len(self._states) else 0


class Orders:
    """What the arms shall do and may do, by the newest that the station and safety have said.

    Attributes:
        mode: directed by the station, or `hold` if something is wrong.
        motion: permitted, one of messages.MOTIONS.
        permit: epoch of the permit, 0 without leave to move.
        without_leave: nothing may move, or could until this leave was given.
        speed: most of the usual speed, 0..1.
        trouble: what is wrong, empty if nothing is.
    """

    def __init__(self, directives: Subscriber[Directive], leave: Subscriber[Permit]) -> None:
        self.mode, self.motion, self.trouble = "hold", NONE, ""
        self.permit, self.speed, self.without_leave = 0, 0.0, True
        self._directives = directives
        self._leave = leave
        self._directed_ns = 0

    def listen(self, joints: Joints, now_ns: int) -> None:
        """Take in what is new."""
        if self._directives.receive() is not None:
            self._directed_ns = now_ns
        self._leave.receive()
        directive, permit = self._directives.newest, self._leave.newest
        silent_ns = now_ns - self._directed_ns
        trouble = joints.unfit() or _trouble(joints.age_ns(now_ns), silent_ns)
        self.trouble = trouble if directive else ""  # nobody has wanted anything yet
        self.mode = directive.mode if directive and not trouble else "hold"
        self.motion = allowed(permit, now_ns)
        before, self.permit = self.permit, permit.epoch if permit and self.motion != NONE else 0
        # A leave of another epoch is another one: between the two there was none, though whoever
        # stood still meanwhile did not hear of that.
        self.without_leave = not self.permit or before not in (0, self.permit)
        self.speed = permit.speed if permit else 0.0


def main(config: Config, context: Context) -> None:
    """Command all joints at a fixed rate until told to stop."""
    bus = context.bus
    commands = bus.publisher(JOINT_COMMAND)
    statuses = bus.publisher(CONTROL_STATUS)
    chunks = bus.subscriber(ACTION_CHUNK)
    people = bus.subscriber(HUMAN_COMMAND)
    orders = Orders(bus.subscriber(DIRECTIVE), bus.subscriber(PERMIT))
    joints = Joints([bus.subscriber(JOINT_STATE, arm) for arm in config.arms])
    controller = _controller(config)
    rate = RateKeeper(config.controller.rate_hz)
    commanding = False
    while not context.stopping:
        now_ns = rate.wait()
        if (said := people.receive()) is not None:
            controller.hear(said, time.monotonic_ns())  # it may have come just now
        if commanding:
            if orders.motion != NONE:
                controller.steer(orders.mode, orders.motion, now_ns)
            command, status = controller.tick(now_ns, late_us=rate.late_ns * 1e-3)
            commands.send(command)
            statuses.send(status)
        # But for people, listening comes after speaking: what arrives now is for the next tick, and
        # costs this one no time.
        told = joints.told()
        if told is not None:
            commanding = controller.observe(told)
            controller.feel(joints.measured())
        now_ns = time.monotonic_ns()
        orders.listen(joints, now_ns)
        controller.permit, controller.speed = orders.permit, orders.speed
        if orders.without_leave and told is not None:
            controller.stand(told)
        for chunk in chunks.drain():
            controller.receive(chunk, now_ns)
        context.beat(
            ready=commanding,
            late_ns=rate.late_ns,
            age_ns=joints.age_ns(now_ns),
            counters={"missed_ticks": rate.missed},
            note=orders.trouble or (_LOST if controller.lost else ""),
        )


def _trouble(joints_age_ns: int, directive_age_ns: int) -> str:
    """Return why the arms must hold whatever was directed, empty if nothing is wrong."""
    if joints_age_ns > JOINT_STATE.stale_after_ns:
        return "joint states are stale"  # there is no telling what a motion would do
    if directive_age_ns > _SILENCE * DIRECTIVE.stale_after_ns:
        return "the station is silent"  # nobody is there to stop the arms
    return ""


def _controller(config: Config) -> Controller:
    lower, upper = zip(*config.ranges.values(), strict=True)
    limits = JointLimits.build(tuple(config.ranges), lower, upper, config.limits)
    home, rest = np.array(config.home), np.array(config.rest)
    return Controller(
        config.controller,
        tuple(config.ranges),
        limits,
        home,
        rest,
        _clearance(config, {"home": home, "rest": rest}),
    )


def _clearance(config: Config, poses: dict[str, NDArray[np.float64]]) -> Clearance | None:
    if config.collision_model is None:
        return None
    clearance = Clearance.load(
        config.collision_model,
        tuple(config.ranges),
        config.controller.margin_m,
        config.controller.touching_m,
    )
    clearance.admit(poses)
    return clearance
