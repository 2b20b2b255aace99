"""What is asked of the safety process: once, in the audit, as junk, in floods, on a full disk."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import zmq
from guarded_robot import Robot, SafetyThread, request
from safety_scene import busy_machine, directory, robot, safety, sockets

from messaging.messages import Reply, Request
from messaging.service import MAX_REQUEST_BYTES
from messaging.transport import Bus
from runtime.process import Context
from safety import audit
from safety.audit import verified
from safety.main import Safety
from safety.replies import Replies

pytestmark = pytest.mark.realtime

__all__ = ["busy_machine", "directory", "robot", "safety", "sockets"]


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
    text = path.read_text(encoding="utf-8")
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
