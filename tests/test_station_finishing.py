"""The run waits for its dataset as long as that gets on, and no longer than people want."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from recorder.journal import HEADER
from recorder.layout import JOURNALS
from runtime.supervisor import Phase
from station import ending
from station.ending import FINISHER, Finishing, finished, stop_all, unfinished


def journals_in(directory: Path, count: int) -> list[Path]:
    folders = [directory / JOURNALS / f"episode_{number}" for number in range(count)]
    for folder in folders:
        folder.mkdir(parents=True)
        (folder / HEADER).touch()
    return folders


@dataclass
class Finisher:
    """A supervisor whose finisher does something at each look."""

    work: Callable[[Finisher], None]
    phase: Phase = Phase.READY
    looks: int = 0
    stopping: bool = False
    stopped: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.heartbeat = SimpleNamespace(note="", counters={})
        names = ("button.pedal", "safety", "teleop", "arm.left", "twin", "recorder", "journal")
        self.children: dict[str, Any] = dict.fromkeys((*names, FINISHER), self)

    def poll(self, _timeout_s: float) -> list[object]:
        self.looks += 1
        self.work(self)
        return []

    def stop(self, names: list[str]) -> None:
        self.stopped += names


def waited(finisher: Finisher, directory: Path, *, most: int = 1000) -> list[Finishing]:
    supervisor = cast("Any", finisher)
    return list(finished(supervisor, directory, lambda: finisher.looks >= most))


def test_every_journal_is_waited_for(tmp_path: Path) -> None:
    folders = journals_in(tmp_path, 3)

    def work(finisher: Finisher) -> None:
        finisher.heartbeat.note = f"finishing episode {finisher.looks}"
        (folders[finisher.looks - 1] / HEADER).unlink()

    assert waited(Finisher(work), tmp_path) == [
        Finishing(1, 3, "finishing episode 1"),
        Finishing(2, 3, "finishing episode 2"),
        Finishing(3, 3, "finishing episode 3"),
    ]
    assert unfinished(tmp_path) == ""


def test_without_journals_nobody_waits(tmp_path: Path) -> None:
    assert waited(Finisher(lambda _: None), tmp_path) == []


def test_ctrl_c_ends_the_waiting_and_what_is_left_is_told(tmp_path: Path) -> None:
    journals_in(tmp_path, 2)
    assert len(waited(Finisher(lambda _: None), tmp_path, most=4)) == 4
    assert "2 journals are not finished yet: nothing is lost" in unfinished(tmp_path)
    assert f"python -m recorder repair {tmp_path}" in unfinished(tmp_path)


def test_a_journal_of_which_no_episode_can_be_made_is_not_waited_for(tmp_path: Path) -> None:
    journals_in(tmp_path, 2)

    def work(finisher: Finisher) -> None:
        finisher.heartbeat.counters["refused"] = finisher.looks

    assert len(waited(Finisher(work), tmp_path)) == 2


def test_a_finisher_that_died_is_not_waited_for(tmp_path: Path) -> None:
    journals_in(tmp_path, 1)

    def work(finisher: Finisher) -> None:
        finisher.phase = Phase.DEAD

    assert len(waited(Finisher(work), tmp_path)) == 1
    assert "1 journal is not finished yet" in unfinished(tmp_path)


def test_a_finisher_that_gets_no_further_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journals_in(tmp_path, 1)
    monkeypatch.setattr(ending, "_SILENT_NS", 0)
    assert waited(Finisher(lambda _: None), tmp_path) == []


def test_whoever_collects_is_stopped_in_order_and_the_finisher_is_left() -> None:
    finisher = Finisher(lambda _: None)
    stop_all(cast("Any", finisher))
    assert finisher.stopping
    assert finisher.stopped == [
        *("button.pedal", "safety", "teleop", "arm.left", "twin", "recorder", "journal")
    ]
