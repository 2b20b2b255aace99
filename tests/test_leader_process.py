"""The process of a leader arm on emulated servos: it reads, follows, is free, survives."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from emulated_arm import PORT, Array, EmulatedArm, address, emulated_arm, leader

from drivers.dynamixel import registers as reg
from drivers.leader import FREE
from drivers.leave import NO_PERMIT
from messaging.messages import OFF, ON, JointState, LeaderCommand, Permit
from messaging.topics import JOINT_STATE, LEADER_COMMAND, PERMIT, Keep
from messaging.transport import Bus
from runtime.process import ProcessSpec
from runtime.supervisor import Supervisor
from station.collecting import CollectingRows
from station.config import load, robot_file

pytestmark = pytest.mark.alone

PERIOD_NS = 10_000_000
REACH_S = 10.0
_STEADY = 10


class Led:
    """A leader's driver under a real supervisor, told 100 times a second what to do.

    Attributes:
        target: where it is told to be, None if it is told nothing.
        free: whether it is to be free.
        permitted: whether it has leave to move.
        epoch: of that leave.
        order: of all arms, in the place of that leave.
        states: all that it said.
    """

    def __init__(self, arm: EmulatedArm, spec: ProcessSpec, home: Array, bus: Bus) -> None:
        self.arm = arm
        self.home = home
        self.target: Array | None = None
        self.free = False
        self.permitted = True
        self.epoch = 1
        self.order = ""
        self.states: list[JointState] = []
        self.supervisor = Supervisor([spec], bus, spec.directory.parent / "run")
        self._name = spec.name
        self._joints = tuple(spec.config["ranges"])
        self._commands = bus.publisher(LEADER_COMMAND, "left")
        self._permits = bus.publisher(PERMIT)
        self._states = bus.subscriber(JOINT_STATE, "leader_left", Keep.ALL)
        self._seq = 0
        self._next_ns = time.monotonic_ns()

    def poll(self) -> None:
        """Wait for the next period, tell the leader, take what it says."""
        self.supervisor.poll(max(0.0, (self._next_ns - time.monotonic_ns()) * 1e-9))
        now_ns = time.monotonic_ns()
        if now_ns >= self._next_ns:
            self._next_ns = max(self._next_ns + PERIOD_NS, now_ns)
            self._seq += 1
            if self.permitted:
                motion = "none" if self.order else "all"
                self._permits.send(Permit(self.epoch, self._seq, now_ns, motion, 1.0, self.order))
            if self.target is not None:
                self._commands.send(
                    LeaderCommand("left", self._seq, now_ns, self._joints, self.target, self.free)
                )
        self.states += self._states.drain()

    def until(self, happened: Callable[[], Any], what: str) -> None:
        end = time.monotonic() + REACH_S
        while not happened():
            last = self.states[-1] if self.states else None
            assert time.monotonic() < end, f"waited in vain for {what}; {last}"
            self.poll()

    def during(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.poll()

    def until_said(self, happened: Callable[[JointState], bool], what: str) -> JointState:
        """Wait until the leader says so, in some states in a row; returns the last of them."""
        begin = len(self.states)

        def said() -> bool:
            last = self.states[begin:][-_STEADY:]
            return len(last) == _STEADY and all(happened(state) for state in last)

        self.until(said, what)
        return self.states[-1]

    def until_there(self, target: Array) -> None:
        """Let it follow until it is there."""
        self.target, self.free = target, False
        self.until_said(
            lambda s: not s.holding and np.abs(s.position - target)[:6].max() < 0.01, "the way"
        )

    def until_free(self) -> None:
        """Let it be free, and wait until it is."""
        self.target, self.free = self.home, True
        self.until_said(lambda state: state.holding == FREE and state.torque == OFF, "freedom")
        assert not any(self.arm.torque().values())

    def put(self, joint: int, angle_rad: float) -> None:
        """Move a joint by hand."""
        self.arm.plant.shafts[joint].put(angle_rad)

    def end(self, number: signal.Signals) -> None:
        """End the process, and wait until it has."""
        child = self.supervisor.children[self._name]
        assert child.popen is not None
        os.kill(child.popen.pid, number)
        child.popen.wait(5.0)

    def steps_rad(self) -> Array:
        """Return how far each goal moved at a time while its motor held."""
        goals = self.arm.line.of(reg.GOAL_POSITION)
        moves = [abs(goal.value - goal.was) for goal in goals if goal.torqued]
        return np.array(moves) * reg.RAD_PER_TICK


@contextmanager
def led_leader() -> Iterator[Led]:
    directory = Path(tempfile.mkdtemp(prefix="evenhand-test-"))  # the paths of sockets are short
    settings = ["hardware=real", f"leaders.left.config.port={address(directory)}"]
    config = load(robot_file("aloha"), [*settings, "teleop.device=leader"])
    home = np.array(config.leaders["left"].home)
    start = dict(zip(config.leaders["left"].joints, home.tolist(), strict=True))
    spec = CollectingRows(config, directory / "bus", directory / "run").leader("left")
    try:
        with (
            emulated_arm(directory, start, leader) as arm,
            Bus(directory / "bus") as bus,
        ):
            led = Led(arm, spec, home, bus)
            try:
                led.until_said(lambda state: state.torque == ON, "a first state")
                yield led
            finally:
                led.supervisor.stopping = True
                led.supervisor.stop([spec.name])
    finally:
        shutil.rmtree(directory)


def test_a_leader_follows_is_free_in_a_hand_and_holds_where_the_hand_left_it() -> None:
    with led_leader() as led:
        assert led.states[-1].position == pytest.approx(led.home, abs=5e-3)
        led.until_there(led.home + np.array([0.4, 0.2, -0.2, 0.3, 0.3, 0.3, 0.2]))
        assert led.states[-1].position[-1] == pytest.approx(led.home[-1] + 0.2, abs=0.02)

        led.until_free()
        led.put(0, -0.6)
        led.until_said(lambda state: abs(state.position[0] + 0.6) < 0.01, "the hand to be seen")
        assert not led.states[-1].errors

        led.target = None  # nobody says anything any more
        led.during(0.4)
        assert led.states[-1].torque == OFF

        led.permitted, led.target, led.free = False, led.home, False
        held = led.until_said(lambda s: s.torque == ON and s.holding == NO_PERMIT, "a hold")
        assert held.position[0] == pytest.approx(-0.6, abs=0.01)
        assert all(led.arm.torque().values())

        led.permitted = True
        led.until_there(led.home)
        assert led.steps_rad().max() < 0.035  # 3 rad/s, and a tick

        torque = led.arm.torque()
        led.end(signal.SIGKILL)
        assert led.arm.torque() == torque


def test_a_leader_that_is_asked_to_stop_in_motion_brakes() -> None:
    with led_leader() as led:
        led.target = led.home + np.array([1.5, 0, 0, 0, 0, 0, 0])
        led.until(lambda: led.states and led.states[-1].written[0] > led.home[0] + 0.3, "motion")
        led.end(signal.SIGTERM)
        goals = [write.value for write in led.arm.line.of(reg.GOAL_POSITION) if write.servo == 1]
        assert np.diff(goals).max() >= 3
        assert np.diff(goals)[-3:].max() <= 1
        assert all(led.arm.torque().values())


@pytest.mark.parametrize("torque", [ON, OFF])
def test_a_leader_that_was_unplugged_is_as_it_was_when_it_is_back(torque: str) -> None:
    with led_leader() as led:
        if torque == OFF:
            led.until_free()
        led.target = None
        led.arm.ports.unplug(PORT)
        lost = led.until_said(lambda state: bool(state.errors), "the loss to be told")
        assert "is gone" in lost.errors[0]
        led.arm.ports.plug(PORT)
        led.until_said(lambda state: not state.errors and state.torque == torque, "its return")
        led.until_there(led.home)


@pytest.mark.parametrize("first", ["cut", "unplugged"])
def test_a_leader_that_was_cut_and_unplugged_stays_limp_until_leave_is_given_anew(
    first: str,
) -> None:
    with led_leader() as led:
        led.until_free()
        if first == "cut":
            led.order = "cut"
            led.during(0.5)
        led.arm.ports.unplug(PORT)
        led.until_said(lambda state: "is gone" in "".join(state.errors), "the loss to be told")
        led.order, led.free = "cut", False
        led.during(0.5)
        led.order = ""
        led.arm.ports.plug(PORT)
        led.until_said(lambda state: not state.errors, "its return")
        led.during(0.5)
        assert not any(led.arm.torque().values())
        led.epoch += 1
        led.until_there(led.home)


def test_a_leader_whose_process_dies_while_it_is_cut_stays_limp() -> None:
    with led_leader() as led:
        led.order = "cut"
        led.until_said(lambda state: state.torque == OFF, "the cut")
        taken = len(led.arm.line.of(reg.TORQUE_ENABLE))
        led.end(signal.SIGKILL)
        led.during(2.0)
        assert not any(write.value for write in led.arm.line.of(reg.TORQUE_ENABLE)[taken:])
        led.order, led.epoch = "", 2
        led.until_said(lambda state: state.torque == ON, "its return")


def test_a_free_leader_whose_motor_restarted_in_the_hand_is_not_thrown_back() -> None:
    with led_leader() as led:
        led.until_free()
        led.arm.faults.happen("brown_out", 4)
        led.during(0.5)
        led.put(2, led.home[2] + 0.5)
        told = len(led.arm.line.of(reg.GOAL_POSITION))
        led.free = False
        led.until_said(lambda state: "has restarted" in "".join(state.errors), "why it is limp")
        led.during(1.0)
        assert not any(led.arm.torque().values())
        assert len(led.arm.line.of(reg.GOAL_POSITION)) == told
