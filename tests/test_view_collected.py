"""What the view and the log tell of people's commands and of the data that is collected."""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console
from test_view import NOW_NS, SIZES, beat, line_with, snapshot, text_of

from dashboard.recording import Told, told
from messaging.messages import Heartbeat, HumanCommand, SafetyState
from runtime.supervisor import Phase
from station.collected import commander
from station.ending import Finishing
from station.keys import KEYS
from station.lines import Lines, state_line
from station.process_rows import ProcessView, grouped
from station.view import Snapshot

JOURNAL = "recording episode_2026-11-21_17-40-00_000000"
RUNNING = SafetyState(NOW_NS, "running", 7, "all", 1.0, "policy")
TALLY = Counter(
    {("auto", "success"): 12, ("auto", "failure"): 3, ("intervention", "timeout"): 1}
    | {("demo", "aborted"): 2}
)


def recorder_beat(note: str = JOURNAL, **counters: int) -> Heartbeat:
    return replace(beat("recorder", 25, note=note), counters={"free_mb": 12_340, **counters})


def collecting(heartbeat: Heartbeat | None = None, phase: Phase = Phase.READY) -> Snapshot:
    """A launch with leaders, as many processes as there can be, all well."""
    now = snapshot()
    names = [name for name in now.processes if name != "journal"]
    names[4:4] = ["leader.left", "leader.right"]
    names += ["teleop", "finisher", "journal"]
    processes = {name: ProcessView(Phase.READY, beat(name, 100)) for name in names}
    del processes["twin"]  # whose arms need no leaders
    processes["recorder"] = ProcessView(phase, heartbeat or recorder_beat())
    assert now.status is not None
    status = replace(now.status, mode="human", commander="human")
    record = replace(now.record, tally=TALLY)
    return replace(
        now, processes=processes, status=status, record=record, safety=RUNNING, keys=KEYS
    )


def human(*joints: str, doing: str = "correct") -> HumanCommand:
    position = np.zeros(len(joints))
    return HumanCommand("leader", 1, NOW_NS, joints, position, True, False, doing)


@SIZES
def test_the_view_of_all_that_can_run_fits_the_terminal(width: int, height: int) -> None:
    shown = collecting()
    assert len(shown.processes) == 16
    lines = text_of(shown, width, height).splitlines()
    assert len(lines) <= height
    assert all(len(line) <= width for line in lines)


def test_the_view_tells_who_commands_what_was_kept_and_what_the_keys_do() -> None:
    shown = replace(collecting(), human=human("left_waist", "left_gripper"))
    text = text_of(shown, 80, 24)
    assert "human (left)" in line_with(text, "commands")
    assert "auto 12✓ 3✗ interv. 1◷ demo 2∅" in line_with(text, "kept")
    assert "● REC 12.3 GB" in text.splitlines()[0]
    keys = line_with(text, "Space stops")
    for word in ("t takeover", "b back up", "s success", "f fail", "n skip", "d discard", "u undo"):
        assert word in keys


def test_who_commands_is_told_with_the_arms_and_what_is_done() -> None:
    status = collecting().status
    assert commander(status, human("left_waist", "right_waist")) == "human (left, right)"
    assert commander(status, human("left_waist", doing="rewind")) == "human (left, backing up)"
    assert commander(status, None) == "human"
    assert commander(snapshot().status, human("left_waist")) == "policy"
    assert commander(None, None) == "-"


def test_processes_of_a_kind_share_a_row_only_where_room_is_short_and_all_is_well() -> None:
    shown = collecting()
    names = [row.name for row in grouped(shown.processes, NOW_NS, 99)]
    assert names == list(shown.processes)
    names = [row.name for row in grouped(shown.processes, NOW_NS, 13)]
    assert "camera x4" in names
    assert "arm.left" in names
    ill = {**shown.processes, "camera.cam_low": ProcessView(Phase.STALLED, beat("c", 3))}
    names = [row.name for row in grouped(ill, NOW_NS, 13)]
    assert {"camera x3", "camera.cam_low"} < set(names)
    restarted = {**shown.processes, "camera.cam_low": ProcessView(Phase.READY, beat("c", 3), 1)}
    assert "camera.cam_low" in [row.name for row in grouped(restarted, NOW_NS, 13)]


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        (
            collecting(recorder_beat("cannot write to /data: No space left")),
            "cannot write to /data",
        ),
        (collecting(recorder_beat(JOURNAL, lost=3)), "3 records lost"),
        (collecting(phase=Phase.DEAD), "nobody records"),
        (collecting(phase=Phase.STALLED), "the recorder is silent"),
    ],
)
def test_what_is_lost_is_told_in_the_first_line_and_in_the_log(shown: Snapshot, words: str) -> None:
    assert words in text_of(shown, 120, 40).splitlines()[0]
    assert words in state_line(shown)


def test_a_launch_that_collects_nothing_says_nothing_of_it() -> None:
    assert "kept" not in text_of(snapshot())
    assert "recorder" not in state_line(snapshot())


@pytest.mark.parametrize(("width", "height"), [(80, 24)])
def test_the_last_wait_is_for_the_dataset_and_may_be_ended(width: int, height: int) -> None:
    finishing = Finishing(2, 5, "finishing episode 3, 40 %")
    text = text_of(replace(collecting(), finishing=finishing), width, height)
    assert "2 of 5 episodes finished: finishing episode 3, 40 %" in text
    assert "Ctrl-C ends the waiting" in text
    out = io.StringIO()
    Lines(Console(file=out, width=200)).show(replace(collecting(), finishing=finishing))
    assert "2 of 5 episodes finished: finishing episode 3, 40 %" in out.getvalue()


def test_of_a_recorders_note_all_but_its_work_is_trouble() -> None:
    note = f"cannot write to /data: gone; {JOURNAL}; only 3.0 GB left on the disk"
    said = told(recorder_beat(note, frames_missed=2, ticks_missed=0))
    assert said == Told(
        work=JOURNAL,
        troubles=(
            "cannot write to /data: gone",
            "only 3.0 GB left on the disk",
            "2 frames missed",
        ),
        free_gb=12.34,
    )
    assert told(None) == Told()
    assert told(beat("finisher", 20)) == Told()
