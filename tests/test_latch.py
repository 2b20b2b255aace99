"""What outlives the safety process, whatever happens to it or to its file."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from safety import latch
from safety.cause import Cause
from safety.config import SafetyConfig
from safety.facts import ArmFact, Facts
from safety.latch import LatchError, latched, restored
from safety.state import State, permitted, stepped, stopped

FRESH = State(epoch=1000, seq=5000)
FACTS = Facts(7, "noon", arms={"left": ArmFact(0, 0, 0)})
FAULT = Cause(10, "left", "arm left: a motor is limp")


def a_stop(kind: str = "hold") -> State:
    return stopped(replace(FRESH, speed=0.5, drawn=17), (FAULT,), kind, FACTS, "alice")


def test_nothing_written_is_disarmed(tmp_path: Path) -> None:
    assert restored(tmp_path / latch.NAME, FRESH, FACTS) == FRESH


def test_a_stop_is_found_again_with_its_event_and_causes(tmp_path: Path) -> None:
    path = tmp_path / latch.NAME
    latch.write(path, latched(a_stop()))
    state = restored(path, replace(FRESH, epoch=2000, seq=9000), FACTS)
    assert (state.phase, state.event, state.speed) == ("stopped", a_stop().event, 0.5)
    assert (state.epoch, state.seq, state.drawn) == (2000, 9000, a_stop().drawn)
    assert state.stop
    assert state.stop.causes == (FAULT,)
    assert (state.stop.by, state.stop.at, state.stop.seq) == ("alice", "noon", 9001)
    assert list(tmp_path.iterdir()) == [path]
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("kind", ["rest_then_off", "cut"])
def test_neither_a_way_to_rest_nor_a_cut_is_gone_on_with(tmp_path: Path, kind: str) -> None:
    path = tmp_path / latch.NAME
    latch.write(path, latched(a_stop(kind)))
    state = restored(path, FRESH, FACTS)
    assert state.stop
    assert (state.stop.kind, state.motion, state.order) == (kind, "none", "")
    heard = replace(FACTS, arms={"left": ArmFact(99999, 7, 7)})
    later = stepped(permitted(state, heard)[0], heard, SafetyConfig())
    assert (later.motion, later.order) == ("none", "")


@pytest.mark.parametrize("phase", ["testing", "armed", "running"])
def test_who_died_while_something_could_move_begins_stopped(tmp_path: Path, phase: str) -> None:
    path = tmp_path / latch.NAME
    latch.write(path, latched(replace(FRESH, phase=phase)))
    state = restored(path, FRESH, FACTS)
    assert state.phase == "stopped"
    assert state.stop
    assert state.stop.causes[0].row == 6
    assert f"died while the robot was {phase}" in state.stop.causes[0].text


def test_who_died_disarmed_begins_disarmed_with_its_speed(tmp_path: Path) -> None:
    path = tmp_path / latch.NAME
    latch.write(path, latched(replace(FRESH, speed=0.3, drawn=8)))
    assert restored(path, FRESH, FACTS) == replace(FRESH, speed=0.3, drawn=8)


def good(**wrong: Any) -> bytes:
    fields = {"phase": "disarmed", "stop": None, "speed": 1.0, "drawn": 0}
    return json.dumps(fields | wrong).encode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        good(phase="flying"),
        good(phase="stopped"),
        good(phase=3),
        good(speed=0.0),
        good(speed=2.0),
        good(drawn=10000),
        good(drawn=-1),
        good(stop={}),
        b'{"phase": "disarmed"}',
    ],
)
def test_a_damaged_file_is_a_stop(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / latch.NAME
    path.write_bytes(content)
    with pytest.raises(LatchError):
        latch.read(path)
    state = restored(path, FRESH, FACTS)
    assert state.stop
    assert state.stop.causes[0].text.startswith("latch file damaged")


@pytest.mark.parametrize("wrong", [{"kind": "party"}, {"event": ""}])
def test_a_stop_that_makes_no_sense_is_a_damaged_file(
    tmp_path: Path, wrong: dict[str, str]
) -> None:
    path = tmp_path / latch.NAME
    latch.write(path, latched(a_stop()))
    content = json.loads(path.read_text(encoding="utf-8"))
    content["stop"] |= wrong
    path.write_text(json.dumps(content), encoding="utf-8")
    assert restored(path, FRESH, FACTS).phase == "stopped"
    with pytest.raises(LatchError, match="damaged"):
        latch.read(path)


def test_a_file_that_cannot_be_read_is_a_stop(tmp_path: Path) -> None:
    (tmp_path / latch.NAME).mkdir()
    assert restored(tmp_path / latch.NAME, FRESH, FACTS).phase == "stopped"


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=200))
def test_no_bytes_at_all_let_the_robot_begin_armed(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / latch.NAME
    path.write_bytes(content)
    assert restored(path, FRESH, FACTS).motion == "none"


def test_what_cannot_be_written_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / latch.NAME
    latch.write(path, latched(a_stop()))

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        latch.write(path, latched(FRESH))
    assert restored(path, FRESH, FACTS).phase == "stopped"
