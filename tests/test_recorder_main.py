"""The recorder on the bus: what is written, what people ask, and what goes wrong."""

import os
import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import recorder_scene
from recorder_scene import Scene, over, told
from recorder_stage import Stage, stage

from messaging.images import pixels
from messaging.messages import ControlStatus, Frame, Request
from recorder import edits, scribe
from recorder.catalogue import Catalogue
from recorder.dataset import Dataset
from recorder.files import BusyError, sole
from recorder.finish import finished
from recorder.journal import journals
from recorder.layout import DISCARDED, RECORDER_LOCK

pytestmark = pytest.mark.realtime

SCENE = Scene(seconds=0.6, cameras=("cam_high",))
LATER = replace(SCENE, number=4, begin_ns=SCENE.begin_ns + 10_000_000_000)


@pytest.fixture
def staged(tmp_path: Path) -> Iterator[Stage]:
    with stage(tmp_path, SCENE) as opened:
        yield opened


def test_all_that_is_said_is_in_the_journal(staged: Stage) -> None:
    staged.play(SCENE)
    (journal,) = staged.journals()
    found = [(item.stream, item.message) for item in journal.said()]
    expected = [(stream, said) for t_ns, stream, said in told(SCENE) if t_ns <= SCENE.ns(0.6)]
    for stream in {stream for stream, _ in expected}:
        wanted = [message for name, message in expected if name == stream]
        kept = [message for name, message in found if name == stream]
        assert [repr(message) for message in kept[: len(wanted)]] == list(map(repr, wanted))
    assert journal.header() == recorder_scene.header(SCENE).model_copy(
        update={
            "checkpoint": "",
            "twin": False,
            "wall_begin": journal.header().wall_begin,
            "wall_less_monotonic_ns": journal.header().wall_less_monotonic_ns,
        }
    )


def test_its_journal_becomes_an_episode_once_nobody_can_discard_it_any_more(
    tmp_path: Path,
) -> None:
    with stage(tmp_path, SCENE) as opened:
        opened.play(SCENE)
        assert not opened.journals()[0].sealed
        opened.play(LATER, until_s=0.1)
        assert [journal.sealed for journal in opened.journals()] == [True, False]
    first, second = journals(opened.directory)
    assert second.sealed
    catalogue = Catalogue(opened.directory)
    finished(catalogue, first)
    finished(catalogue, second)
    dataset = Dataset(opened.directory)
    assert dataset.verify() == []
    assert [row.raw["outcome_label"] for row in dataset.episodes()] == ["success", "aborted"]


def test_an_image_becomes_a_jpeg_file_and_one_that_is_stays_as_it_is(staged: Stage) -> None:
    picture = np.random.default_rng(1).integers(0, 255, (48, 64, 3), np.uint8)
    smooth = np.ascontiguousarray(np.repeat(picture[:, :1], 64, axis=1))
    file = recorder_scene.jpeg(smooth)
    staged.play(SCENE, until_s=0.1)
    for seq, image in ((900, smooth), (901, file)):
        staged.say("frame.cam_high", Frame("cam_high", seq, seq, seq, image))
    staged.look()
    frames = {
        item.message.seq: item.message.image
        for item in staged.journals()[0].said(only="frame")
        if isinstance(item.message, Frame)
    }
    assert np.array_equal(frames[901], file)
    assert np.array_equal(pixels(frames[900]), pixels(file))


def test_the_plan_ahead_is_left_out(staged: Stage) -> None:
    _, _, status = next(item for item in told(SCENE) if item[1] == "control_status")
    assert isinstance(status, ControlStatus)
    staged.play(SCENE, until_s=0.1)
    staged.say("control_status", replace(status, seq=999, upcoming=np.ones((50, 14))))
    staged.look()
    kept = [item.message for item in staged.journals()[0].said(only="control_status")]
    assert isinstance(kept[-1], ControlStatus)
    assert kept[-1].seq == 999
    assert kept[-1].upcoming.shape == (0, 14)


def test_what_was_said_just_before_the_begin_was_heard_of_is_kept(staged: Stage) -> None:
    staged.play(SCENE, until_s=0.2)
    (journal,) = staged.journals()
    arrivals = [item.message for item in journal.said(only="joint_command")]
    assert len(arrivals) == 30  # from a tenth of a second before the episode on


def test_a_discarded_episode_is_kept_aside_and_can_be_brought_back(staged: Stage) -> None:
    staged.play(SCENE)
    assert staged.ask("discard").accepted
    assert staged.journals() == []
    assert len(list((staged.directory / DISCARDED).iterdir())) == 1
    assert staged.ask("undo").accepted
    assert len(staged.journals()) == 1
    assert [edit.kind for edit in edits.read(staged.directory)] == ["discard", "restore"]


def test_an_episode_that_is_discarded_while_it_runs_is_put_aside_at_its_end(staged: Stage) -> None:
    staged.play(SCENE, until_s=0.3)
    assert staged.ask("discard").accepted
    assert len(staged.journals()) == 1
    assert [edit.kind for edit in edits.read(staged.directory)] == ["discard"]
    staged.end(SCENE)
    assert staged.journals() == []
    assert staged.ask("undo").accepted
    assert len(staged.journals()) == 1


def test_notes_subtasks_and_labels_taken_back_are_written_down(staged: Stage) -> None:
    staged.play(SCENE, until_s=0.3)
    assert staged.ask("subtask", "grasp").accepted
    staged.end(SCENE)
    assert staged.ask("note", "a good one").accepted
    assert staged.ask("undo").accepted
    name = staged.journals()[0].name
    written = [(edit.kind, edit.episode, edit.text) for edit in edits.read(staged.directory)]
    assert written == [
        ("subtask", name, "grasp"), ("note", name, "a good one"), ("unlabel", name, ""),
    ]  # fmt: skip


def test_a_request_that_is_sent_twice_is_answered_twice_and_done_once(staged: Stage) -> None:
    staged.play(SCENE)
    client = staged._others.client("recorder")
    request = Request("the same", "undo", "shell ada", 1)
    client.send(request)
    client.send(request)
    answers = [staged.until(client.receive) for _ in range(2)]
    assert answers[0] == answers[1]
    staged.look()
    assert len(edits.read(staged.directory)) == 1


def test_labels_in_the_wrong_order_break_nothing(staged: Stage) -> None:
    staged.say("episode_state", over(LATER))  # of an episode that nobody saw begin
    staged.look()
    assert staged.journals() == []
    staged.play(SCENE)
    staged.say("episode_state", over(replace(SCENE, outcome="failure")))  # on second thoughts
    staged.look()
    (edit,) = edits.read(staged.directory)
    assert (edit.kind, edit.text) == ("label", "failure")
    staged.play(LATER, until_s=0.3)
    staged.play(replace(LATER, number=5, begin_ns=LATER.begin_ns + 1), until_s=0.1)
    found = staged.journals()
    assert [journal.end() is None for journal in found] == [False, True, True]


def test_a_full_disk_is_told_and_nothing_is_begun(tmp_path: Path) -> None:
    with stage(tmp_path, SCENE, free_bytes=10**15) as opened:
        opened.play(SCENE, until_s=0.3)
        assert opened.journals() == []
        assert "shall stay free: make room" in opened.recorder.note


def test_what_is_said_of_an_episode_that_found_no_room_is_not_about_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with stage(tmp_path, SCENE, free_bytes=1000) as opened:
        opened.play(SCENE)
        monkeypatch.setattr(scribe, "_SYNC_NS", 0)
        monkeypatch.setattr(scribe, "_free_bytes", lambda _: 999)
        opened.until(lambda: opened.recorder._scribe.free_bytes == 999)
        opened.play(LATER)
        assert not opened.ask("discard").accepted
        assert not opened.ask("note", "the cube slipped").accepted
        opened.say("episode_state", over(replace(LATER, outcome="failure")))  # on second thoughts
        opened.look()
        assert edits.read(opened.directory) == []
        assert len(opened.journals()) == 1


def test_a_disk_that_fills_up_ends_the_recording_and_keeps_what_is_there(tmp_path: Path) -> None:
    with stage(tmp_path, SCENE, free_bytes=1000) as opened:
        opened.play(SCENE, until_s=0.3)
        opened.recorder._scribe.free_bytes = 999
        opened.play(SCENE, from_s=0.3)
        assert "make room" in opened.recorder.note
        (journal,) = opened.journals()
        assert 40 <= len(list(journal.said(only="joint_command"))) < 60
        assert journal.end() is None


def test_a_write_that_fails_is_told_counted_and_survived(
    staged: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    staged.play(SCENE, until_s=0.3)

    def full(file: int, data: bytes) -> None:
        os.write(file, data[:7])  # what a full disk still takes
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(scribe, "_write_all", full)
        staged.play(SCENE, from_s=0.3, until_s=0.4)
    assert "No space left on device" in staged.recorder.note
    assert staged.recorder._counters()["lost"] > 0
    staged.play(SCENE, from_s=0.4)
    (journal,) = staged.journals()
    stamps = {item.message.seq for item in journal.said(only="joint_command")}  # type: ignore[union-attr]
    assert {0, 39, 51, 75} <= stamps
    assert 45 not in stamps


def test_a_directory_that_is_gone_is_told_and_the_run_goes_on(
    staged: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scribe, "_SYNC_NS", 0)
    staged.play(SCENE, until_s=0.3)
    shutil.rmtree(staged.directory)
    staged.play(SCENE, from_s=0.3)
    assert "cannot write" in staged.recorder.note
    staged.play(LATER, until_s=0.2)
    assert "No such file" in staged.recorder.note
    assert not staged.directory.exists()


def test_a_disk_that_hangs_holds_nobody_up(staged: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    staged.play(SCENE, until_s=0.1)
    go_on, hangs = threading.Event(), threading.Event()
    write = scribe._write_all

    def hanging(file: int, data: bytes) -> None:
        hangs.set()
        go_on.wait(20)
        write(file, data)

    monkeypatch.setattr(scribe, "_write_all", hanging)
    said = [item for item in told(SCENE) if item[0] >= SCENE.ns(0.1)]
    for count, (_, stream, message) in enumerate(said):
        staged.say(stream, message)
        if count % 20 == 0:
            staged.recorder.step()
    for _ in range(5):
        staged.recorder.step()
    assert hangs.is_set()
    assert not go_on.is_set()
    go_on.set()
    (journal,) = staged.journals()
    assert len(list(journal.said(only="joint_command"))) >= 70


def test_without_memory_images_are_lost_and_counted_and_no_tick_is(
    staged: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scribe, "_WAITING_BYTES", 0)
    staged.play(SCENE)
    assert staged.recorder._counters()["lost"] > 10
    (journal,) = staged.journals()
    assert not list(journal.said(only="frame"))
    assert len(list(journal.said(only="joint_command"))) >= 70


def test_more_jobs_than_there_is_memory_for_are_counted_as_lost(
    staged: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scribe, "_WAITING_JOBS", 0)
    staged.play(SCENE, until_s=0.2)
    assert staged.recorder._counters()["lost"] > 20


def test_a_second_recorder_is_refused_by_the_first_one_s_name(tmp_path: Path) -> None:
    with (
        sole(tmp_path / RECORDER_LOCK, "recorder of aloha"),
        pytest.raises(BusyError, match=r"recorder of aloha \(process \d+\) works in"),
        sole(tmp_path / RECORDER_LOCK, "recorder of another"),
    ):
        pass
