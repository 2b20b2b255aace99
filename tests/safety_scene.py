"""The safety process on a real bus, before a robot that is a stand-in; fixtures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from guarded_robot import Robot, SafetyThread

from messaging.transport import Bus
from safety import watch


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
