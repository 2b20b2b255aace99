"""A whole launch with leader arms: a person takes over with one in hand, corrects, hands back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from launching import BARE, START_S, Launch, launched, wait_for

from benchmarks.bus.emulators import Emulators
from messaging.messages import ControlStatus, JointState, LeaderCommand
from messaging.topics import CONTROL_STATUS, JOINT_STATE, LEADER_COMMAND
from messaging.transport import Bus
from station.asking import new_request

pytestmark = [pytest.mark.alone, pytest.mark.slow]

WAIST = 0
STEP_RAD = 0.02  # of a hand, each 20 ms


class Seen:
    """What the launch says of its arms, and how a person asks for them."""

    def __init__(self, launch: Launch, bus: Bus) -> None:
        self.launch = launch
        self._bus = bus
        self._status = bus.subscriber(CONTROL_STATUS)
        self._leader = bus.subscriber(JOINT_STATE, "leader_left")
        self._arm = bus.subscriber(JOINT_STATE, "left")
        self._told = bus.subscriber(LEADER_COMMAND, "left")
        self._teleop = bus.client("teleop")

    @property
    def mode(self) -> str:
        return self._newest().mode

    @property
    def leader(self) -> JointState:
        self._leader.receive()
        state = self._leader.newest
        assert state is not None
        return state

    @property
    def arm(self) -> JointState:
        self._arm.receive()
        state = self._arm.newest
        assert state is not None
        return state

    @property
    def told(self) -> LeaderCommand:
        self._told.receive()
        command = self._told.newest
        assert command is not None
        return command

    def until(self, happened: Callable[[], bool], what: str, timeout_s: float = 20.0) -> None:
        end = time.monotonic() + timeout_s
        while True:
            try:
                if happened():
                    return
            except AssertionError:
                pass  # nothing was said yet
            assert self.launch.popen.poll() is None, "the launch has ended"
            assert time.monotonic() < end, f"waited {timeout_s:g} s in vain for {what}"
            time.sleep(0.02)

    def ask(self, kind: str) -> None:
        reply = self._teleop.ask(new_request(kind, "a test"), 2.0)
        assert reply is not None
        assert reply.accepted, reply.said

    def _newest(self) -> ControlStatus:
        self._status.receive()
        status = self._status.newest
        assert status is not None
        return status


@contextmanager
def led(directory: Path) -> Iterator[tuple[Seen, Emulators]]:
    with Emulators(directory) as emulators:
        ports = {name: profile.port for name, profile in emulators.profiles.items()}
        settings = [
            f"leaders.left.config.port={ports['leader_left']}",
            f"leaders.right.config.port={ports['leader_right']}",
            "leaders.left.config.weight.share=0.8",
            "hardware=twin",
            "teleop.devices.leader.squeeze=false",
        ]
        words = [word for setting in settings for word in ("--set", setting)]
        with launched("--policy", "scripted", "--teleop", "leader", *BARE, *words) as launch:
            wait_for(launch.bus_directory.is_dir, "the bus", START_S)
            with Bus(launch.bus_directory) as bus:
                yield Seen(launch, bus), emulators


@pytest.mark.timeout(240)
def test_with_a_leader_in_hand_a_person_takes_over_and_hands_back(tmp_path: Path) -> None:
    with led(tmp_path) as (seen, emulators):
        seen.until(lambda: seen.mode == "run", "the policy to run", START_S)
        seen.until(lambda: seen.leader.holding == "", "the leader to follow")
        seen.ask("takeover")
        seen.until(lambda: seen.mode == "human", "the takeover")
        seen.until(lambda: seen.told.free, "the leader to be let go")
        seen.until(lambda: "free" in seen.leader.holding, "the leader to be free")
        begun = float(seen.arm.position[WAIST])
        angle = float(seen.leader.position[WAIST])
        for _ in range(15):
            angle += STEP_RAD
            emulators.ask(f"leader_left move waist {angle:.4f}")
            time.sleep(0.02)
        seen.until(lambda: abs(seen.arm.position[WAIST] - begun - 0.3) < 0.05, "the arm to follow")
        assert seen.mode == "human"
        seen.ask("hand_back")
        seen.until(lambda: seen.mode != "human", "the hand-back")
        seen.until(lambda: seen.leader.holding == "", "the leader to hold and follow again")
        assert not seen.leader.errors
        seen.launch.press_ctrl_c()
        code, output = seen.launch.ended()
        assert code == 0, output
        assert "`python -m drivers rest leader_left leader_right` lets them go" in output
