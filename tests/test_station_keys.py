"""Keys in the terminal: Space and SIGUSR1 stop, letters ask; the terminal is as it was after."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from launching import REPOSITORY, wait_for

from messaging.messages import Reply, Request
from messaging.service import Asked, Service
from messaging.transport import Bus, Waiter
from station.keys import Keys, keys_of

pytestmark = pytest.mark.realtime

ANSWER_S = 10.0

# A launch is in the foreground of its terminal, which the tests themselves are not.
PROGRAM = """
import fcntl, signal, sys, termios, time
from pathlib import Path
from messaging.transport import Bus
from station.keys import Keys
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGINT, signal.default_int_handler)  # whatever the tests run under
try:
    with Bus(Path(sys.argv[1])) as bus:
        clients = {name: bus.client(name) for name in ("safety", "teleop", "station")}
        with Keys(clients, 0, Path(sys.argv[1])) as keys:
            print("ready", flush=True)
            while True:
                time.sleep(0.01)
                for told in keys.told():
                    print(told, flush=True)
except KeyboardInterrupt:
    print("ended", flush=True)
"""


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[Bus]:
    with Bus(tmp_path / "bus") as bus:
        yield bus


@pytest.fixture
def handler() -> Iterator[None]:
    before = signal.getsignal(signal.SIGUSR1)
    yield
    signal.signal(signal.SIGUSR1, before)


def asked_of(service: Service) -> Asked:
    assert Waiter([service]).wait(ANSWER_S)
    asked = service.receive()
    assert asked is not None
    return asked


def heard(service: Service) -> Request:
    return asked_of(service).request


@pytest.mark.usefixtures("handler")
def test_a_signal_stops_each_time_it_comes(bus: Bus, tmp_path: Path) -> None:
    service = bus.service("safety")
    with Keys({"safety": bus.client("safety")}, None, tmp_path):
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGUSR1)
            request = heard(service)
            assert (request.kind, request.who) == ("stop", "launch, SIGUSR1")


@pytest.mark.usefixtures("handler")
def test_a_signal_stops_in_the_words_that_came_with_it(bus: Bus, tmp_path: Path) -> None:
    service = bus.service("safety")
    (tmp_path / "stop.txt").write_text("shell ada\na hand in the way", encoding="utf-8")
    with Keys({"safety": bus.client("safety")}, None, tmp_path):
        for who, reason in (("shell ada", "a hand in the way"), ("launch, SIGUSR1", "")):
            os.kill(os.getpid(), signal.SIGUSR1)
            request = heard(service)
            assert (request.kind, request.who, request.reason) == ("stop", who, reason)


@pytest.mark.usefixtures("handler")
def test_a_stop_before_safety_is_there_is_asked_for_until_it_is_granted(
    bus: Bus, tmp_path: Path
) -> None:
    with Keys({"safety": bus.client("safety")}, None, tmp_path):
        os.kill(os.getpid(), signal.SIGUSR1)
        time.sleep(0.7)
        service = bus.service("safety")
        asked = [asked_of(service) for _ in range(3)]
        stamps = [one.request.t_ns for one in asked]
        assert min(later - sooner for sooner, later in pairwise(stamps)) >= 500_000_000
        assert len({one.request.id for one in asked}) == 3
        service.answer(asked[1], Reply(asked[1].request.id, False, "too old"))
        again = asked_of(service)
        service.answer(again, Reply(again.request.id, True, "stopped"))
        assert not Waiter([service]).wait(1.0)


@pytest.mark.usefixtures("handler")
def test_a_signal_after_the_end_of_the_watch_ends_nothing(bus: Bus, tmp_path: Path) -> None:
    with Keys({"safety": bus.client("safety")}, None, tmp_path):
        pass
    os.kill(os.getpid(), signal.SIGUSR1)


@pytest.mark.usefixtures("handler")
def test_what_is_no_terminal_is_left_alone(bus: Bus, tmp_path: Path) -> None:
    read, write = os.pipe()
    try:
        with Keys({"safety": bus.client("safety")}, read, tmp_path):
            pass
    finally:
        os.close(read)
        os.close(write)


@contextmanager
def terminal(directory: Path) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Run the program in the foreground of a terminal; yields where a person types, and it."""
    typed, screen = pty.openpty()
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(directory)],
        cwd=REPOSITORY,
        stdin=screen,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    os.close(screen)
    try:
        assert program.stdout is not None
        assert program.stdout.readline() == b"ready\n"
        yield typed, program
    finally:
        program.kill()
        program.communicate()
        os.close(typed)


def test_space_stops_and_other_keys_do_not(bus: Bus, tmp_path: Path) -> None:
    service = bus.service("safety")
    with terminal(tmp_path / "bus") as (typed, _):
        os.write(typed, b"q\n")
        os.write(typed, b" ")
        request = heard(service)
        assert (request.kind, request.who) == ("stop", "launch, Space")
        assert service.receive() is None


def test_letters_ask_the_service_that_they_are_for_and_the_answer_is_told(
    bus: Bus, tmp_path: Path
) -> None:
    teleop, station = bus.service("teleop"), bus.service("station")
    with terminal(tmp_path / "bus") as (typed, program):
        assert program.stdout is not None
        os.write(typed, b"xt")
        assert Waiter([teleop]).wait(ANSWER_S)
        asked = teleop.receive()
        assert asked is not None
        assert (asked.request.kind, asked.request.who) == ("toggle", "launch, key t")
        teleop.answer(asked, Reply(asked.request.id, True, "the person commands"))
        assert program.stdout.readline() == b"key t (takeover): the person commands\n"
        for accepted in (True, False):  # what the station grants it tells itself
            os.write(typed, b"s")
            assert Waiter([station]).wait(ANSWER_S)
            asked = station.receive()
            assert asked is not None
            assert asked.request.kind == "success"
            station.answer(asked, Reply(asked.request.id, accepted))
        assert program.stdout.readline() == b"key s (success): refused\n"


def test_a_service_that_does_not_answer_keeps_no_stop_waiting(bus: Bus, tmp_path: Path) -> None:
    safety = bus.service("safety")
    with terminal(tmp_path / "bus") as (typed, program):
        assert program.stdout is not None
        os.write(typed, b"tttt ")
        assert heard(safety).kind == "stop"
        for _ in range(4):
            assert program.stdout.readline() == b"key t (takeover): teleop does not answer\n"


def test_only_letters_whose_service_is_there_mean_something() -> None:
    assert [key.letter for key in keys_of(["safety", "station"])] == ["s", "f", "n"]
    letters = [key.letter for key in keys_of(["safety", "station", "teleop", "recorder"])]
    assert sorted(letters) == sorted("tbsfndu")
    assert not {" ", "\x03", "\x1a"} & set(letters), "these stop, end and suspend"


def test_the_terminal_is_as_it_was_after_ctrl_c(tmp_path: Path) -> None:
    with terminal(tmp_path / "bus") as (typed, program):
        wait_for(lambda: not termios.tcgetattr(typed)[3] & termios.ICANON, "single keys", ANSWER_S)
        os.write(typed, b"\x03")
        assert program.stdout is not None
        assert program.stdout.readline() == b"ended\n"
        modes = termios.tcgetattr(typed)[3]
        assert modes & termios.ICANON
        assert modes & termios.ECHO
