import json
import os
import resource
import signal
import subprocess
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from video_device import jpeg, noise

from messaging.messages import ActionChunk, ControlStatus, Frame, JointCommand, JointState
from messaging.topics import ACTION_CHUNK, CONTROL_STATUS, FRAME, JOINT_COMMAND, JOINT_STATE
from messaging.transport import Bus
from station.clips import KEPT_CLIPS, ClipRecorder, joined_video
from station.journal import LOSSES, RESERVE, Config, Journal
from station.record import RunRecord
from station.report.figures import read_run
from station.report.write import write_report
from station.ticks import (
    STATUS_FIELDS,
    TASK_FIELDS,
    Appender,
    RowAppender,
    command_fields,
    read_lines,
    read_rows,
)

JOINTS = ("left_waist", "left_gripper")


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[Bus]:
    with Bus(tmp_path / "bus") as opened:
        yield opened


def config(folder: Path) -> Config:
    return Config(run_directory=str(folder), arms=("left",), cameras=("cam_high",))


def command(seq: int) -> JointCommand:
    return JointCommand(seq, 1000 + seq, 1, JOINTS, np.array([0.1, 0.2]) * seq)


def status(seq: int, counters: dict[str, int]) -> ControlStatus:
    return ControlStatus(
        seq=seq,
        t_ns=1000 + seq,
        late_us=3.0,
        mode="run",
        epoch=1,
        cursor=float(seq),
        rate=1.0,
        upcoming=np.zeros((1, 2)),
        dt_ns=10_000_000,
        runway_s=0.5,
        latency_s=0.1,
        disagreement_rad=0.01,
        jerk=4.0,
        chunks=1,
        counters=counters,
    )


def state(seq: int, holding: str) -> JointState:
    nothing = np.empty(0)
    position = np.array([0.3, 0.4])
    return JointState(
        arm="left",
        seq=seq,
        t_sample_ns=1000 + seq,
        joints=JOINTS,
        position=position,
        velocity=nothing,
        current=nothing,
        temperature=nothing,
        voltage=nothing,
        age_s=nothing,
        errors=(),
        warnings=(),
        written=position,
        t_written_ns=0,
        t_command_ns=0,
        holding=holding,
    )


def frame(seq: int) -> Frame:
    image = np.full((48, 64, 3), 90, np.uint8)
    return Frame(camera="cam_high", seq=seq, t_capture_ns=seq, t_sent_ns=seq, image=image)


def stream(bus: Bus, journal: Journal, count: int = 20) -> None:
    """Publish until the journal has surely subscribed, then `count` of everything."""
    commands, statuses = bus.publisher(JOINT_COMMAND), bus.publisher(CONTROL_STATUS)
    states, chunks = bus.publisher(JOINT_STATE, "left"), bus.publisher(ACTION_CHUNK)
    frames = bus.publisher(FRAME, "cam_high")
    time.sleep(0.3)
    stages = {"observe": 10.0, "infer": 90.0}
    actions = np.zeros((4, 2))
    for seq in range(count):
        commands.send(command(seq))
        statuses.send(status(seq, {"dropped.epoch": seq // 10}))
        states.send(state(seq, "no command" if seq < 5 else ""))
        frames.send(frame(seq))
        chunk = ActionChunk("flow", seq, 1000, 0.0, 1, 20_000_000, JOINTS, actions, stages)
        chunks.send(chunk)
        journal.step()
    deadline = time.monotonic() + 0.3
    while time.monotonic() < deadline:
        journal.step()


def test_journal_writes_what_the_streams_say(tmp_path: Path, bus: Bus) -> None:
    journal = Journal(config(tmp_path / "run"), bus)
    stream(bus, journal)
    journal.close()
    data = read_run(tmp_path / "run")
    assert data.commands.joints == JOINTS
    assert data.commands.rows["seq"].tolist() == list(range(20))
    np.testing.assert_allclose(data.commands.rows["position"][3], [0.3, 0.6], rtol=1e-6)
    assert data.statuses["mode"][-1] == b"run"
    assert data.states["left"].rows["held"].sum() == 5
    assert [hold["why"] for hold in data.holds] == ["no command", ""]
    assert [chunk["seq"] for chunk in data.chunks] == list(range(20))
    assert data.counters == {"dropped.epoch": 1}
    assert data.lost == {}
    assert list((tmp_path / "run" / "video").glob("*.avi"))
    assert journal.note == ""


def test_unwritable_folder_is_survived_and_told(tmp_path: Path, bus: Bus) -> None:
    (tmp_path / "run").write_text("a file where the folder should be", encoding="utf-8")
    journal = Journal(config(tmp_path / "run"), bus)
    stream(bus, journal)
    journal.close()
    assert journal.lost["commands"] == 20
    assert journal.lost["chunks"] == 20
    assert journal.lost["video frames"] > 0
    assert "lost" in journal.note


def test_full_disk_loses_only_what_does_not_fit_and_says_so(tmp_path: Path) -> None:
    script = """
        import resource, sys
        from pathlib import Path
        from collections import Counter
        from messaging.transport import Bus
        from station.journal import Journal
        sys.path.insert(0, "tests")
        from test_journal import config, stream
        folder = Path(sys.argv[1])
        with Bus(folder / "bus") as bus:
            journal = Journal(config(folder / "run"), bus)
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
            stream(bus, journal, 200)
            journal.close()
    """
    subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(tmp_path)],
        check=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )
    data = read_run(tmp_path / "run")
    assert data.lost["statuses"] > 0
    assert data.lost["chunks"] > 0
    assert len(data.chunks) + data.lost["chunks"] == 200
    record = RunRecord("aloha", "flow", 0, "now", 0)
    text = write_report(tmp_path / "run", record).read_text(encoding="utf-8")
    assert f"{data.lost['chunks']} chunks could not be written" in text
    assert not (tmp_path / "run" / RESERVE).exists()


def test_report_has_room_of_its_own(tmp_path: Path, bus: Bus) -> None:
    journal = Journal(config(tmp_path), bus)
    reserved = (tmp_path / RESERVE).stat()
    assert reserved.st_blocks * 512 >= 8_000_000
    assert (tmp_path / LOSSES).stat().st_size == 4096
    journal.close()


def test_rows_that_fail_to_fit_leave_no_half_row(tmp_path: Path) -> None:
    lost: Counter[str] = Counter()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    # The system would otherwise end a process that writes beyond its limit.
    previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    rows = RowAppender(tmp_path / "task.rows", lost, TASK_FIELDS)
    rows.add(1, 0, 0, False)
    rows.flush()
    size = (tmp_path / "task.rows").stat().st_size
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 25, limits[1]))
        for number in range(3):
            rows.add(10 + number, 0, 0, False)
        rows.flush()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, previous)
    rows.add(99, 0, 0, True)
    rows.close()
    assert lost == {"task": 3}
    assert read_rows(tmp_path / "task.rows", TASK_FIELDS).rows["t_ns"].tolist() == [1, 99]


def test_rows_continue_after_a_writer_that_died_within_one(tmp_path: Path) -> None:
    path = tmp_path / "commands.rows"
    for seq in range(2):
        rows = RowAppender(path, Counter(), command_fields(2), JOINTS)
        rows.add(seq, seq, 0, (0.0, 0.0))
        rows.close()
        with path.open("ab") as file:
            file.write(b"half")
    table = read_rows(path, command_fields(0))
    assert table.joints == JOINTS
    assert table.rows["seq"].tolist() == [0, 1]


def test_rows_of_another_kind_are_not_read(tmp_path: Path) -> None:
    rows = RowAppender(tmp_path / "x.rows", Counter(), TASK_FIELDS)
    rows.add(1, 0, 0, False)
    rows.close()
    assert len(read_rows(tmp_path / "x.rows", STATUS_FIELDS).rows) == 0


def test_more_rows_than_are_held_are_written_early(tmp_path: Path) -> None:
    rows = RowAppender(tmp_path / "task.rows", Counter(), TASK_FIELDS)
    for number in range(5000):
        rows.add(number, 0, 0, False)
    rows.close()
    assert len(read_rows(tmp_path / "task.rows", TASK_FIELDS).rows) == 5000


def test_lines_that_were_cut_off_are_left_out(tmp_path: Path) -> None:
    lines = Appender(tmp_path / "a.jsonl", Counter(), "a")
    lines.write(json.dumps({"seq": 1}).encode() + b"\n", 1)
    lines.write(b'{"seq": ', 1)
    lines.close()
    assert read_lines(tmp_path / "a.jsonl") == [{"seq": 1}]


def test_video_keeps_the_last_clips_only(tmp_path: Path) -> None:
    clips = ClipRecorder(tmp_path / "video", 0.2, Counter())
    for number in range(2 * (KEPT_CLIPS + 3)):
        clips.add(np.full((48, 64, 3), number * 5, np.uint8), number)
    clips.close()
    assert len(list((tmp_path / "video").glob("*.avi"))) == KEPT_CLIPS


def test_video_is_made_of_jpeg_files_too_and_does_without_those_that_cannot_be_read(
    tmp_path: Path,
) -> None:
    lost: Counter[str] = Counter()
    clips = ClipRecorder(tmp_path / "video", 10.0, lost)
    for seq in range(10):
        clips.add(jpeg(noise(seq)), seq)
    clips.add(np.arange(50, dtype=np.uint8), 10, 3)
    clips.close()
    assert lost == {"video frames": 3}
    assert joined_video(tmp_path / "video", tmp_path / "video.webm", 10.0)


def test_no_clips_make_no_video(tmp_path: Path) -> None:
    assert not joined_video(tmp_path, tmp_path / "video.webm", 60.0)
    assert not (tmp_path / "video.webm").exists()
