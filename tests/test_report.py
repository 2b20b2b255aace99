import json
import math
import re
import time
from collections import Counter
from html import escape
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from station.clips import ClipRecorder
from station.record import EpisodeOutcome, RunEvent, RunRecord
from station.report.figures import RunData, merge_times_ns, read_run, success_interval
from station.report.smoothness import ORDERED, SLOWED, Brake, brakes, led_jerk
from station.report.write import VIDEO_S, write_report
from station.ticks import STATUS_FIELDS, TASK_FIELDS, RowAppender, command_fields, state_fields

SIDES = ("left", "right")
NAMES = ("waist", "shoulder", "elbow", "forearm_roll", "wrist_angle", "wrist_rotate", "gripper")
JOINTS = tuple(f"{side}_{name}" for side in SIDES for name in NAMES)
START_NS = 5_000_000_000
TICK_NS = 10_000_000
EPISODE_S = 12.0


def record(episodes: int = 2) -> RunRecord:
    return RunRecord(
        robot="aloha (twin)",
        policy="flow",
        seed=7,
        started="2026-11-21 09:30:00",
        started_ns=START_NS,
        first_command_s=11.4,
        episodes=[
            EpisodeOutcome(number, 100 + number, "transfer the red cube", number != 1, 9.5)
            for number in range(episodes)
        ],
        events=[RunEvent(START_NS + 6_000_000_000, "policy_worker", "died: by signal SIGKILL")],
        restarts={"policy_worker": 1},
        ending="Ctrl-C",
    )


def position(time_s: float) -> NDArray[np.float64]:
    return np.asarray(0.4 * np.sin(0.8 * time_s + np.arange(len(JOINTS))))


def write_journal(folder: Path, seconds: float) -> None:
    random = np.random.default_rng(3)
    lost: Counter[str] = Counter()
    commands = RowAppender(folder / "commands.rows", lost, command_fields(14), JOINTS)
    statuses = RowAppender(folder / "statuses.rows", lost, STATUS_FIELDS)
    task = RowAppender(folder / "task.rows", lost, TASK_FIELDS)
    states = [
        RowAppender(
            folder / f"states.{side}.rows",
            lost,
            state_fields(7),
            JOINTS[7 * index : 7 * index + 7],
        )
        for index, side in enumerate(SIDES)
    ]
    chunks: list[dict[str, object]] = []
    for seq in range(round(seconds * 100)):
        t_ns, here = START_NS + seq * TICK_NS, position(seq / 100)
        late_us = abs(random.normal(0, 50)) + (900 if seq % 701 == 700 else 0)
        rate = 1.0 if seq % 3000 < 2700 else 0.4
        merged = len(chunks)
        if seq % 12 == 5 and seq < 100 * seconds - 1:
            chunks.append(
                {
                    "t_obs_ns": t_ns - 131_000_000,
                    "arrival_ns": t_ns + 2_000_000,
                    "stages_ms": {"observe": 14.0, "infer": 110.0 + random.uniform(-6, 6)},
                }
            )
        commands.add(t_ns, seq, 1, here)
        row = (t_ns, seq, TICK_NS, late_us, b"run", 1, seq, rate, 1 - (seq % 12) / 100)
        statuses.add(*row, 0.15, 0.008, 30 + 5 * random.normal(), merged, b"policy", 7)
        task.add(t_ns, int(seq / 100 // EPISODE_S), seq % 5, False)
        for index, rows in enumerate(states):
            mine = here[7 * index : 7 * index + 7]
            rows.add(t_ns, seq, t_ns, False, position(seq / 100 - 0.03)[index * 7 :][:7], mine)
    for rows in (commands, statuses, task, *states):
        rows.close()
    (folder / "chunks.jsonl").write_text(
        "".join(json.dumps(chunk) + "\n" for chunk in chunks), encoding="utf-8"
    )
    counters = {"dropped.epoch": 3, "limit.left_waist.jerk": 2, "mode_switch": 4}
    line = {"t_ns": START_NS, "counters": counters}
    (folder / "counters.jsonl").write_text(json.dumps(line) + "\n", encoding="utf-8")


def write_clips(folder: Path, seconds: float) -> None:
    clips = ClipRecorder(folder / "video", 10.0, Counter())
    for number in range(round(seconds * 10)):
        image = np.full((480, 640, 3), 180, np.uint8)
        image[200:280, (5 * number) % 560 :][:, :80] = (220, 40, 40)
        clips.add(image, START_NS + number * 100_000_000)
    clips.close()


def test_report_tells_what_the_journal_holds(tmp_path: Path) -> None:
    write_journal(tmp_path, 20.0)
    page = write_report(tmp_path, record())
    summary = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))
    assert page == tmp_path / "report.html"
    assert summary["successes"] == 1
    assert summary["success_rate"] == 0.5
    assert summary["ticks"]["count"] == 2000
    assert summary["ticks"]["missed"] == 0
    assert summary["ticks"]["late_max_ms"] == pytest.approx(0.95, abs=0.15)
    assert summary["latency_ms"]["infer"]["p50"] == pytest.approx(110, abs=3)
    assert summary["latency_ms"]["to plan"]["p50"] == pytest.approx(17, abs=3)
    assert summary["latency_ms"]["capture to merge"]["p50"] == pytest.approx(141, abs=1)
    assert summary["chunks"]["dropped"] == {"epoch": 3}
    assert summary["limit_activations"] == {"left_waist.jerk": 2}
    assert summary["restarts"] == {"policy_worker": 1}
    assert summary["losses"] == []
    text = page.read_text(encoding="utf-8")
    assert "1 of 2 episodes succeeded" in text
    assert text.count("data:image/png") == 4


def test_page_needs_no_other_file(tmp_path: Path) -> None:
    write_journal(tmp_path, 5.0)
    write_clips(tmp_path, 12.0)
    text = write_report(tmp_path, record()).read_text(encoding="utf-8")
    sources = re.findall(r'(?:src|href)="([^"]{0,20})', text)
    assert sources
    assert all(source.startswith("data:") for source in sources)
    assert "data:video/webm" in text
    assert len(text) < 6_000_000
    assert not (tmp_path / "video").exists()


def test_report_of_an_empty_run_says_so(tmp_path: Path) -> None:
    text = write_report(tmp_path, record(episodes=0)).read_text(encoding="utf-8")
    assert "without a finished episode" in text
    assert "The journal holds no control ticks." in text


@pytest.mark.parametrize("kept", [0, 1, 700])
def test_report_of_a_truncated_journal_is_written(tmp_path: Path, kept: int) -> None:
    write_journal(tmp_path, 2.0)
    write_clips(tmp_path, 2.0)
    for path in [*tmp_path.glob("*.rows"), *tmp_path.glob("*.jsonl"), *tmp_path.glob("video/*")]:
        path.write_bytes(path.read_bytes()[:kept])
    assert write_report(tmp_path, record()).exists()


def test_report_goes_elsewhere_when_its_folder_takes_none(tmp_path: Path) -> None:
    (tmp_path / "report.html").mkdir()
    page = write_report(tmp_path, record())
    assert page.parent != tmp_path
    assert page.exists()


def test_attempts_are_told_by_who_commanded_where_a_person_did(tmp_path: Path) -> None:
    run = record()
    run.tally[("auto", "success")] = 3
    assert "By who commanded" not in write_report(tmp_path, run).read_text(encoding="utf-8")
    run.tally[("intervention", "failure")] = 1
    page = write_report(tmp_path, run).read_text(encoding="utf-8")
    assert "By who commanded: auto: 3 success; intervention: 1 failure." in page
    summary = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))
    assert summary["kinds"] == {"auto": {"success": 3}, "intervention": {"failure": 1}}


def test_losses_are_at_the_top_of_the_page(tmp_path: Path) -> None:
    write_journal(tmp_path, 1.0)
    (tmp_path / "losses.json").write_text(json.dumps({"commands": 12}).ljust(200), encoding="utf-8")
    text = write_report(tmp_path, record()).read_text(encoding="utf-8")
    assert "12 commands could not be written" in text


def test_text_from_outside_is_escaped(tmp_path: Path) -> None:
    run = record()
    run.events.append(RunEvent(START_NS, "station", "<script>alert(1)</script>"))
    assert "<script>alert" not in write_report(tmp_path, run).read_text(encoding="utf-8")


def test_missed_and_unheard_ticks_are_told_apart(tmp_path: Path) -> None:
    rows = RowAppender(tmp_path / "statuses.rows", Counter(), STATUS_FIELDS)
    rest = (TICK_NS, 10.0, b"run", 1, 0.0, 1.0, 1.0, 0.1, 0.0, 0.0, 0, b"policy", 7)
    times_seqs = [(0, 0), (1, 1), (4, 2), (5, 3), (8, 6), (9, 7)]
    for tick, seq in times_seqs:
        rows.add(START_NS + tick * TICK_NS, seq, *rest)
    rows.close()
    write_report(tmp_path, record())
    summary = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))
    assert summary["ticks"]["missed"] == 2
    assert summary["losses"] == ["2 statuses were never heard"]


def test_jerk_is_that_of_a_known_motion_and_ignores_gaps(tmp_path: Path) -> None:
    write_journal(tmp_path, 8.0)
    data = read_run(tmp_path)
    greatest = 0.4 * 0.8**3
    assert led_jerk(data) == pytest.approx((greatest / math.sqrt(2), greatest), abs=0.15)
    assert brakes(data, []) == []
    assert np.count_nonzero(merge_times_ns(data)) == len(data.chunks)


def braked_run(folder: Path) -> RunData:
    """Write and read a second of the policy, and then a brake of each kind."""
    lost: Counter[str] = Counter()
    commands = RowAppender(folder / "commands.rows", lost, command_fields(1), ["left_waist"])
    statuses = RowAppender(folder / "statuses.rows", lost, STATUS_FIELDS)
    states = RowAppender(folder / "states.left.rows", lost, state_fields(1), ["left_waist"])
    where = written = 0.0
    for seq in range(300):
        t_ns, part = START_NS + seq * TICK_NS, seq % 50
        policy, step = (b"policy", 7, 1.0), 0.01
        if 100 <= seq < 150:  # the plan runs out
            policy, step = (b"policy", 7, 1.0 - part / 50), 0.01 * (1.0 - part / 50)
        elif 150 <= seq < 200:  # it sets off again
            policy, step = (b"policy", 7, part / 50), 0.01 * part / 50
        elif 200 <= seq < 225:  # a hold that was ordered, harder
            policy, step = (b"hold", 7, 0.0), 0.01 * (1.0 - part / 25)
        elif 225 <= seq < 250:
            policy, step = (b"policy", 7, (part - 25) / 25), 0.01 * (part - 25) / 25
        elif seq >= 250:  # leave is withdrawn: the commands follow what the guard does, in a jump
            policy, step = (b"hold", 0, 0.0), 0.0 if part else -0.2
        commander, permit, rate = policy
        where += step
        written = where if seq < 250 else written + 0.01 * max(0.0, 1.0 - part / 10)
        commands.add(t_ns, seq, 1, [where])
        row = (t_ns, seq, TICK_NS, 1.0, b"run", 1, seq, rate, 1.0, 0.1, 0.0, 0.0, 0)
        statuses.add(*row, commander, permit)
        states.add(t_ns, seq, t_ns, seq >= 250, [where], [written])
    for rows in (commands, statuses, states):
        rows.close()
    hold = {"t_ns": START_NS + 250 * TICK_NS, "arm": "left", "why": "no leave to move"}
    (folder / "holds.jsonl").write_text(json.dumps(hold) + "\n", encoding="utf-8")
    return read_run(folder)


def test_a_brake_is_told_apart_from_what_was_commanded(tmp_path: Path) -> None:
    data = braked_run(tmp_path)
    assert led_jerk(data) == pytest.approx((0.0, 0.0), abs=0.5)
    told = {brake.cause: brake for brake in brakes(data, [])}
    assert {cause: brake.count for cause, brake in told.items()} == {
        "no leave to move": 1,
        SLOWED: 1,
        ORDERED: 1,
    }
    # What the guard wrote, not how the commands jumped to it.
    assert told["no leave to move"].jerk_max == pytest.approx(0.01 / 10 / 0.01**3, rel=0.6)
    assert told[ORDERED].jerk_max == pytest.approx(0.01 / 25 / 0.01**3, rel=0.6)
    stop = RunEvent(START_NS + 253 * TICK_NS, "safety", "stop 4821: a hand in the way")
    causes = [brake.cause for brake in brakes(data, [stop])]
    assert "stop 4821: a hand in the way" in causes
    assert "no leave to move" not in causes


def test_the_page_has_a_row_for_each_cause_of_brakes(tmp_path: Path) -> None:
    braked_run(tmp_path)
    page = write_report(tmp_path, record()).read_text(encoding="utf-8")
    summary = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))
    assert [Brake(**brake) for brake in summary["brakes"]] == brakes(read_run(tmp_path), [])
    for brake in summary["brakes"]:
        assert escape(brake["cause"]) in page
    assert summary["jerk_max"] < 0.5 < min(brake["jerk_max"] for brake in summary["brakes"])


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(0, 0, 0.0, 1.0), (30, 30, 0.8865, 1.0), (0, 10, 0.0, 0.2775), (15, 30, 0.3315, 0.6685)],
)
def test_success_interval(successes: int, trials: int, low: float, high: float) -> None:
    assert success_interval(successes, trials) == pytest.approx((low, high), abs=1e-3)


def test_video_is_the_last_minute(tmp_path: Path) -> None:
    write_clips(tmp_path, VIDEO_S + 15)
    write_report(tmp_path, record())
    video = cv2.VideoCapture(str(tmp_path / "video.webm"))
    assert video.get(cv2.CAP_PROP_FRAME_COUNT) == pytest.approx(600, abs=2)


@pytest.mark.slow
def test_five_minutes_are_reported_within_ten_processor_seconds(tmp_path: Path) -> None:
    write_journal(tmp_path, 300.0)
    write_clips(tmp_path, 100.0)
    start = time.process_time()
    write_report(tmp_path, record())
    assert time.process_time() - start < 10.0
