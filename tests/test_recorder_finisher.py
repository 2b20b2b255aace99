"""The finisher's process: what it does beside the run, and what it cannot."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import recorder_scene
from recorder_scene import Scene

from messaging.transport import Bus
from recorder import finisher_main
from recorder.dataset import Dataset
from recorder.files import BusyError, sole
from recorder.finisher_main import Config, Work, main
from recorder.journal import STREAM_LOG, journals
from recorder.layout import FINISHER_LOCK, RECORDER_LOCK
from runtime.process import Context

SHORT = Scene(seconds=0.3, cameras=("cam_high",))
PATIENCE_S = 30.0


def config(directory: Path) -> Config:
    return Config(robot="aloha", directory=directory, joints=recorder_scene.JOINTS, cameras=())


def until(is_so: Callable[[], object]) -> None:
    end_s = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < end_s
        time.sleep(0.01)


def test_the_process_finishes_what_is_ready_and_leaves_what_is_not(tmp_path: Path) -> None:
    directory = tmp_path / "recording"
    recorder_scene.write(directory, SHORT)
    left = recorder_scene.write(directory, Scene(number=4, seconds=0.3), sealed=False)
    with sole(directory / RECORDER_LOCK, "recorder"), Bus(tmp_path / "bus") as bus:
        context = Context("finisher", bus)
        thread = threading.Thread(target=main, args=(config(directory), context))
        thread.start()
        until(lambda: (directory / "meta/info.json").exists() and len(journals(directory)) == 1)
        context.stop()
        thread.join()
    assert Dataset(directory).verify() == []
    assert journals(directory) == [left]


def test_a_journal_that_cannot_be_finished_is_told_and_does_not_block_the_others(
    tmp_path: Path,
) -> None:
    spoiled = recorder_scene.write(tmp_path, SHORT)
    (spoiled.folder / STREAM_LOG).write_bytes(b"")
    recorder_scene.write(tmp_path, Scene(number=4, seconds=0.3, cameras=("cam_high",)))
    work = Work(tmp_path)
    work.round()
    assert work.counters == {"finished": 1, "left": 0, "refused": 1}
    assert "no control tick" in work.note
    assert journals(tmp_path) == [spoiled]


def test_a_full_disk_is_told_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder_scene.write(tmp_path, SHORT)
    work = Work(tmp_path)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(finisher_main, "finished", full)
        work.round()
    assert "No space left on device" in work.note
    work.round()
    assert work.counters["finished"] == 1
    assert work.note == ""


def test_progress_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder_scene.write(tmp_path, SHORT)
    work, notes = Work(tmp_path), []

    def finished(_: object, __: object, told: Callable[[float], None]) -> int:
        for share in (0.0, 0.4, 1.0):
            told(share)
            notes.append(work.note)
        (tmp_path / "journal/episode_000003/sealed").unlink()
        return 0

    monkeypatch.setattr(finisher_main, "finished", finished)
    work.round()
    assert notes == [f"finishing episode_000003, {share}" for share in ("0%", "40%", "100%")]


def test_it_stops_in_the_middle_of_an_episode_and_goes_on_next_time(tmp_path: Path) -> None:
    recorder_scene.write(tmp_path, Scene(seconds=1.0))
    work = Work(tmp_path)
    thread = threading.Thread(target=work.live)
    thread.start()
    until(lambda: "finishing" in work.note)
    work.stop()
    thread.join()
    assert journals(tmp_path)
    assert work.died is None
    work = Work(tmp_path)
    work.round()
    assert Dataset(tmp_path).verify() == []


def test_a_second_finisher_is_refused(tmp_path: Path) -> None:
    with (
        Bus(tmp_path / "bus") as bus,
        sole(tmp_path / FINISHER_LOCK, "finisher of aloha"),
        pytest.raises(BusyError, match="finisher of aloha"),
    ):
        main(config(tmp_path), Context("finisher", bus))


def test_what_a_recorder_left_that_does_not_come_back_is_finished_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finisher_main, "_ORPHANED_NS", 0)
    recorder_scene.write(tmp_path, SHORT, sealed=False)
    work = Work(tmp_path)
    with sole(tmp_path / RECORDER_LOCK, "recorder"):
        work.round()
        assert journals(tmp_path)
    work.round()
    assert Dataset(tmp_path).verify() == []
    assert not journals(tmp_path)


def test_a_recorder_that_died_has_time_to_come_back(tmp_path: Path) -> None:
    left = recorder_scene.write(tmp_path, SHORT, sealed=False)
    work = Work(tmp_path)
    work.round()
    work.round()
    assert journals(tmp_path) == [left]
    assert not left.sealed
