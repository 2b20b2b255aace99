"""What a foot asks for: takeover, back up, labels; and pedals that are not there."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_evdev import FakeInput
from pydantic import ValidationError

from teleop.device import DeviceError, Event
from teleop.pedals import PedalConfig, Pedals

SECOND_NS = 1_000_000_000
KEYS = {"KEY_W": "toggle", "KEY_B": "rewind", "KEY_S": "success"}


def config(**keys: str) -> PedalConfig:
    return PedalConfig(device=Path("/dev/input/foot"), keys=keys or KEYS)


@pytest.fixture
def plugged(monkeypatch: pytest.MonkeyPatch) -> FakeInput:
    plugged = FakeInput()
    monkeypatch.setitem(sys.modules, "evdev", plugged.library())
    return plugged


@pytest.fixture
def pedals(plugged: FakeInput) -> Iterator[Pedals]:
    del plugged
    pedals = Pedals({"left_foot": config()})
    pedals.open()
    yield pedals
    pedals.close()


def test_each_press_asks_once_and_other_keys_for_nothing(
    pedals: Pedals, plugged: FakeInput
) -> None:
    plugged.press("KEY_W", "KEY_G")
    plugged.repeat("KEY_W")
    plugged.press("KEY_S")
    assert pedals.events(0) == (Event("toggle"), Event("success"))
    plugged.release("KEY_W", "KEY_S")
    assert pedals.events(0) == ()
    assert plugged.grabs == 1, "no other program hears it"


def test_a_pedal_that_is_pulled_out_is_named_and_found_again(
    pedals: Pedals, plugged: FakeInput
) -> None:
    plugged.unplug()
    plugged.absent = True
    assert pedals.events(0) == ()
    assert pedals.note().startswith("pedal left_foot: /dev/input/foot is gone")
    assert pedals.events(SECOND_NS) == ()
    plugged.absent = False
    pedals.events(2 * SECOND_NS)
    assert pedals.note() == ""
    plugged.press("KEY_B")
    assert pedals.events(2 * SECOND_NS) == (Event("rewind"),)


def test_a_pedal_that_is_not_there_at_the_start_is_refused_with_a_remedy(
    plugged: FakeInput,
) -> None:
    plugged.absent = True
    with pytest.raises(DeviceError, match=r"/dev/input/foot .* is it plugged in"):
        Pedals({"left_foot": config()}).open()


def test_a_pedal_without_the_key_is_refused(plugged: FakeInput) -> None:
    plugged.keys.remove("KEY_B")
    pedals = Pedals({"left_foot": config()})
    with pytest.raises(DeviceError, match="has no KEY_B"):
        pedals.open()
    pedals.close()


def test_a_key_asks_for_what_there_is() -> None:
    with pytest.raises(ValidationError, match="KEY_W: no request 'takover'; there are takeover"):
        config(KEY_W="takover")
