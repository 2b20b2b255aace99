"""A stop from a shell signals the launch before anything else, and none that would end by it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest

from station.lock import LOCK, StationLock, bus_directory, holder
from station.safety_tools.at_once import stop_at_once, words_of_stop
from station.shell_user import shell_user

HEAVY = ("numpy", "pydantic", "rich", "zmq", "msgpack")


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


@pytest.fixture
def heard() -> Iterator[list[int]]:
    numbers: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        numbers.append(number)

    before = signal.signal(signal.SIGUSR1, note)
    yield numbers
    signal.signal(signal.SIGUSR1, before)


def test_the_launch_is_signalled(heard: list[int]) -> None:
    with StationLock("aloha", "a test"):
        assert holder(bus_directory("aloha") / LOCK) == os.getpid()
        assert stop_at_once("aloha", "a hand\nin the way")
        time.sleep(0.01)
        directory = bus_directory("aloha")
        assert words_of_stop(directory) == (shell_user(), "a hand in the way")
        assert words_of_stop(directory) == ("", "")
    assert heard == [signal.SIGUSR1]


def test_without_a_launch_nobody_is(heard: list[int]) -> None:
    assert not stop_at_once("aloha", "a hand\nin the way")
    with StationLock("aloha", "a test"):
        assert not stop_at_once("another", "")
    assert holder(bus_directory("aloha") / LOCK) is None
    assert heard == []


def test_a_launch_that_does_not_listen_yet_lives_on() -> None:
    with StationLock("aloha", "a test"):
        before = signal.signal(signal.SIGUSR1, signal.SIG_DFL)
        try:
            assert not stop_at_once("aloha", "a hand\nin the way")
        finally:
            signal.signal(signal.SIGUSR1, before)


def test_a_file_that_names_nobody_is_no_launch() -> None:
    with StationLock("aloha", "a test"):
        (bus_directory("aloha") / LOCK).write_text("", encoding="utf-8")
        assert holder(bus_directory("aloha") / LOCK) is None
        assert not stop_at_once("aloha", "a hand\nin the way")


def test_nothing_that_takes_its_time_is_loaded_first() -> None:
    code = "import sys, station.safety_tools.at_once; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True
    )
    assert set(HEAVY).isdisjoint(loaded.stdout.split())
