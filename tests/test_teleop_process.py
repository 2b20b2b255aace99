"""The process that a person commands by: heard by the controller, asked by everybody."""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from teleop_robot import CONFIG, robot, status

from messaging.messages import Directive, HumanCommand, JointCommand, Reply, Request
from messaging.topics import (
    CONTROL_STATUS,
    DIRECTIVE,
    HEARTBEAT,
    HUMAN_COMMAND,
    JOINT_COMMAND,
    Keep,
)
from messaging.transport import Bus
from runtime.process import Context
from teleop.device import DeviceError, Event
from teleop.main import Config, Labels, main

pytestmark = pytest.mark.realtime

HOME = robot().home
TICK_S = 0.01
REACH_S = 10.0


def config(**options: Any) -> Config:
    given = {
        "device": "keyboard",
        "config": {"tty": "/dev/none"},
        "joints": {joint: list(limits) for joint, limits in CONFIG.ranges.items()},
        "arms": ["left", "right"],
        "home": HOME.tolist(),
        **options,
    }
    return Config.model_validate(given, strict=False)


class Stack:
    """A controller and a station that say what they would, and a keyboard that is typed on.

    Attributes:
        mode: of the controller.
        directed: by the station.
        lost: whether the controller waits for a hand-back.
        heard: what the controller heard.
    """

    def __init__(self, bus: Bus) -> None:
        self.mode = "run"
        self.directed = "run"
        self.lost = False
        self.position = HOME.copy()
        self.heard: list[HumanCommand] = []
        self._statuses = bus.publisher(CONTROL_STATUS)
        self._commands = bus.publisher(JOINT_COMMAND)
        self._directives = bus.publisher(DIRECTIVE)
        self._human = bus.subscriber(HUMAN_COMMAND, keep=Keep.ALL)
        self.heartbeats = bus.subscriber(HEARTBEAT, "teleop")
        self.client = bus.client("teleop")
        self.station = bus.service("station")
        self._seq = 0

    def poll(self) -> None:
        """Live a tick."""
        time.sleep(TICK_S)
        self._seq += 1
        now_ns = time.monotonic_ns()
        self.position = self.position + np.append(np.zeros(13), 0.001)
        self._statuses.send(replace(status(self.mode), t_ns=now_ns, lost=self.lost))
        self._commands.send(JointCommand(self._seq, now_ns, 1, robot().joints, self.position))
        self._directives.send(Directive(self._seq, self.directed, 1, ""))
        self.heard += self._human.drain()

    def until(self, happened: Callable[[], Any], what: str) -> None:
        end = time.monotonic() + REACH_S
        while not happened():
            last = self.heard[-1] if self.heard else None
            assert time.monotonic() < end, f"waited in vain for {what}; {last}"
            self.poll()

    def polls(self, count: int) -> None:
        for _ in range(count):
            self.poll()

    def ask(self, kind: str, value: float = 0.0) -> Reply:
        now_ns = time.monotonic_ns()
        request = Request(uuid.uuid4().hex, kind, "test", now_ns, value=value)
        self.client.send(request)
        replies: list[Reply] = []

        def answered() -> bool:
            reply = self.client.receive()
            replies.extend([reply] if reply and reply.id == request.id else [])
            return bool(replies)

        self.until(answered, f"an answer to {kind}")
        return replies[0]

    def until_engaged(self, wanted: bool) -> None:
        self.heard.clear()
        self.until(lambda: self.heard and self.heard[-1].engaged is wanted, f"engaged {wanted}")


@contextmanager
def running(directory: Path, bus: Bus, **options: Any) -> Iterator[Context]:
    """Run the process in a thread."""
    del bus  # which must outlive it
    with Bus(directory) as own:
        context = Context("teleop", own)
        thread = threading.Thread(target=main, args=(config(**options), context))
        thread.start()
        try:
            yield context
        finally:
            context.stop()
            thread.join(5.0)
        assert not thread.is_alive()


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[Bus]:
    with Bus(tmp_path) as bus:
        yield bus


@pytest.fixture
def typist() -> Iterator[tuple[int, str]]:
    person, terminal = os.openpty()
    yield person, os.ttyname(terminal)
    os.close(person)
    os.close(terminal)


def test_a_person_types_takes_over_goes_back_and_hands_back(
    tmp_path: Path, bus: Bus, typist: tuple[int, str]
) -> None:
    person, path = typist
    stack = Stack(bus)
    with running(tmp_path, bus, config={"tty": path}):
        stack.until(lambda: stack.heard and stack.heard[-1].joints, "a first pose")
        assert not stack.heard[-1].engaged
        stack.polls(40)
        seqs = [command.seq for command in stack.heard]
        assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))
        span_s = (stack.heard[-1].t_ns - stack.heard[0].t_ns) * 1e-9
        assert len(seqs) / span_s == pytest.approx(100.0, rel=0.2)

        os.write(person, b"\r")
        stack.until_engaged(True)
        assert stack.heard[-1].relative
        stack.mode = "human"
        begin = stack.heard[-1].position[0]
        os.write(person, b"w")
        stack.until(lambda: stack.heard[-1].position[0] > begin + 0.01, "the arm to be led")

        assert stack.ask("rewind", 0.3).accepted
        stack.until(lambda: stack.heard[-1].doing == "rewind", "the way back")
        assert stack.heard[-1].joints == robot().joints
        stack.until(lambda: stack.heard[-1].doing == "correct", "its end")
        assert stack.heard[-1].engaged

        assert stack.ask("hand_back").accepted
        stack.until_engaged(False)
        refused = stack.ask("dance")
        assert "teleop knows no 'dance'" in refused.said


def test_what_its_keys_say_of_the_episode_is_passed_on(
    tmp_path: Path, bus: Bus, typist: tuple[int, str], caplog: pytest.LogCaptureFixture
) -> None:
    person, path = typist
    stack = Stack(bus)
    with running(tmp_path, bus, config={"tty": path}):
        stack.until(lambda: stack.heard and stack.heard[-1].joints, "a first pose")
        os.write(person, b"y")
        asked: list[Request] = []

        def heard() -> bool:
            received = stack.station.receive()
            if received:
                asked.append(received.request)
                stack.station.answer(received, Reply(received.request.id, False, "too late"))
            return bool(received)

        stack.until(heard, "the label")
        assert (asked[0].kind, asked[0].who) == ("success", "teleop keyboard")
        stack.until(lambda: "station: too late" in caplog.text, "the refusal to be logged")


@pytest.mark.parametrize(
    ("directed", "mode", "lost"),
    [("run", "hold", False), ("hold", "hold", True), ("home", "home", True)],
    ids=["in_the_run", "in_a_pause", "on_the_way_home"],
)
def test_who_starts_anew_after_the_arms_were_left_waits_for_a_hand_back(
    tmp_path: Path, bus: Bus, typist: tuple[int, str], directed: str, mode: str, lost: bool
) -> None:
    stack = Stack(bus)
    stack.directed, stack.mode, stack.lost = directed, mode, lost
    with running(tmp_path, bus, config={"tty": typist[1]}):
        stack.until(
            lambda: stack.heartbeats.receive() and "LOST" in str(stack.heartbeats.newest),
            "the loss to be told",
        )
        stack.polls(20)
        assert not stack.heard
        assert stack.ask("hand_back").accepted
        stack.until_engaged(False)


def test_where_nobody_says_what_the_arms_do_it_begins_all_the_same(
    tmp_path: Path, bus: Bus, typist: tuple[int, str]
) -> None:
    heard = bus.subscriber(HUMAN_COMMAND)
    with running(tmp_path, bus, config={"tty": typist[1]}):
        end = time.monotonic() + REACH_S
        while heard.receive() is None:
            assert time.monotonic() < end
            time.sleep(TICK_S)
    assert heard.newest is not None
    assert heard.newest.joints == ()
    assert not heard.newest.engaged


def test_a_device_that_is_not_there_ends_it_with_a_remedy(tmp_path: Path) -> None:
    with Bus(tmp_path) as bus, pytest.raises(DeviceError, match="open another terminal"):
        main(config(), Context("teleop", bus))


def test_an_event_that_concerns_nobody_is_named(bus: Bus) -> None:
    with pytest.raises(ValueError, match="the device says 'dance'; an event is one of takeover"):
        Labels(bus, "stick").pass_on(Event("dance"), 0)


def test_a_home_of_other_joints_is_refused() -> None:
    with pytest.raises(ValidationError, match="home has 2 values for 14 joints"):
        config(home=[0.0, 1.0])
