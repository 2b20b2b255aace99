"""A run as lines for a log: each fits, each is news, and what matters is there."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from test_view import NOW_NS, RUNNING, START_NS, STOPPED, snapshot
from test_view_collected import collecting, human, recorder_beat

from runtime.supervisor import Phase
from station.lines import Lines, fitted, state_line
from station.process_rows import ProcessView
from station.record import EpisodeOutcome, RunEvent, RunRecord, clock
from station.view import Snapshot

SECOND_NS = 1_000_000_000


def told(*shown: Snapshot) -> list[str]:
    """Return the lines of a log that was shown these moments one after the other."""
    output = io.StringIO()
    lines = Lines(Console(file=output))
    for moment in shown:
        lines.show(moment)
    return output.getvalue().splitlines()


def well(*events: RunEvent, episodes: int = 0) -> Snapshot:
    """Return a moment in which all is well, after these events."""
    had = [EpisodeOutcome(n, n, "lift", n != 1, 7.3) for n in range(episodes)]
    record = RunRecord("aloha", "flow", 0, "now", START_NS, episodes=had, events=list(events))
    processes = {name: ProcessView(Phase.READY) for name in ("twin", "controller")}
    return replace(
        snapshot(), processes=processes, record=record, safety=RUNNING, stage="running", episodes=20
    )


def test_each_episode_is_one_line_with_its_number_and_how_many_succeeded() -> None:
    lines = told(well(episodes=1), well(episodes=3))
    assert [line[6:] for line in lines if "episode" in line] == [
        "episode 1 of 20: success in 7.3 s (1 of 1)",
        "episode 2 of 20: no success in 7.3 s (1 of 2)",
        "episode 3 of 20: success in 7.3 s (2 of 3)",
    ]


def test_an_event_is_told_with_its_time_and_a_long_one_is_wrapped_and_cut() -> None:
    cause = "arm.left died (" + "its port is gone: its cable or adapter was unplugged; " * 12 + ")"
    lines = told(well(RunEvent(START_NS + 65 * SECOND_NS, "station", cause)))
    assert lines[0].startswith("01:05 station: arm.left died (its port is gone")
    assert all(len(line) <= 100 for line in lines)
    assert "events.jsonl" in lines[2]
    assert sum("unplugged" in line for line in lines) <= 3


def test_what_every_start_brings_is_no_line_and_markup_is_text() -> None:
    routine = [RunEvent(START_NS, name, "starting pid 7", routine=True) for name in ("a", "safety")]
    lines = told(well(*routine, RunEvent(START_NS, "twin", "dead: [bold]exit 1[/bold]")))
    assert "starting pid" not in "".join(lines)
    assert lines[0] == "00:00 twin: dead: [bold]exit 1[/bold]"


def test_the_same_over_and_over_is_told_once_and_counted_but_every_stop_is_told() -> None:
    events = [RunEvent(START_NS + n, "controller", f"holds: silent {n} ms") for n in range(200)]
    events += [RunEvent(START_NS + n, "safety", f"stop 48{n:02d}: a cause") for n in range(3)]
    lines = told(well(*events))
    assert sum("holds" in line for line in lines) == 1
    assert sum("a cause" in line for line in lines) == 3
    assert any("199 events that repeat" in line for line in lines)


def test_other_events_are_each_told_once_however_many_there_are() -> None:
    words = [f"event {'x' * n}." for n in range(1, 60)]
    shown = well()
    moments = []
    for word in words:
        shown.record.note(RunEvent(START_NS, "camera.cam_high", word))
        moments.append(replace(shown, record=replace(shown.record, events=[*shown.record.events])))
    lines = [line for line in told(*moments) if "event x" in line]
    assert lines == [f"00:00 camera.cam_high: {word}" for word in words]


def test_the_state_is_told_now_and_then_only() -> None:
    assert len(told(*[well()] * 100)) == 1


def test_a_takeover_and_a_hand_back_are_told_at_once() -> None:
    policy = well()
    assert policy.status is not None
    person = replace(policy, status=replace(policy.status, commander="human"))
    nobody = replace(policy, status=replace(policy.status, commander="hold"))
    lines = told(policy, person, person, nobody, policy, policy)
    assert [line.split("  ")[1].split()[0] for line in lines] == ["policy", "human", "policy"]


def test_the_state_of_a_run_under_way_begins_with_what_it_does() -> None:
    line = state_line(well(episodes=3))
    assert line.startswith("running  policy commands  2 of 3 succeeded  inference 118 ms")
    assert "rate 0.70" in line


def test_who_is_waited_for_is_named_but_not_everybody() -> None:
    processes = {name: ProcessView(Phase.STARTING) for name in ("a", "b", "c", "d", "e")}
    shown = replace(well(), processes=processes, safety=None, status=None)
    assert state_line(shown) == "waits for a, b, c and 2 more"


def test_a_stop_is_told_with_its_number_and_when_the_run_ends() -> None:
    shown = replace(well(), safety=STOPPED, stage="stopped, the run ends in 43 s")
    assert state_line(shown).startswith("stopped, the run ends in 43 s by event 4821")


def test_the_state_of_collecting_tells_commander_episodes_and_disk() -> None:
    line = state_line(replace(collecting(), human=human("right_waist")), 200)
    for fact in (
        "human (right) commands",
        "auto: 12 success, 3 failure; intervention: 1 timeout; demo: 2 aborted",
        "recording, 12.3 GB free",
    ):
        assert fact in line


@given(
    text=st.text(max_size=2000),
    width=st.integers(80, 200),
)
def test_whatever_is_told_fits(text: str, width: int) -> None:
    lines = fitted(f"00:00 arm.left: {text}", width)
    assert 1 <= len(lines) <= 3
    assert all(len(line) <= width for line in lines)
    shown = collecting(recorder_beat(text))
    assert len(state_line(replace(shown, stage=text[:30]), width)) <= width


@pytest.mark.parametrize(
    ("elapsed_s", "told"), [(-1, "00:00"), (83, "01:23"), (3599, "59:59"), (36_005, "10:00:05")]
)
def test_the_time_of_a_line(elapsed_s: int, told: str) -> None:
    assert clock(elapsed_s * SECOND_NS) == told


def test_the_moment_of_a_line_is_that_of_the_run() -> None:
    assert told(well())[-1].startswith(clock(NOW_NS - START_NS))
