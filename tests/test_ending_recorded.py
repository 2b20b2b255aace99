"""The end of a run that recorded: it waits for its dataset, and tells what that lacks."""

from __future__ import annotations

import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from test_ending import Hands, drive

from messaging.messages import Heartbeat
from recorder.journal import HEADER
from recorder.layout import JOURNALS
from station.config import load, robot_file
from station.ending import FINISHER, Finishing
from station.hardware import decided
from station.station import Options, Station
from station.view import Snapshot


def collecting(directory: Path) -> tuple[Station, Hands]:
    """Return a station that records to `directory`, where a journal waits, and a finisher."""
    settings = [f"runs={directory / 'runs'}", f"recorder.directory={directory / 'cube'}"]
    config = decided(load(robot_file("aloha"), ["policy=scripted", *settings]))
    journal = directory / "cube" / JOURNALS / "episode_1"
    journal.mkdir(parents=True)
    (journal / HEADER).touch()
    hands = Hands()
    note = Heartbeat(FINISHER, 1, 0, True, 1, 20.0, 0.0, 0.0, {}, "cannot finish episode_1: full")
    hands.children[FINISHER] = replace_heartbeat(hands.children["controller"], note)
    return Station(config, Options(seed=0, episodes=1, duration_s=None, launched_ns=0)), hands


def replace_heartbeat(child: Any, heartbeat: Heartbeat) -> Any:
    return SimpleNamespace(**{**vars(child), "heartbeat": heartbeat})


def test_the_dataset_is_waited_for_until_ctrl_c_and_what_it_lacks_is_told(tmp_path: Path) -> None:
    station, hands = collecting(tmp_path)
    waited: list[Snapshot] = []

    class Impatient:
        def show(self, snapshot: Snapshot) -> None:
            if snapshot.finishing:
                waited.append(snapshot)
                station._ending.interrupt(signal.SIGINT, None)

    station._ending.interrupt(signal.SIGINT, None)
    drive(station, hands, Impatient())
    (snapshot,) = waited
    assert snapshot.finishing == Finishing(0, 1, "cannot finish episode_1: full")
    assert hands.stopped[-1] == FINISHER
    assert "finisher: cannot finish episode_1: full" in station.record.losses
    assert any("1 journal is not finished yet" in loss for loss in station.record.losses)
