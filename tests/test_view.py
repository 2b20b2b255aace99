import io
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from messaging.messages import ControlStatus, Heartbeat, SafetyState, TaskState
from runtime.supervisor import Phase
from station.lines import state_line
from station.process_rows import ProcessView
from station.record import EpisodeOutcome, RunEvent, RunRecord
from station.view import Snapshot, render

START_NS = 1_000_000_000
NOW_NS = START_NS + 83_000_000_000


def beat(name: str, rate_hz: float, late_ms: float = 0.1, note: str = "") -> Heartbeat:
    return Heartbeat(name, 100, NOW_NS - 20_000_000, True, 900, rate_hz, late_ms, 12.0, {}, note)


def snapshot() -> Snapshot:
    processes = {
        "twin": ProcessView(Phase.READY, beat("twin", 500, 0.3)),
        "safety": ProcessView(Phase.READY, beat("safety", 50)),
        "arm.left": ProcessView(Phase.READY, beat("arm.left", 100)),
        "arm.right": ProcessView(Phase.READY, beat("arm.right", 100)),
        "camera.cam_high": ProcessView(Phase.READY, beat("camera.cam_high", 30)),
        "camera.cam_low": ProcessView(Phase.READY, beat("camera.cam_low", 10)),
        "camera.cam_left_wrist": ProcessView(Phase.READY, beat("camera.cam_left_wrist", 30)),
        "camera.cam_right_wrist": ProcessView(Phase.STALLED, beat("c", 30), 1),
        "policy_worker": ProcessView(Phase.READY, beat("policy_worker", 8, 2.5, "infers"), 1),
        "controller": ProcessView(Phase.READY, beat("controller", 100, 0.2)),
        "journal": ProcessView(Phase.DEAD),
        "dashboard": ProcessView(Phase.READY, beat("dashboard", 20)),
    }
    status = ControlStatus(
        seq=8300,
        t_ns=NOW_NS,
        late_us=80.0,
        mode="run",
        epoch=3,
        cursor=8000.0,
        rate=0.7,
        upcoming=np.zeros((2, 14)),
        dt_ns=10_000_000,
        runway_s=0.62,
        latency_s=0.15,
        disagreement_rad=0.0078,
        jerk=31.4,
        chunks=651,
        counters={"dropped.epoch": 2, "dropped.age": 1, "limit.left_waist.jerk": 5, "clipped": 9},
        commander="policy",
    )
    record = RunRecord(
        robot="aloha",
        policy="flow",
        seed=0,
        started="now",
        started_ns=START_NS,
        episodes=[EpisodeOutcome(n, n, "transfer the cube", n != 2, 9.0) for n in range(7)],
        events=[
            RunEvent(START_NS + 11_400_000_000, "station", "first command of the policy"),
            RunEvent(START_NS + 31_000_000_000, "policy_worker", "dead: by signal SIGKILL"),
            RunEvent(START_NS + 34_100_000_000, "policy_worker", "ready"),
            RunEvent(START_NS + 80_000_000_000, "camera.cam_right_wrist", "silent for 170 ms"),
        ],
    )
    return Snapshot(
        title="aloha: the twin, policy flow",
        t_ns=NOW_NS,
        processes=processes,
        record=record,
        status=status,
        chunk_arrival_ns=NOW_NS - 60_000_000,
        inference_ms=[118.0] * 18 + [160.0, 161.0],
        task=TaskState(NOW_NS, 7, 2, False),
        instruction="transfer the cube to the left arm",
    )


RUNNING = SafetyState(NOW_NS, "running", 7, "all", 1.0, "policy")
STOPPED = SafetyState(
    NOW_NS,
    "stopped",
    7,
    "none",
    1.0,
    "",
    event="4821",
    stop="hold",
    causes=("stop by shell alice: a hand in the way", "arm left is silent"),
)


def text_of(shown: Snapshot, width: int = 100, height: int = 30) -> str:
    console = Console(width=width, height=height, record=True, file=io.StringIO())
    console.print(render(shown))
    return console.export_text()


def line_with(text: str, word: str) -> str:
    return next(line for line in text.splitlines() if word in line)


SIZES = pytest.mark.parametrize(("width", "height"), [(80, 24), (100, 30)])


@SIZES
def test_view_shows_every_process_with_its_state(width: int, height: int) -> None:
    text = text_of(snapshot(), width, height)
    assert "aloha: the twin, policy flow" in text
    assert "01:23" in text
    assert "ready" in line_with(text, "arm.left")
    assert "100" in line_with(text, "arm.left")
    assert "infers" in line_with(text, "policy_worker ")
    assert "stalled" in line_with(text, "camera.cam_right_wrist")
    assert "dead" in line_with(text, "journal")


@SIZES
def test_view_shows_how_control_goes(width: int, height: int) -> None:
    text = text_of(snapshot(), width, height)
    assert "6 of 7" in text
    assert "policy" in line_with(text, "commands")
    assert "118 ms, p95 160 ms" in line_with(text, "inference")
    assert "0.62 s" in line_with(text, "runway")
    assert "slowed to 70%" in line_with(text, "runway")
    assert "7.8 mrad" in line_with(text, "jerk")
    assert "31.4 rad/s³" in line_with(text, "jerk")
    assert "651 merged   3 dropped" in line_with(text, "merged")
    assert "0 missed   5 limited" in line_with(text, "ticks")
    assert "31 s policy_worker dead" in text


@SIZES
def test_no_line_of_control_is_cut(width: int, height: int) -> None:
    high = {"dropped.age": 4321, "limit.left_waist.jerk": 654_321}
    now = snapshot()
    assert now.status is not None
    status = replace(now.status, chunks=98765, counters=high, rate=0.0, disagreement_rad=0.0123)
    shown = replace(now, status=status, inference_ms=[1234.0])
    text = text_of(shown, width, height)
    for whole in (
        "1234 ms, p95 1234 ms, 0.1 s ago",
        "31.4 rad/s³, chunks apart 12.3 mrad",
        "0.62 s standing",
        "98765 merged   4321 dropped",
        "0 missed   654321 limited",
    ):
        assert whole in text


def test_success_is_told_before_a_long_instruction() -> None:
    shown = replace(snapshot(), task=TaskState(NOW_NS, 7, 4, True), instruction="lift " * 40)
    assert "7  success  lift" in line_with(text_of(shown, 80, 24), "episode")


@SIZES
def test_view_of_twelve_processes_fits_the_terminal(width: int, height: int) -> None:
    now = snapshot()
    assert len(now.processes) == 12
    lines = text_of(now, width, height).splitlines()
    assert len(lines) <= height
    assert all(len(line) <= width for line in lines)


def test_view_and_line_work_before_anything_was_heard() -> None:
    bare = Snapshot(
        title="aloha: the twin",
        t_ns=START_NS,
        processes={"twin": ProcessView(Phase.STARTING)},
        record=RunRecord("aloha", "flow", 0, "now", START_NS),
    )
    assert "starting" in text_of(bare)
    assert state_line(bare) == "waits for twin"


def test_text_in_brackets_is_shown_as_it_is() -> None:
    shown = replace(snapshot(), instruction="[bold]lift[/bold]")
    assert "[bold]lift[/bold]" in text_of(shown)


def test_silent_process_is_called_silent() -> None:
    shown = replace(snapshot(), t_ns=NOW_NS + 2_000_000_000)
    assert "silent for 2.0 s" in line_with(text_of(shown), "twin ")


@SIZES
def test_a_stop_is_told_with_its_cause_and_how_to_reset_it(width: int, height: int) -> None:
    shown = replace(snapshot(), safety=STOPPED, keys=())
    text = text_of(shown, width, height)
    assert "STOPPED  stop 4821: stop by shell alice: a hand in the way" in text
    step = line_with(text, "next:")
    assert "python -m safety reset 4821" in step
    assert "Space stops" in step
    assert len(text.splitlines()) <= height


def test_what_persists_is_told_before_any_reset() -> None:
    state = replace(STOPPED, persisting=("the left shoulder is too hot: 71 degrees",))
    text = text_of(replace(snapshot(), safety=state))
    assert "to be mended before a reset: the left shoulder is too hot" in text
    assert "reset 4821" not in text


def test_the_command_that_resets_names_a_robot_that_is_not_the_default() -> None:
    shown = replace(snapshot(), safety=STOPPED)
    shown.record.robot = "ours"
    assert "python -m safety reset 4821 --robot ours" in text_of(shown)


def test_a_running_robot_is_shown_with_the_stage_of_its_run_and_the_key_that_stops_it() -> None:
    shown = replace(snapshot(), safety=RUNNING, stage="settling", keys=())
    text = text_of(shown)
    assert "RUNNING  settling" in text
    assert "Space stops" in text
    assert "next:" not in text


def test_a_silent_safety_process_is_never_shown_as_running() -> None:
    assert "safety is silent: nothing may move" in text_of(snapshot())
