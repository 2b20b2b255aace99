"""The safety process on a real bus: permits, stops, the latch, and its own end."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from guarded_robot import (
    ARMS,
    PATIENT,
    WAIT_S,
    Person,
    Robot,
    SafetyThread,
    request,
    safety_config,
)
from safety_scene import busy_machine, directory, robot, safety, sockets

from messaging.topics import PERMIT
from messaging.transport import Bus
from runtime.process import Context, ProcessSpec
from safety import latch
from safety.account import told
from safety.facts import Facts
from safety.main import Safety
from safety.state import State

pytestmark = pytest.mark.realtime

__all__ = ["busy_machine", "directory", "robot", "safety", "sockets"]


def test_permits_come_fifty_times_a_second_and_count_up(robot: Robot, safety: SafetyThread) -> None:
    safety.run()
    before = len(robot.permits)
    time.sleep(0.5)
    gained = robot.permits[before:]
    assert 20 <= len(gained) <= 26
    assert all(b.seq == a.seq + 1 for (_, a), (_, b) in pairwise(robot.permits))
    assert {permit.motion for _, permit in gained} == {"all"}
    assert {permit.epoch for _, permit in gained} == {gained[0][1].epoch}


def test_arming_tests_the_stop_path_before_anything_may_move(
    robot: Robot, safety: SafetyThread
) -> None:
    safety.run()
    motions = [permit.motion for _, permit in robot.permits]
    changes = [b for a, b in pairwise(motions) if a != b]
    assert changes == ["poses", "none", "poses", "all"]


def test_an_arm_that_hears_no_permit_keeps_the_robot_from_being_armed(
    robot: Robot, sockets: Path, directory: Path
) -> None:
    robot.deaf.add("right")
    config = PATIENT.model_copy(update={"self_test_s": 0.3})
    with SafetyThread(sockets, directory, config) as safety:
        safety.until(lambda said: not said.persisting)
        assert safety.ask("arm").accepted
        said = safety.phase("stopped")
    assert "arm right did not hear the permit" in said.causes[0]


def test_a_stop_goes_out_at_once_and_each_arm_s_confirmation_is_timed(
    robot: Robot, safety: SafetyThread
) -> None:
    safety.run()
    asked = request("stop", reason="smoke")
    reply = safety.send(asked)
    assert reply.accepted
    said = safety.until(lambda said: said.event and not said.awaited)
    assert said.causes == ("stop by test: smoke",)
    assert set(said.confirmed_ms) == set(ARMS)
    assert all(0 < late_ms < 1000 for late_ms in said.confirmed_ms.values())
    arrived_ns, first = robot.until(lambda permit: permit.event)
    assert (first.motion, first.event) == ("none", reply.event)
    assert arrived_ns - asked.t_ns < 500_000_000


def test_an_arm_that_does_not_confirm_is_named(robot: Robot, safety: SafetyThread) -> None:
    safety.run()
    robot.deaf.add("left")
    safety.ask("stop")
    said = safety.until(lambda said: "right" in said.confirmed_ms)
    assert said.awaited == ("left",)


def test_a_stop_is_latched_before_it_is_answered(safety: SafetyThread, directory: Path) -> None:
    reply = safety.ask("stop")
    content = latch.read(directory / latch.NAME)
    assert content
    assert content.stop
    assert content.stop.event == reply.event


def test_a_stop_outlives_the_process_and_epoch_and_numbers_go_on(
    robot: Robot, sockets: Path, directory: Path
) -> None:
    with SafetyThread(sockets, directory) as safety:
        safety.run()
        event = safety.ask("stop").event
    _, before = robot.until(lambda permit: permit.event)
    with SafetyThread(sockets, directory) as safety:
        said = safety.phase("stopped")
        assert (said.event, said.causes) == (event, ("stop by test",))
        assert not safety.ask("arm").accepted
        safety.until(lambda said: not said.persisting)
        assert safety.ask("reset", event=event).accepted
        safety.run()
        after = safety.until(lambda said: said.motion == "all")
    assert after.epoch > before.epoch
    assert robot.until(lambda permit: permit.motion == "all" and permit.epoch > before.epoch)
    numbers = [permit.seq for _, permit in robot.permits]
    assert numbers == sorted(numbers)


def test_a_process_that_ends_while_the_robot_runs_begins_stopped(
    robot: Robot, sockets: Path, directory: Path
) -> None:
    with SafetyThread(sockets, directory) as safety:
        safety.run()
    with SafetyThread(sockets, directory) as safety:
        assert "died while the robot was running" in safety.phase("stopped").causes[0]
        _, first = robot.until(lambda permit: permit.event)
    assert first.motion == "none"


@contextmanager
def launched(spec: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start a process as the launch does, and kill it."""
    process = subprocess.Popen([sys.executable, "-m", "runtime.process", str(spec)])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.usefixtures("robot")
def test_a_process_killed_while_the_robot_runs_begins_stopped(
    sockets: Path, directory: Path, tmp_path: Path
) -> None:
    config = safety_config(directory).model_dump(mode="json")
    spec = ProcessSpec(name="safety", module="safety.main", config=config, directory=sockets)
    path = tmp_path / "spec.json"
    path.write_text(spec.model_dump_json(), encoding="utf-8")
    with Person(sockets) as person:
        with launched(path):
            person.run()
        with launched(path) as process:
            said = person.phase("stopped")
            process.terminate()
            assert process.wait(WAIT_S) == 0
    assert "died while the robot was running" in said.causes[0]
    assert said.motion == "none"


def test_before_its_first_look_nothing_can_be_armed_or_reset(
    sockets: Path, directory: Path
) -> None:
    with Bus(sockets) as bus, Bus(sockets) as other:
        safety = Safety(safety_config(directory), Context("safety", bus))
        client = other.client("safety")
        client.send(request("arm"))
        while (reply := client.receive()) is None:
            safety.serve()
        safety.close()
    assert not reply.accepted


def test_leave_is_not_given_by_what_was_seen_before_a_pause(sockets: Path, directory: Path) -> None:
    with Bus(sockets) as bus, Bus(sockets) as other:
        safety = Safety(safety_config(directory), Context("safety", bus))
        permits = other.subscriber(PERMIT)
        while permits.receive() is None:
            safety.serve()
        safety._state = replace(safety._state, phase="running")
        safety._facts = replace(safety._facts, now_ns=time.monotonic_ns() - 10**9)
        before = safety._state.seq
        safety._permit()
        assert safety._state.seq == before
        safety._state = replace(safety._state, phase="disarmed")
        safety._permit()
        assert safety._state.seq == before + 1
        safety.close()


def test_what_the_process_waits_for_is_said() -> None:
    state = State(1, 1, phase="testing", awaited_seq=5)
    assert told(state, Facts(0, arms={"left": None})).note == (
        "tests the stop path: waits for arm left"
    )
    assert told(state, Facts(0)).note == "tests the stop path"
    assert told(replace(state, phase="disarmed", off_until_ns=1), Facts(0)).note
