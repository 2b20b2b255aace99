"""The safety process on a real bus: permits, stops, the latch, the audit, and floods."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import zmq
from guarded_robot import (
    ARMS,
    PATIENT,
    PROCESSES,
    WAIT_S,
    Person,
    Robot,
    SafetyThread,
    request,
    safety_config,
)

from messaging.messages import Reply, Request
from messaging.service import MAX_REQUEST_BYTES
from messaging.topics import PERMIT
from messaging.transport import Bus
from runtime.process import Context, ProcessSpec
from safety import audit, latch, watch
from safety.account import told
from safety.audit import verified
from safety.main import Safety
from safety.replies import Replies
from safety.state import Facts, State

pytestmark = pytest.mark.realtime


@pytest.fixture(autouse=True)
def busy_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the process be kept from running for longer than a robot would stand."""
    monkeypatch.setattr(watch, "_SILENCE_NS", 5_000_000_000)


@pytest.fixture
def sockets(tmp_path: Path) -> Path:
    return tmp_path / "bus"


@pytest.fixture
def robot(sockets: Path) -> Iterator[Robot]:
    with Bus(sockets) as bus, Robot(bus) as robot:
        yield robot


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def safety(robot: Robot, sockets: Path, directory: Path) -> Iterator[SafetyThread]:
    with SafetyThread(sockets, directory) as safety:
        safety.until(lambda said: not said.persisting)
        robot.permits.clear()
        yield safety


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
    path.write_text(spec.model_dump_json())
    with Person(sockets) as person:
        with launched(path):
            person.run()
        with launched(path) as process:
            said = person.phase("stopped")
            process.terminate()
            assert process.wait(WAIT_S) == 0
    assert "died while the robot was running" in said.causes[0]
    assert said.motion == "none"


@pytest.mark.parametrize("name", sorted({*PROCESSES} - {"journal", "dashboard"}))
def test_whatever_goes_silent_while_running_stops_the_robot(
    robot: Robot, safety: SafetyThread, name: str
) -> None:
    safety.run()
    robot.dumb.add(name)
    assert name in safety.phase("stopped").causes[0]


@pytest.mark.parametrize("name", ["journal", "dashboard"])
def test_what_the_robot_can_do_without_only_warns(
    robot: Robot, safety: SafetyThread, name: str
) -> None:
    safety.run()
    robot.dumb.add(name)
    said = safety.until(lambda said: any(name in warning for warning in said.warnings))
    assert said.phase == "running"


def test_an_arm_that_goes_silent_stops_the_other_one(
    robot: Robot, sockets: Path, directory: Path
) -> None:
    config = PATIENT.model_copy(update={"arm_silent_s": 0.3})
    with SafetyThread(sockets, directory, config) as safety:
        safety.run()
        robot.dumb.add("left")
        assert safety.phase("stopped").causes == ("arm left is silent for more than 300 ms",)


def test_a_persisting_cause_is_named_and_its_end_lets_reset(
    robot: Robot, safety: SafetyThread
) -> None:
    safety.run()
    robot.arms["left"] = {"errors": ("elbow: overload",)}
    said = safety.phase("stopped")
    refused = safety.ask("reset", event=said.event)
    assert (refused.accepted, refused.said) == (False, "arm left: elbow: overload")
    robot.arms.clear()
    safety.until(lambda said: not said.persisting)
    assert safety.ask("reset", event=said.event).accepted
    assert safety.phase("disarmed").motion == "none"


def test_too_much_heat_rests_the_arms_and_lets_them_go(robot: Robot, safety: SafetyThread) -> None:
    safety.run()
    robot.beats["journal"] = {"note": "cannot write"}
    robot.arms["right"] = {"temperature": np.array([70.0, 30.0])}
    said = safety.until(lambda said: said.motion == "rest")
    assert (said.phase, said.stop, said.note) == ("stopped", "rest_then_off", "goes to rest")
    robot.status = {"mode": "rest", "arrived": True, "permit": said.epoch}
    safety.until(lambda said: said.note == "arms at rest let go")
    robot.until(lambda permit: permit.order == "off")


def test_a_cut_takes_two_requests(robot: Robot, safety: SafetyThread) -> None:
    safety.run()
    first = safety.ask("cut")
    assert len(first.event) == 4
    assert not safety.ask("cut", event="nope").accepted
    assert safety.ask("cut", event=first.event).accepted
    safety.phase("stopped")
    robot.until(lambda permit: permit.order == "cut")


def test_a_request_is_acted_upon_once(safety: SafetyThread) -> None:
    stop = request("stop")
    event = safety.send(stop).event
    safety.until(lambda said: not said.persisting and not said.awaited)
    assert safety.ask("reset", event=event).accepted
    again = safety.send(stop)
    assert (again.accepted, again.said) == (False, "already answered: stopped")
    assert not safety.send(replace(request("stop"), t_ns=time.monotonic_ns() - 10**10)).accepted
    safety.phase("disarmed")


def test_everything_asked_and_done_is_in_the_audit(safety: SafetyThread, directory: Path) -> None:
    safety.run()
    event = safety.ask("stop", who="bob").event
    safety.ask("reset", event="x", who="carol")
    path = directory / audit.NAME
    assert verified(path) == []
    text = path.read_text()
    for said in ('"who": "bob"', '"who": "carol"', "refused", '"what": "armed"', event):
        assert said in text


def test_what_is_no_request_is_refused_and_counted(safety: SafetyThread, sockets: Path) -> None:
    with Bus(sockets) as other:
        client = other.client("safety")
        for junk in (b"", b"\x80\x04.", b"junk", b"x" * MAX_REQUEST_BYTES):
            client.socket.send(junk)
        assert safety.ask("speed", value=0.5).accepted
    assert safety.until(lambda said: said.speed == 0.5)


def flood(bus: Bus, ending: threading.Event, kinds: list[Request]) -> int:
    client = bus.client("safety")
    count = 0
    while not ending.is_set():
        for asked in kinds:
            try:
                client.send(replace(asked, id=f"flood-{count}", t_ns=time.monotonic_ns()))
                client.socket.send(b"junk", zmq.NOBLOCK)
            except zmq.Again:
                time.sleep(0.001)
            count += 1
    return count


def test_a_flood_of_requests_delays_no_permit_and_fills_no_disk(
    robot: Robot, safety: SafetyThread, sockets: Path, directory: Path
) -> None:
    safety.run()
    ending = threading.Event()
    with Bus(sockets) as other:
        kinds = [request("run"), request("speed", value=0.4), request("dance")]
        thread = threading.Thread(target=flood, args=(other, ending, kinds))
        thread.start()
        try:
            time.sleep(1.0)
            begin = len(robot.permits)
            reply = safety.ask("stop")
            time.sleep(1.0)
            gaps = [b[0] - a[0] for a, b in pairwise(robot.permits[begin:])]
        finally:
            ending.set()
            thread.join()
    assert reply.accepted
    robot.until(lambda permit: permit.event == reply.event and permit.motion == "none")
    assert max(gaps) < 200_000_000
    assert (directory / audit.NAME).stat().st_size < 50_000


def test_a_disk_that_takes_nothing_stops_the_robot_and_says_so(
    safety: SafetyThread, monkeypatch: pytest.MonkeyPatch, directory: Path
) -> None:
    safety.run()
    sync, room = os.fsync, threading.Event()

    def full(file: int) -> None:
        if not room.is_set():
            raise OSError(28, "No space left on device")
        sync(file)

    monkeypatch.setattr(os, "fsync", full)
    safety.ask("pause")
    said = safety.phase("stopped")
    assert "the audit cannot be written: No space left on device" in " ".join(said.persisting)
    assert not safety.ask("reset", event=said.event).accepted
    room.set()
    safety.until(lambda said: not said.persisting)
    assert safety.ask("reset", event=said.event).accepted
    assert verified(directory / audit.NAME) == []


def test_a_second_safety_process_cannot_use_the_same_directory(safety: SafetyThread) -> None:
    # Not pytest's own directory: the paths of sockets must be short.
    with (
        TemporaryDirectory(prefix="eh-") as sockets,
        Bus(Path(sockets)) as other,
        pytest.raises(audit.AuditError),
    ):
        Safety(safety.config, Context("safety", other))


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


def test_ids_of_requests_are_forgotten_when_they_are_too_old_to_be_asked_again(
    sockets: Path,
) -> None:
    with Bus(sockets) as bus:
        replies = Replies(bus.service("test"), age_s=1.0)
    replies.remember(Reply("a", True), 0)
    replies.remember(Reply("b", True), 2_000_000_000)
    assert replies.given("a")
    replies.remember(Reply("c", True), 2_000_000_001)
    assert replies.given("a") is None
    assert replies.given("b")
