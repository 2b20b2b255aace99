"""A SpaceMouse, through a library that stands in for the real one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest
from teleop_robot import TICK_NS, robot, seen

from messaging.transport import Bus
from teleop.device import Device, DeviceError, Reading
from teleop.devices.spacemouse import Config, make

ROBOT = robot()
HOME = ROBOT.home[:7]


@dataclass
class FakeMouse:
    """A mouse and its library."""

    x: float = 0.0
    y: float = 0.0
    z: float = 0.0
    roll: float = 0.0
    pitch: float = 0.0
    yaw: float = 0.0
    buttons: list[int] = field(default_factory=lambda: [0, 0])
    absent: bool = False
    gone: bool = False
    closed: int = 0

    def open(self) -> FakeMouse | None:
        if self.gone:
            raise RuntimeError("No device connected")
        return None if self.absent else self

    def read(self) -> FakeMouse:
        if self.gone:
            raise OSError("read error")
        return self

    def close(self) -> None:
        self.closed += 1


class Moved:
    """A mouse in time, with somebody engaged."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self.now_ns = 1_000_000_000

    def tick(self) -> Reading | None:
        self.now_ns += TICK_NS
        return self.device.read(self.now_ns, seen(engaged=True))

    def after(self, ticks: int) -> Reading:
        readings = [self.tick() for _ in range(ticks)]
        assert readings[-1] is not None
        return readings[-1]


@pytest.fixture
def mouse(monkeypatch: pytest.MonkeyPatch) -> FakeMouse:
    mouse = FakeMouse()
    monkeypatch.setitem(sys.modules, "pyspacemouse", SimpleNamespace(open=mouse.open))
    return mouse


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[Bus]:
    with Bus(tmp_path / "bus") as bus:
        yield bus


@pytest.fixture
def moved(mouse: FakeMouse, bus: Bus) -> Iterator[Moved]:
    device = make(Config(), ROBOT, bus)
    device.open()
    moved = Moved(device)
    moved.after(1)
    yield moved
    device.close()
    assert mouse.closed


def test_its_cap_moves_the_arm(moved: Moved, mouse: FakeMouse) -> None:
    mouse.y, mouse.yaw = 1.0, -0.5
    way = moved.after(20).position - HOME
    assert way[0] > 0.02
    assert 0.005 < way[5] < way[0]
    assert way[[1, 2, 3, 4, 6]] == pytest.approx(0.0)


def test_at_rest_it_moves_nothing(moved: Moved, mouse: FakeMouse) -> None:
    mouse.x = mouse.roll = 0.05
    assert moved.after(20).position == pytest.approx(HOME)


def test_its_first_button_takes_over_and_hands_back(moved: Moved, mouse: FakeMouse) -> None:
    mouse.buttons = [1, 0]
    assert [event.kind for event in moved.after(1).events] == ["toggle"]
    assert moved.after(1).events == ()
    mouse.buttons = [0, 0]
    assert moved.after(1).events == ()


def test_its_second_button_changes_the_arm_when_it_is_tapped(
    moved: Moved, mouse: FakeMouse
) -> None:
    mouse.buttons = [0, 1]
    moved.after(5)
    mouse.buttons = [0, 0]
    assert moved.after(1).joints == ROBOT.joints[7:]
    assert "right" in moved.device.note()


def test_held_it_opens_the_gripper_and_then_closes_it(moved: Moved, mouse: FakeMouse) -> None:
    mouse.buttons = [0, 1]
    opened = moved.after(60).position[-1]
    assert opened > HOME[-1] + 0.05
    mouse.buttons = [0, 0]
    assert moved.after(30).joints == ROBOT.joints[:7]
    mouse.buttons = [0, 1]
    assert moved.after(80).position[-1] < opened


def test_with_one_button_it_has_no_second(moved: Moved, mouse: FakeMouse) -> None:
    mouse.buttons = [1]
    assert [event.kind for event in moved.after(1).events] == ["toggle"]


def test_a_lost_mouse_says_nothing_until_it_is_back(moved: Moved, mouse: FakeMouse) -> None:
    mouse.gone = True
    assert moved.tick() is None
    assert "read error" in moved.device.note()
    moved.now_ns += 2 * 10**9
    assert moved.tick() is None
    assert "cannot open the SpaceMouse" in moved.device.note()
    mouse.gone = False
    assert moved.tick() is None
    moved.now_ns += 2 * 10**9
    assert moved.tick() is not None
    assert "moves the left joints" in moved.device.note()


def test_a_mouse_that_is_not_there_is_told_with_a_remedy(mouse: FakeMouse, bus: Bus) -> None:
    mouse.absent = True
    with pytest.raises(DeviceError, match=r"no SpaceMouse is found.*hidraw"):
        make(Config(), ROBOT, bus).open()


def test_without_the_library_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, bus: Bus
) -> None:
    monkeypatch.setitem(sys.modules, "pyspacemouse", None)
    with pytest.raises(DeviceError, match=r"evenhand\[spacemouse\]"):
        make(Config(), ROBOT, bus).open()
