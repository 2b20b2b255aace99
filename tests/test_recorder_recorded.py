"""Reading a journal: what counts, what is damaged, what is missing."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import recorder_scene
from recorder_scene import JOINTS, Scene, told

from messaging import codec
from messaging.messages import (
    ControlStatus,
    Directive,
    Frame,
    JointCommand,
    Message,
    SafetyState,
)
from recorder.catalogue import Catalogue
from recorder.dataset import Dataset
from recorder.finish import finished
from recorder.journal import STREAM_LOG, Journal, JournalError
from recorder.layout import RECAP, SafetyFlag
from recorder.log import Reading, packed
from recorder.recorded import EmptyEpisodeError, read

SCENE = Scene(seconds=0.5, cameras=("cam_high",))
Change = Callable[[str, Message], Message | None]


def changed(directory: Path, change: Change, *more: tuple[int, str, Message]) -> Journal:
    """Return the scene's journal with messages changed, left out where None, or added."""
    journal = recorder_scene.write(directory, SCENE)
    with (journal.folder / STREAM_LOG).open("wb") as file:
        for t_ns, stream, message in sorted([*told(SCENE), *more], key=lambda item: item[0]):
            if (kept := change(stream, message)) is not None:
                file.writelines(packed(stream, t_ns, codec.encode(kept)))
    return journal


def same(_: str, message: Message) -> Message:
    return message


def add(journal: Journal, stream: str, data: bytes) -> None:
    with (journal.folder / STREAM_LOG).open("ab") as file:
        file.writelines(packed(stream, 1, data))


def test_streams_that_nobody_knows_and_messages_that_do_not_decode_are_counted(
    tmp_path: Path,
) -> None:
    journal = recorder_scene.write(tmp_path, SCENE)
    add(journal, "gossip", b"whatever")
    add(journal, "joint_command", b"no message")
    reading = Reading()
    assert len(list(journal.said(reading=reading))) == len(told(SCENE))
    assert reading.damaged == 2


def test_a_journal_of_another_version_is_refused_by_name(tmp_path: Path) -> None:
    journal = recorder_scene.write(tmp_path, SCENE)
    add(journal, "joint_command", codec.encode(Directive(1, "run", 1, "")))
    with pytest.raises(JournalError, match="written by another version"):
        list(journal.said())


def test_an_arm_that_never_reported_is_named(tmp_path: Path) -> None:
    journal = changed(tmp_path, lambda stream, said: None if stream.endswith(".right") else said)
    with pytest.raises(EmptyEpisodeError, match="no measured joints of right"):
        read(journal)


def test_commands_of_other_joints_are_no_ticks(tmp_path: Path) -> None:
    def fewer(_: str, said: Message) -> Message:
        return replace(said, joints=JOINTS[:7]) if isinstance(said, JointCommand) else said

    with pytest.raises(EmptyEpisodeError, match="no control tick"):
        read(changed(tmp_path, fewer))


def test_ticks_that_nobody_has_are_counted(tmp_path: Path) -> None:
    def some(_: str, said: Message) -> Message | None:
        return None if isinstance(said, ControlStatus) and said.seq in (20, 21) else said

    assert read(changed(tmp_path, some)).ticks_lost == 2


def test_stops_limits_and_orders_are_events_of_their_ticks(tmp_path: Path) -> None:
    def limited(_: str, said: Message) -> Message:
        if isinstance(said, ControlStatus) and said.seq >= 30:
            return replace(
                said, counters={"limit.left_waist.velocity": 1}, starved_s=0.1, blocked_s=0.1
            )
        return said

    stop_ns, over_ns = SCENE.ns(0.3), SCENE.ns(0.4)
    stop = SafetyState(
        stop_ns, "stopped", 1, "none", 1.0, "", event="e1", causes=("the table was pushed",)
    )
    journal = changed(
        tmp_path,
        limited,
        (stop_ns, "safety_state", stop),
        (over_ns, "safety_state", replace(stop, t_ns=over_ns, event="", causes=())),
        (SCENE.ns(0.1), "directive", Directive(1, "run", 1, "")),
    )
    finished(Catalogue(tmp_path), journal)
    ticks = Dataset(tmp_path).ticks(0)
    assert ticks is not None
    events = {row: said for row, said in enumerate(ticks["events"].to_pylist()) if said}
    assert events == {
        19: "directed to run",
        30: "limit.left_waist.velocity",
        40: "stopped: the table was pushed",
        50: "the stop is over",
    }
    flags = np.array(ticks["safety_flags"].to_pylist())
    stopped = np.flatnonzero(flags & SafetyFlag.STOPPED)
    assert (stopped[0], stopped[-1]) == (40, 49)
    assert np.flatnonzero(flags & SafetyFlag.LIMITED).tolist() == [30]
    assert np.flatnonzero(flags & SafetyFlag.STARVED)[0] == 30
    assert np.flatnonzero(flags & SafetyFlag.BLOCKED)[0] == 30


def test_an_image_that_cannot_be_read_is_a_gap(tmp_path: Path) -> None:
    def spoiled(_: str, said: Message) -> Message:
        if isinstance(said, Frame) and said.seq == 8:
            return replace(said, image=np.zeros(50, np.uint8))
        return said

    finished(Catalogue(tmp_path), changed(tmp_path, spoiled))
    dataset = Dataset(tmp_path)
    assert np.flatnonzero(dataset.table(0)[f"{RECAP}gap"].to_pylist()).tolist() == [5]
    assert dataset.verify() == []


def test_an_image_of_another_size_in_the_middle_is_a_gap(tmp_path: Path) -> None:
    def larger(_: str, said: Message) -> Message:
        if isinstance(said, Frame) and said.seq == 8:
            return replace(said, image=np.zeros((96, 128, 3), np.uint8))
        return said

    finished(Catalogue(tmp_path), changed(tmp_path, larger))
    assert Dataset(tmp_path).table(0)[f"{RECAP}gap"].to_pylist()[5]
