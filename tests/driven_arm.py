"""The real driver process of an arm, on emulated servos, with a stream of commands in motion."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from emulated_arm import Array, EmulatedArm, address, emulated_arm

from drivers.main import stopping_s
from messaging.messages import JointCommand, JointState, Permit
from messaging.topics import JOINT_COMMAND, JOINT_STATE, MOTOR_STATES, PERMIT, Keep
from messaging.transport import Bus
from runtime.process import ProcessSpec
from runtime.supervisor import Event, Phase, Supervisor
from station.config import load, robot_file
from station.processes import Table

ARM = "left"
PERIOD_NS = 10_000_000
PERMIT_EVERY = 2  # periods
REACH_S = 10.0
SWING = np.array([0.5, 0.3, -0.3, 0.5, 0.4, 0.5, 0.5])  # rad, the gripper of its way
SWING_HZ = 0.5
TRUE_RAD = 0.012  # how far the arm gets in the time by which a stamp may err
_STEADY = 10  # cycles
_LAUNCHES = 3


class DrivenArm:
    """A driver under a real supervisor, commanded 100 times a second as long as it is polled.

    It has leave to move, given anew 50 times a second, unless a test takes it away.

    Attributes:
        arm: its servos.
        permit: what is permitted, None if nobody says anything; its number and time are of no use.
        epoch: under which commands are given.
        events: what happened to the process.
        states: all that it said.
        altered: what becomes of a command on its way, None if it does not arrive.
    """

    def __init__(self, arm: EmulatedArm, spec: ProcessSpec, home: Array, bus: Bus) -> None:
        self.arm = arm
        self.home = home
        self.events: list[Event] = []
        self.states: list[JointState] = []
        self.supervisor = Supervisor([spec], bus, spec.directory.parent / "run")
        self.altered: Callable[[Array], Array | None] = lambda position: position
        self.permit: Permit | None = Permit(1, 0, 0, "all", 1.0)
        self.permitted: list[Permit] = []
        self.epoch = 1
        self._name = spec.name
        self._joints = tuple(spec.config["ranges"])
        self._commands = bus.publisher(JOINT_COMMAND)
        self._permits = bus.publisher(PERMIT)
        self._states = bus.subscriber(JOINT_STATE, ARM, Keep.ALL)
        self.motors = bus.subscriber(MOTOR_STATES, ARM)
        self._seq = 0
        self._next_ns = time.monotonic_ns()

    def command(self, seq: int) -> Array:
        """Return where the arm is told to be by a command: it swings away from home and back."""
        t_s = seq * PERIOD_NS * 1e-9
        return np.asarray(self.home + SWING * 0.5 * (1.0 - np.cos(2.0 * np.pi * SWING_HZ * t_s)))

    def poll(self) -> None:
        """Wait for the next period, send its command, take what the driver says."""
        wait_s = max(0.0, (self._next_ns - time.monotonic_ns()) * 1e-9)
        self.events += self.supervisor.poll(wait_s)
        now_ns = time.monotonic_ns()
        if now_ns >= self._next_ns:
            self._next_ns = max(self._next_ns + PERIOD_NS, now_ns)
            self._seq += 1
            if self._seq % PERMIT_EVERY == 0:
                self.permit_anew()
            self._send(self.altered(self.command(self._seq)), now_ns)
        self.states += self._states.drain()

    def _send(self, position: Array | None, now_ns: int) -> None:
        if position is not None:
            joints = self._joints[: len(position)]
            command = JointCommand(self._seq, now_ns, 0, joints, position, self.epoch)
            self._commands.send(command)

    # -- leave ---------------------------------------------------------------------------------

    def permit_anew(self) -> None:
        """Publish the permit, if there is one, with a new number and time."""
        if self.permit is not None:
            now_ns = time.monotonic_ns()
            permit = replace(self.permit, seq=len(self.permitted) + 1, t_ns=now_ns)
            self.permitted.append(permit)
            self._permits.send(permit)

    def forbid(self, order: str = "") -> int:
        """Withdraw the leave at once; returns when."""
        self.permit = Permit(self.epoch, 0, 0, "none", 1.0, order)
        now_ns = time.monotonic_ns()
        self.permit_anew()
        return now_ns

    def allow(self) -> int:
        """Give leave anew, under which commands are given from now on; returns when."""
        self.epoch += 1
        self.permit = Permit(self.epoch, 0, 0, "all", 1.0)
        now_ns = time.monotonic_ns()
        self.permit_anew()
        return now_ns

    def until(self, happened: Callable[[], Any], what: str, timeout_s: float = REACH_S) -> None:
        """Poll until something has `happened`; fail with `what` was waited for if it does not."""
        end = time.monotonic() + timeout_s
        while not happened():
            last = self.states[-1] if self.states else None
            assert time.monotonic() < end, f"waited in vain for {what}; {self.events}, {last}"
            self.poll()

    def during(self, seconds: float) -> None:
        """Poll for so long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.poll()

    # -- what the driver does ------------------------------------------------------------------

    def following(self) -> bool:
        """Return whether the last cycles carried out commands, and those moved the arm."""
        last = self.states[-_STEADY:]
        return len(last) == _STEADY and not any(s.holding for s in last) and self.speed() > 0.05

    def speed(self) -> float:
        """Return the greatest speed that a joint was told in the last cycles, in rad/s."""
        rows = np.array([state.written for state in self.states[-_STEADY:]])
        return float(np.abs(np.diff(rows, axis=0)).max()) / (PERIOD_NS * 1e-9)

    def until_following(self) -> None:
        """Wait until the arm follows its commands."""
        self.until(self.following, "the arm to follow its commands")

    def until_holding(self, since_ns: int, why: str) -> None:
        """Wait until the goals stand, and check that this took no longer than a stop may."""
        self.until(lambda: self.held(since_ns, why), f"the arm to hold because of {why!r}")
        first_ns = next(s.t_written_ns for s in self.since(since_ns) if s.holding == why)
        self.during(0.1)
        braked_s = (self.arm.standing_since(first_ns) - first_ns) * 1e-9
        assert braked_s < stopping_s(load(robot_file("aloha"), []).limits)

    def held(self, since_ns: int, why: str) -> bool:
        """Return whether the last cycles held the arm where it is."""
        last = self.since(since_ns)[-_STEADY:]
        return len(last) == _STEADY and all(s.holding == why for s in last) and self.speed() == 0.0

    # -- what it says --------------------------------------------------------------------------

    def since(self, t_ns: int) -> list[JointState]:
        """Return the states that the driver has said since then."""
        return [state for state in self.states if state.t_written_ns >= t_ns]

    def until_told(self, text: str, since_ns: int) -> JointState:
        """Wait for an error or a warning with `text`; returns the first state that has it."""

        def told() -> list[JointState]:
            return [s for s in self.since(since_ns) if text in " ".join((*s.errors, *s.warnings))]

        self.until(told, f"{text!r} to be told")
        return told()[0]

    def assert_true(self, since_ns: int) -> None:
        """Check that every joint was where the driver said, at the time that it said."""
        states = self.since(since_ns)
        assert states
        said = np.array([state.position for state in states])
        ages_s = np.array([state.age_s for state in states])
        oldest_ns = np.array([[state.t_sample_ns] for state in states], np.float64)
        stamps_ns = oldest_ns + (ages_s.max(axis=1, keepdims=True) - ages_s) * 1e9
        for joint in range(said.shape[1] - 1):  # the gripper is seen in another scale
            was = self.arm.angles(stamps_ns[:, joint])[:, joint]
            off = np.abs(said[:, joint] - was)
            assert off.max() < TRUE_RAD, (joint, states[int(off.argmax())], was[off.argmax()])

    def until_noted(self, text: str) -> None:
        """Wait until the driver's heartbeat says `text`."""

        def noted() -> bool:
            heartbeat = self.supervisor.children[self._name].heartbeat
            return heartbeat is not None and text in heartbeat.note

        self.until(noted, f"a heartbeat with {text!r}")

    # -- its life ------------------------------------------------------------------------------

    @property
    def alive(self) -> bool:
        """Whether the process lives."""
        return self.supervisor.children[self._name].alive

    def signal(self, number: signal.Signals) -> int:
        """Send a signal to the process; returns when."""
        popen = self.supervisor.children[self._name].popen
        assert popen is not None
        os.kill(popen.pid, number)
        return time.monotonic_ns()

    def event(self, phase: Phase, since_ns: int = 0) -> Event:
        """Wait for something to happen to the process; returns the first such event."""

        def found() -> list[Event]:
            return [e for e in self.events if e.phase is phase and e.t_ns >= since_ns]

        self.until(found, f"the driver to be {phase.value}")
        return found()[0]

    def start_again(self) -> int:
        """Start the dead process anew; returns when."""
        now_ns = time.monotonic_ns()
        self.supervisor.children[self._name].phase = Phase.WAITING
        return now_ns

    def launch(self) -> None:
        """Start the dead process anew until it follows: a busy machine may fail its checks."""
        for _ in range(_LAUNCHES):
            since_ns = self.start_again()
            self.until(lambda: self._settled(since_ns), "the driver to be ready or dead")  # noqa: B023
            if self.alive:
                break
        self.until_following()

    def _settled(self, since_ns: int) -> bool:
        ends = (Phase.READY, Phase.DEAD)
        return any(e.phase in ends for e in self.events if e.t_ns >= since_ns)


@contextmanager
def driven_arm(**options: Any) -> Iterator[DrivenArm]:
    """Start a driver on an emulated arm that is at home; ends with a look at every goal.

    Args:
        options: of the driver's config, in place of the robot's.
    """
    # Not pytest's own directory: the paths of sockets must be short.
    directory = Path(tempfile.mkdtemp(prefix="evenhand-test-"))
    config = load(
        robot_file("aloha"), ["hardware=real", f"arms.{ARM}.config.port={address(directory)}"]
    )
    home = np.array(config.arms[ARM].home)
    start = dict(zip(config.arms[ARM].joints, home.tolist(), strict=True))
    spec = Table(config, directory / "bus", directory / "run").arm(ARM)
    spec.config.update(options)
    try:
        with emulated_arm(directory, start) as arm, Bus(directory / "bus") as bus:
            driven = DrivenArm(arm, spec, home, bus)
            try:
                yield driven
            finally:
                driven.supervisor.stopping = True
                driven.supervisor.stop([spec.name])
            arm.assert_sound_goals()
    finally:
        shutil.rmtree(directory)
