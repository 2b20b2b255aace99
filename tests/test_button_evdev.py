"""The foot pedal, through a library and a device that stand in for the real ones."""

import os
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import pytest
from pydantic import ValidationError

from safety.button import ButtonError
from safety.buttons.evdev import Config, EvdevButton, make

CODES = SimpleNamespace(
    EV_SYN=0, EV_KEY=1, SYN_DROPPED=3, ecodes={"KEY_A": 30, "KEY_B": 48, "EV_KEY": 1}
)
EVENT = struct.Struct("=HHi")
A, B = 30, 48


@dataclass(frozen=True)
class Event:
    type: int
    code: int
    value: int


class FakeDevice:
    """A pedal with the keys A and B, whose events come through a pipe."""

    made: ClassVar[list["FakeDevice"]] = []
    absent: ClassVar[bool] = False
    down: ClassVar[list[int]] = []  # as a new one finds them

    def __init__(self, path: str) -> None:
        if self.absent:
            raise FileNotFoundError(2, "No such file or directory", path)
        self.fd, self._feed = os.pipe()
        os.set_blocking(self.fd, False)
        self.grabbed = False
        self.held = list(self.down)
        self.made.append(self)

    def capabilities(self) -> dict[int, list[int]]:
        return {0: [0, 1], CODES.EV_KEY: [A, B]}

    def grab(self) -> None:
        self.grabbed = True

    def active_keys(self) -> list[int]:
        return self.held

    def read(self) -> Iterator[Event]:
        data = os.read(self.fd, 1024)
        if not data:
            raise OSError(19, "No such device")
        return (Event(*fields) for fields in EVENT.iter_unpack(data))

    def close(self) -> None:
        os.close(self.fd)
        self.unplug()

    def feed(self, *events: tuple[int, int, int]) -> None:
        os.write(self._feed, b"".join(EVENT.pack(*event) for event in events))

    def unplug(self) -> None:
        if self._feed >= 0:
            os.close(self._feed)
            self._feed = -1


@pytest.fixture(autouse=True)
def library(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in = SimpleNamespace(ecodes=CODES, InputDevice=FakeDevice)
    monkeypatch.setitem(sys.modules, "evdev", stand_in)
    monkeypatch.setattr(FakeDevice, "made", [])
    monkeypatch.setattr("safety.button_device._LOOK_AGAIN_NS", 0)


def pedal(keys: tuple[str, ...] = (), normally_closed: bool = False) -> EvdevButton:
    config = Config(device=Path("/dev/input/pedal"), keys=keys, normally_closed=normally_closed)
    return make(config, "pedal")


@pytest.fixture
def opened() -> Iterator[EvdevButton]:
    button = pedal()
    button.open()
    yield button
    button.close()


def press(code: int) -> tuple[int, int, int]:
    return CODES.EV_KEY, code, 1


def release(code: int) -> tuple[int, int, int]:
    return CODES.EV_KEY, code, 0


def test_a_pedal_is_pressed_until_it_is_released(opened: EvdevButton) -> None:
    (device,) = FakeDevice.made
    assert not opened.wait(0.0)
    device.feed(press(A), (CODES.EV_SYN, 0, 0))
    assert [opened.wait(0.0) for _ in range(3)] == [True, True, True]
    device.feed((CODES.EV_KEY, A, 2), release(A))
    assert [opened.wait(0.0) for _ in range(2)] == [True, False]
    assert device.grabbed


def test_a_press_as_short_as_may_be_counts(opened: EvdevButton) -> None:
    FakeDevice.made[0].feed(press(B), release(B))
    assert [opened.wait(0.0) for _ in range(2)] == [True, False]


def test_events_that_were_lost_may_have_been_a_press(opened: EvdevButton) -> None:
    device = FakeDevice.made[0]
    device.feed((CODES.EV_SYN, CODES.SYN_DROPPED, 0))
    assert [opened.wait(0.0) for _ in range(2)] == [True, False]
    device.held = [A]
    device.feed((CODES.EV_SYN, CODES.SYN_DROPPED, 0))
    assert [opened.wait(0.0) for _ in range(2)] == [True, True]


def test_only_the_named_keys_count() -> None:
    button = pedal(keys=("KEY_B",))
    button.open()
    FakeDevice.made[0].feed(press(A))
    assert not button.wait(0.0)
    FakeDevice.made[0].feed(press(B))
    assert button.wait(0.0)
    button.close()


def test_a_key_that_is_down_at_the_start_is_pressed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeDevice, "down", [A])
    button = pedal()
    button.open()
    assert button.wait(0.0)
    button.close()


def test_a_normally_closed_key_stops_when_it_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeDevice, "down", [A])
    button = pedal(keys=("KEY_A",), normally_closed=True)
    button.open()
    assert not button.wait(0.0)
    FakeDevice.made[0].feed(release(A), press(A))
    assert [button.wait(0.0) for _ in range(2)] == [True, False]
    assert button.condition().loss_stops
    button.close()


def test_a_pedal_that_is_unplugged_is_found_again(
    opened: EvdevButton, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeDevice, "absent", True)
    FakeDevice.made[0].unplug()
    assert not opened.wait(0.0)
    assert "No such device" in opened.condition().lost
    assert not opened.condition().loss_stops
    assert not opened.wait(0.0)
    assert "is it plugged in" in opened.condition().lost
    monkeypatch.setattr(FakeDevice, "absent", False)
    assert not opened.wait(0.0)
    assert opened.condition().lost == ""
    FakeDevice.made[1].feed(press(A))
    assert opened.wait(0.0)


def test_a_pedal_that_is_not_there_is_told_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeDevice, "absent", True)
    with pytest.raises(ButtonError, match="group `input`"):
        pedal().open()


def test_a_key_that_the_device_has_not_is_refused_naming_those_it_has() -> None:
    with pytest.raises(ButtonError, match="has no keys KEY_C; there are: KEY_A, KEY_B"):
        pedal(keys=("KEY_C",)).open()


def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "evdev", None)
    with pytest.raises(ButtonError, match=r"evenhand\[pedal\]"):
        pedal().open()


def test_a_normally_closed_pedal_names_its_keys() -> None:
    with pytest.raises(ValidationError, match="needs `keys`"):
        pedal(normally_closed=True)


def test_a_virtual_pedal_of_the_system_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "evdev")
    evdev = pytest.importorskip("evdev")
    if not os.access("/dev/uinput", os.W_OK):
        pytest.skip("no /dev/uinput to make a virtual pedal with")
    with evdev.UInput({evdev.ecodes.EV_KEY: [B]}) as virtual:
        button = EvdevButton(Config(device=Path(virtual.device.path), keys=("KEY_B",)))
        button.open()
        virtual.write(evdev.ecodes.EV_KEY, B, 1)
        virtual.syn()
        assert button.wait(5.0)
        button.close()
