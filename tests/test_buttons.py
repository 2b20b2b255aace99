"""Buttons, from the contact to the request for a stop."""

import os
import queue
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_safety import CALM, STOPPED, FakeSafety
from notes import noted

from messaging.transport import Bus
from runtime.plugins import UnknownNameError
from runtime.process import Context
from safety.button import ButtonError
from safety.button_main import Config, main
from safety.buttons.gpio import Config as GpioConfig
from safety.buttons.gpio import GpioButton

pytestmark = pytest.mark.realtime

DOOR = "button.door"


@pytest.fixture
def pin(tmp_path: Path) -> Path:
    path = tmp_path / "value"
    path.write_text("0\n", encoding="utf-8")
    return path


def become(pin: Path, value: str) -> None:
    """Change what the pin says in one step, as the system does."""
    with pin.open("r+b", buffering=0) as file:
        file.write(value.encode())


@pytest.fixture
def safety(tmp_path: Path) -> Iterator[FakeSafety]:
    with FakeSafety(tmp_path / "bus") as safety:
        yield safety


@contextmanager
def listening(directory: Path, **options: Any) -> Iterator[None]:
    """Run the process of a gpio button in a thread, once it has beaten."""
    config = Config(name="door", plugin="gpio", plugin_config=options)
    with Bus(directory) as bus:
        context = Context(DOOR, bus)
        thread = threading.Thread(target=main, args=(config, context))
        thread.start()
        try:
            noted(directory, DOOR, bool)
            yield
        finally:
            context.stop()
            thread.join()


def test_an_open_contact_stops_the_robot_and_says_so(
    tmp_path: Path, pin: Path, safety: FakeSafety
) -> None:
    with listening(tmp_path / "bus", path=str(pin)):
        became_ns = time.monotonic_ns()
        become(pin, "1")
        request = safety.next_request()
        assert not noted(tmp_path / "bus", DOOR, lambda note: note == "PRESSED").ready
        become(pin, "0")
        assert noted(tmp_path / "bus", DOOR, lambda note: note == "OK").ready
    assert (request.kind, request.who) == ("stop", "button door")
    assert (request.t_ns - became_ns) * 1e-9 < 1.0


def test_a_normally_closed_button_that_loses_its_device_stops_the_robot(
    tmp_path: Path, pin: Path, safety: FakeSafety
) -> None:
    with listening(tmp_path / "bus", path=str(pin)):
        become(pin, "?")
        assert "out of reach" in safety.next_request().reason
        assert not noted(tmp_path / "bus", DOOR, lambda note: note.startswith("LOST: ")).ready
        become(pin, "0")
        noted(tmp_path / "bus", DOOR, lambda note: note == "OK")


def test_another_button_that_loses_its_device_is_warned_of(
    tmp_path: Path, pin: Path, safety: FakeSafety
) -> None:
    with listening(tmp_path / "bus", path=str(pin), normally_closed=False, closed="1"):
        become(pin, "?")
        assert noted(tmp_path / "bus", DOOR, lambda note: note.startswith("LOST: ")).ready
    assert safety.asked.empty()


def test_a_lost_button_stops_nothing_that_is_disarmed_but_what_is_then_armed(
    tmp_path: Path, pin: Path, safety: FakeSafety
) -> None:
    safety.state = replace(CALM, phase="disarmed")
    with listening(tmp_path / "bus", path=str(pin)):
        become(pin, "?")
        noted(tmp_path / "bus", DOOR, lambda note: note.startswith("LOST: "))
        assert safety.asked.empty()
        safety.state = replace(CALM, phase="testing")
        assert safety.next_request().kind == "stop"


def test_a_button_held_through_a_reset_stops_again(
    tmp_path: Path, pin: Path, safety: FakeSafety
) -> None:
    with listening(tmp_path / "bus", path=str(pin)):
        become(pin, "1")
        safety.next_request()
        safety.state = replace(CALM, phase="disarmed")
        safety.next_request()


def test_a_press_that_safety_does_not_answer_is_warned_of(
    tmp_path: Path, pin: Path, safety: FakeSafety
) -> None:
    safety.deaf = True
    with listening(tmp_path / "bus", path=str(pin)):
        become(pin, "1")
        noted(tmp_path / "bus", DOOR, lambda note: "does not answer" in note)
        safety.deaf = False
        safety.next_request()
        noted(tmp_path / "bus", DOOR, lambda note: note == "PRESSED")


def test_a_button_that_is_not_there_at_the_start_ends_its_process(
    tmp_path: Path, safety: FakeSafety
) -> None:
    config = Config(name="door", plugin="gpio", plugin_config={"path": str(tmp_path / "none")})
    with Bus(tmp_path / "bus") as bus, pytest.raises(ButtonError, match="none"):
        main(config, Context(DOOR, bus))
    assert safety.next_request().kind == "stop"  # the robot may have been running


def test_an_unknown_plugin_is_refused_with_the_near_miss(tmp_path: Path) -> None:
    with Bus(tmp_path / "bus") as bus, pytest.raises(UnknownNameError, match="Did you mean 'gpio'"):
        main(Config(name="door", plugin="gpoi"), Context(DOOR, bus))


@pytest.mark.parametrize(
    ("normally_closed", "closed", "said", "pressed"),
    [
        (True, "0", "0", False),
        (True, "0", "1", True),
        (True, "1", "1", False),
        (True, "1", "0", True),
        (False, "0", "0", True),
        (False, "0", "1", False),
        (False, "1", "1", True),
        (False, "1", "0", False),
    ],
)
def test_what_counts_as_pressed(
    pin: Path, normally_closed: bool, closed: Any, said: str, pressed: bool
) -> None:
    become(pin, said)
    button = GpioButton(GpioConfig(path=pin, closed=closed, normally_closed=normally_closed))
    button.open()
    assert button.wait(0.0) is pressed
    assert button.wait(0.0) is pressed
    assert button.condition().loss_stops is normally_closed
    button.close()


def test_a_press_that_is_over_before_it_is_looked_at_counts(
    pin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: queue.SimpleQueue[list[tuple[int, int]]] = queue.SimpleQueue()

    class Interrupts:
        def register(self, file: int, mask: int) -> None:
            """Nothing to do."""

        def poll(self, _timeout_ms: float) -> list[tuple[int, int]]:
            return events.get_nowait()

    monkeypatch.setattr("select.poll", Interrupts)
    button = GpioButton(GpioConfig(path=pin))
    button.open()
    for happened in ([], [(3, 2)], []):
        events.put(happened)
    assert [button.wait(0.04) for _ in range(3)] == [False, True, False]
    button.close()


def test_a_file_that_is_gone_is_found_again(pin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("safety.button_device._LOOK_AGAIN_NS", 0)
    button = GpioButton(GpioConfig(path=pin))
    button.open()
    become(pin, "x")
    assert not button.wait(0.0)
    assert "expected 0 or 1" in button.condition().lost
    pin.rename(pin.with_suffix(".away"))
    assert not button.wait(0.0)
    assert "No such file" in button.condition().lost
    become_away = pin.with_suffix(".away")
    become(become_away, "1")
    become_away.rename(pin)
    assert button.wait(0.0)
    assert button.condition().lost == ""
    button.close()
    button.close()


def test_no_file_stays_open(pin: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 # a Path would not show its own
    button = GpioButton(GpioConfig(path=pin))
    button.open()
    become(pin, "x")
    button.wait(0.0)
    button.wait(0.0)
    button.close()
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


def test_a_stopped_robot_is_asked_to_stop_by_a_new_press_all_the_same(
    tmp_path: Path, pin: Path, safety: FakeSafety
) -> None:
    safety.state = STOPPED
    with listening(tmp_path / "bus", path=str(pin)):
        become(pin, "1")
        assert safety.next_request().kind == "stop"
