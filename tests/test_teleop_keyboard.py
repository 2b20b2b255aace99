"""A keyboard commands one arm: one of its own, or that of a terminal of its own."""

from __future__ import annotations

import os
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_evdev import FakeInput
from pydantic import ValidationError
from teleop_robot import TICK_NS, robot, seen

from messaging.transport import Bus
from teleop.device import Device, DeviceError, Reading
from teleop.devices.keyboard import Config, make

ROBOT = robot()
BEGIN_NS = 1_000_000_000


class Read:
    """A keyboard in time, with somebody engaged."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self.now_ns = BEGIN_NS

    def tick(self) -> Reading | None:
        self.now_ns += TICK_NS
        return self.device.read(self.now_ns, seen(engaged=True))

    def reading(self) -> Reading:
        reading = self.tick()
        assert reading is not None
        return reading

    def after(self, ticks: int) -> Reading:
        for _ in range(ticks - 1):
            self.reading()
        return self.reading()

    def kinds(self) -> list[str]:
        return [event.kind for event in self.reading().events]


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[Bus]:
    with Bus(tmp_path / "bus") as bus:
        yield bus


@pytest.fixture
def plugged(monkeypatch: pytest.MonkeyPatch) -> FakeInput:
    plugged = FakeInput()
    monkeypatch.setitem(sys.modules, "evdev", plugged.library())
    return plugged


@pytest.fixture
def keyboard(plugged: FakeInput, bus: Bus) -> Iterator[Read]:
    del plugged
    device = make(Config(device=Path("/dev/input/keyboard")), ROBOT, bus)
    device.open()
    yield Read(device)
    device.close()


def test_a_held_key_moves_a_joint_until_it_is_released(keyboard: Read, plugged: FakeInput) -> None:
    keyboard.reading()
    plugged.press("KEY_W")
    moved = keyboard.after(20)
    assert moved.joints == ROBOT.joints[:7]
    assert moved.relative
    assert moved.position[0] > ROBOT.home[0] + 0.02
    plugged.repeat("KEY_W")
    plugged.release("KEY_W")
    keyboard.after(150)
    assert keyboard.reading().position == pytest.approx(keyboard.reading().position, abs=1e-6)


def test_two_keys_against_each_other_move_nothing(keyboard: Read, plugged: FakeInput) -> None:
    keyboard.reading()
    plugged.press("KEY_W", "KEY_S")
    assert keyboard.after(20).position == pytest.approx(ROBOT.home[:7])


def test_the_gripper_has_keys_of_its_own(keyboard: Read, plugged: FakeInput) -> None:
    keyboard.reading()
    plugged.press("KEY_H")
    assert keyboard.after(10).position[-1] > ROBOT.home[6]


def test_keys_ask_once_for_what_they_stand_for(keyboard: Read, plugged: FakeInput) -> None:
    plugged.press("KEY_ENTER")
    plugged.repeat("KEY_ENTER")
    assert keyboard.kinds() == ["toggle"]
    assert keyboard.kinds() == []
    plugged.press("KEY_B", "KEY_Y")
    assert keyboard.kinds() == ["rewind", "success"]


def test_tab_moves_the_other_arm(keyboard: Read, plugged: FakeInput) -> None:
    plugged.press("KEY_TAB")
    assert keyboard.reading().joints == ROBOT.joints[7:]
    assert "right" in keyboard.device.note()


def test_a_keyboard_is_nobody_elses(keyboard: Read, plugged: FakeInput) -> None:
    keyboard.reading()
    assert plugged.grabs == 1


def test_without_a_model_keys_move_joints_whatever_is_asked(
    keyboard: Read, plugged: FakeInput
) -> None:
    plugged.press("KEY_M")
    keyboard.reading()
    assert "joints" in keyboard.device.note()


def test_events_that_were_lost_leave_no_key_held(keyboard: Read, plugged: FakeInput) -> None:
    plugged.press("KEY_W")
    keyboard.after(5)
    plugged.drop()
    keyboard.after(150)
    assert keyboard.reading().position == pytest.approx(keyboard.reading().position, abs=1e-6)


def test_an_unplugged_keyboard_says_nothing_until_it_is_back(
    keyboard: Read, plugged: FakeInput
) -> None:
    plugged.press("KEY_W")
    keyboard.reading()
    plugged.absent = True
    plugged.unplug()
    assert keyboard.tick() is None
    assert "No such device" in keyboard.device.note()
    keyboard.now_ns += 10**9
    assert keyboard.tick() is None
    assert "is it plugged in" in keyboard.device.note()
    plugged.absent = False
    assert keyboard.tick() is None  # not every tick is a look
    keyboard.now_ns += 10**9
    assert keyboard.tick() is not None
    assert "moves the left joints" in keyboard.device.note()


def test_a_keyboard_that_is_not_there_is_told_with_a_remedy(plugged: FakeInput, bus: Bus) -> None:
    plugged.absent = True
    with pytest.raises(DeviceError, match="group `input`"):
        make(Config(device=Path("/dev/input/none")), ROBOT, bus).open()


def test_without_the_library_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, bus: Bus
) -> None:
    monkeypatch.setitem(sys.modules, "evdev", None)
    with pytest.raises(DeviceError, match=r"evenhand\[pedal\]"):
        make(Config(device=Path("/dev/input/none")), ROBOT, bus).open()


@pytest.mark.parametrize("options", [{}, {"device": Path("a"), "tty": Path("b")}])
def test_a_keyboard_is_one_or_the_other(options: dict[str, Path]) -> None:
    with pytest.raises(ValidationError, match="either a `device`"):
        Config.model_validate(options)


# -- a terminal of its own ---------------------------------------------------------------------


class Typist:
    """Somebody at a terminal; closing it is leaving."""

    def __init__(self) -> None:
        self._person, self.terminal = os.openpty()
        self.path = Path(os.ttyname(self.terminal))

    def type(self, data: bytes) -> None:
        os.write(self._person, data)

    def close(self) -> None:
        if self._person >= 0:
            os.close(self._person)
            os.close(self.terminal)
            self._person = -1


@pytest.fixture
def typist() -> Iterator[Typist]:
    typist = Typist()
    yield typist
    typist.close()


@pytest.fixture
def terminal(typist: Typist, bus: Bus) -> Iterator[Read]:
    device = make(Config(tty=typist.path), ROBOT, bus)
    device.open()
    yield Read(device)
    device.close()


def test_a_typed_key_counts_as_held_for_a_moment(terminal: Read, typist: Typist) -> None:
    terminal.reading()
    typist.type(b"w")
    moved = terminal.after(15).position[0]
    assert moved > ROBOT.home[0] + 0.01
    terminal.after(150)
    assert terminal.reading().position == pytest.approx(terminal.reading().position, abs=1e-6)


def test_a_repeated_key_asks_once(terminal: Read, typist: Typist) -> None:
    typist.type(b"\r")
    assert terminal.kinds() == ["toggle"]
    typist.type(b"\n")
    assert terminal.kinds() == []
    terminal.now_ns += 10**9
    typist.type(b"\n")
    assert terminal.kinds() == ["toggle"]


def test_a_terminal_is_left_as_it_was(typist: Typist, bus: Bus) -> None:
    before = termios.tcgetattr(typist.terminal)
    device = make(Config(tty=typist.path), ROBOT, bus)
    device.open()
    assert termios.tcgetattr(typist.terminal) != before
    device.close()
    assert termios.tcgetattr(typist.terminal) == before
    assert Read(device).tick() is None


def test_a_terminal_that_is_closed_is_lost(terminal: Read, typist: Typist) -> None:
    typist.close()
    assert terminal.tick() is None
    assert "was closed" in terminal.device.note()


def test_what_is_no_terminal_is_told_with_a_remedy(tmp_path: Path, bus: Bus) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "nothing"):
        with pytest.raises(DeviceError, match="run `tty; sleep 1d` in it"):
            make(Config(tty=path), ROBOT, bus).open()
