"""What is noted of those who record: each trouble once, and all that was lost at the end."""

from __future__ import annotations

from dataclasses import replace

from messaging.messages import Heartbeat, SafetyState
from station.chronicle import Chronicle
from station.record import RunRecord

SECOND_NS = 1_000_000_000


def recorder(note: str = "", **counters: int) -> Heartbeat:
    return Heartbeat("recorder", 1, 0, True, 1, 25.0, 0.0, 0.0, counters, note)


def record() -> RunRecord:
    return RunRecord("aloha", "flow", 0, "now", 0)


def test_a_loss_that_grows_is_an_event_once_and_told_in_full_at_the_end() -> None:
    kept = record()
    chronicle = Chronicle(kept, 0)
    for lost in (0, 1, 5, 70):
        chronicle.recording([recorder(lost=lost), None], lost * SECOND_NS)
    assert [(event.source, event.text) for event in kept.events] == [("recorder", "1 records lost")]
    assert kept.losses == []
    chronicle.tell_losses()
    assert kept.losses == ["recorder: 70 records lost"]


def test_another_trouble_is_another_event() -> None:
    kept = record()
    chronicle = Chronicle(kept, 0)
    chronicle.recording([recorder("not recording: 1.0 GB free")], 0)
    chronicle.recording([recorder("recording episode_7")], SECOND_NS)
    chronicle.recording([recorder("cannot write to /data: gone")], 2 * SECOND_NS)
    assert [event.text for event in kept.events] == [
        "not recording: 1.0 GB free",
        "cannot write to /data: gone",
    ]


def test_the_death_of_the_recorder_is_a_loss() -> None:
    kept = record()
    Chronicle(kept, SECOND_NS).recorder_died("by signal SIGKILL", 31 * SECOND_NS)
    (loss,) = kept.losses
    assert loss.startswith("the recorder died 30 s after launch (by signal SIGKILL)")


def running(motion: str = "all", *, holds: str = "", waits: str = "") -> SafetyState:
    state = SafetyState(0, "running", 3, motion, 1.0, "policy")
    return replace(state, holds=(holds,) * bool(holds), waits=(waits,) * bool(waits))


def controller(note: str) -> Heartbeat:
    return Heartbeat("controller", 1, 0, True, 1, 100.0, 0.0, 0.0, note=note)


def test_a_stall_is_told_once_and_not_as_motors_that_are_silent() -> None:
    kept = record()
    chronicle = Chronicle(kept, 0)
    states = [
        (running(), ""),
        (running("none"), "left: no motor answers"),  # nobody knows yet why
        (running("none", holds="the machine stood still for 310 ms"), "left: no motor answers"),
        (running("none", holds="the machine stood still for 420 ms"), ""),
        (running(), ""),
    ]
    for state, note in states:
        chronicle.safety(state, 0)
        chronicle.controller(controller(note), 0)
    assert [(event.source, event.text) for event in kept.events] == [
        ("safety", "running"),
        ("robot", "holds: the machine stood still for 310 ms"),
        ("robot", "goes on"),
    ]


def test_a_view_that_is_waited_for_is_told_when_it_goes_and_when_it_is_back() -> None:
    kept = record()
    chronicle = Chronicle(kept, 0)
    for waits in ("", "cam_high is silent", "cam_high is silent", ""):
        chronicle.safety(running(waits=waits), 0)
    assert [event.text for event in kept.events][1:] == [
        "the policy waits: cam_high is silent",
        "goes on",
    ]


def test_why_the_controller_holds_is_told_where_nothing_else_explains_it() -> None:
    kept = record()
    chronicle = Chronicle(kept, 0)
    chronicle.safety(None, 0)
    for note in ("left: no motor answers", "left: no motor answers", ""):
        chronicle.controller(controller(note), 0)
    assert [event.text for event in kept.events] == ["holds: left: no motor answers", "goes on"]
