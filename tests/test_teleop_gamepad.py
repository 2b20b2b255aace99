"""A gamepad commands while its shoulder button is held, and not a moment longer."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_evdev import FakeInput
from teleop_robot import TICK_NS, robot, seen

from messaging.transport import Bus
from teleop.device import Device, DeviceError, Reading
from teleop.devices.gamepad import Config, make

ROBOT = robot()
HOME = ROBOT.home[:7]
FULL, NONE = 255, 0


class Pad:
    """A gamepad in time, with somebody engaged."""

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

    def kinds(self) -> list[str]:
        return [event.kind for event in self.after(1).events]


@pytest.fixture
def plugged(monkeypatch: pytest.MonkeyPatch) -> FakeInput:
    plugged = FakeInput()
    monkeypatch.setitem(sys.modules, "evdev", plugged.library())
    return plugged


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[Bus]:
    with Bus(tmp_path / "bus") as bus:
        yield bus


@pytest.fixture
def pad(plugged: FakeInput, bus: Bus) -> Iterator[Pad]:
    del plugged
    device = make(Config(device=Path("/dev/input/pad")), ROBOT, bus)
    device.open()
    pad = Pad(device)
    pad.after(1)
    yield pad
    device.close()


def test_the_shoulder_takes_over_and_hands_back(pad: Pad, plugged: FakeInput) -> None:
    plugged.press("BTN_TL")
    assert [pad.kinds(), pad.kinds()] == [["takeover"], []]
    plugged.release("BTN_TL")
    assert [pad.kinds(), pad.kinds()] == [["hand_back"], []]


def test_the_shortest_grip_ends_handed_back(pad: Pad, plugged: FakeInput) -> None:
    plugged.press("BTN_TL")
    plugged.release("BTN_TL")
    assert pad.kinds() == ["hand_back"]


@pytest.mark.parametrize(
    ("stick", "value", "joint"), [("ABS_Y", NONE, 0), ("ABS_X", NONE, 1), ("ABS_RY", NONE, 2)]
)
def test_sticks_move_what_is_theirs(
    pad: Pad, plugged: FakeInput, stick: str, value: int, joint: int
) -> None:
    plugged.press("BTN_TL")
    plugged.push(stick, value)
    moved = pad.after(20)
    assert moved.joints == ROBOT.joints[:7]
    assert moved.relative
    assert moved.position[joint] > HOME[joint] + 0.02
    others = [place for place in range(7) if place != joint]
    assert moved.position[others] == pytest.approx(HOME[others], abs=1e-9)


def test_the_other_shoulder_moves_the_last_three(pad: Pad, plugged: FakeInput) -> None:
    plugged.press("BTN_TL", "BTN_TR")
    plugged.push("ABS_X", FULL)
    moved = pad.after(20).position - HOME
    assert moved[4] < -0.02
    assert abs(moved[1]) < 1e-9


def test_without_the_shoulder_sticks_move_nothing(pad: Pad, plugged: FakeInput) -> None:
    plugged.push("ABS_Y", NONE)
    assert pad.after(20).position == pytest.approx(HOME)


def test_near_its_middle_a_stick_rests(pad: Pad, plugged: FakeInput) -> None:
    plugged.press("BTN_TL")
    plugged.push("ABS_Y", 135)
    assert pad.after(20).position == pytest.approx(HOME)


@pytest.mark.parametrize(("trigger", "way"), [("ABS_Z", -1.0), ("ABS_RZ", 1.0)])
def test_triggers_close_and_open(pad: Pad, plugged: FakeInput, trigger: str, way: float) -> None:
    plugged.press("BTN_TL")
    plugged.push(trigger, FULL)
    assert way * (pad.after(10).position[-1] - HOME[-1]) > 0.0


def test_buttons_choose_and_ask(pad: Pad, plugged: FakeInput) -> None:
    plugged.press("BTN_NORTH", "BTN_EAST", "BTN_START", "BTN_WEST")
    reading = pad.after(1)
    assert reading.joints == ROBOT.joints[7:]
    assert [event.kind for event in reading.events] == ["rewind", "success"]
    assert "right joints" in pad.device.note()


def test_a_gamepad_that_comes_back_hands_nothing_back_by_itself(
    pad: Pad, plugged: FakeInput
) -> None:
    plugged.press("BTN_TL")
    pad.after(1)
    plugged.unplug()
    assert pad.tick() is None
    assert "plug it in again" in pad.device.note()
    pad.now_ns += 10**9
    assert pad.kinds() == []


def test_a_device_without_sticks_is_refused_naming_what_it_lacks(
    plugged: FakeInput, bus: Bus
) -> None:
    del plugged.sticks["ABS_RY"]
    plugged.keys.remove("BTN_TL")
    with pytest.raises(DeviceError, match="has no BTN_TL, ABS_RY: is it the right device"):
        make(Config(device=Path("/dev/input/mouse")), ROBOT, bus).open()


def test_a_device_that_fails_as_it_is_opened_is_told(
    plugged: FakeInput, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> list[int]:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(plugged, "active_keys", fail)
    with pytest.raises(DeviceError, match="cannot use /dev/input/pad: Input/output error"):
        make(Config(device=Path("/dev/input/pad")), ROBOT, bus).open()
