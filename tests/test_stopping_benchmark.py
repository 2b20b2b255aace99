import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from driven_arm import DrivenArm, driven_arm

from benchmarks.live import processes
from benchmarks.stopping import kills, picture
from benchmarks.stopping.__main__ import FULL, QUICK, targets
from benchmarks.stopping.detectors import findings
from benchmarks.stopping.faults import SLACK_MS, Detections, Finding
from benchmarks.stopping.kills import Kill, Kills
from benchmarks.stopping.presses import Press, Presses
from benchmarks.stopping.record import (
    all_stand_ns,
    brakes_ns,
    goal_packet_s,
    largest_step_rad,
    last_change_ns,
    moved_after,
    speed_rad_s,
    stands_ns,
    torque_changes,
)
from benchmarks.stopping.robot import profile
from messaging.messages import OFF, JointState

pytestmark = pytest.mark.realtime

MS = 1_000_000
STOPS = 3
PROMPT_NS = 20 * MS  # for a busy machine; the servos' thread wakes up in far less


def states(*goals: float, gripper: float = 0.0) -> list[JointState]:
    """Return what a driver of an elbow and a gripper says that it wrote, every 10 ms."""
    nothing = np.zeros(0)
    return [
        JointState(
            arm="left",
            seq=place,
            t_sample_ns=10 * MS * place,
            joints=("left_elbow", "left_gripper"),
            position=np.zeros(2),
            velocity=np.zeros(2),
            current=nothing,
            temperature=nothing,
            voltage=nothing,
            age_s=nothing,
            errors=(),
            warnings=(),
            written=np.array([goal, gripper * place]),
            t_written_ns=10 * MS * place,
            t_command_ns=0,
            holding="",
        )
        for place, goal in enumerate(goals, start=1)
    ]


def test_speed_is_that_of_the_fastest_joint_and_not_of_the_gripper() -> None:
    assert speed_rad_s(states(0.0, 0.01, 0.02, 0.03, 0.04, 0.05)) == pytest.approx(1.0)
    assert speed_rad_s(states(*[0.5] * 6, gripper=0.1)) == 0.0
    assert speed_rad_s(states(0.0, 1.0)) == 0.0


def test_goals_count_as_standing_only_by_a_driver_that_knows_of_the_stop() -> None:
    before, unaware, aware = states(0.0, 0.1, 0.1)
    unaware = replace(unaware, permit=6, t_frozen_ns=20 * MS)
    assert stands_ns([before, unaware], 7) is None
    braking = replace(aware, permit=7)
    assert stands_ns([before, unaware, braking], 7) is None
    frozen = replace(aware, permit=8, t_written_ns=50 * MS, t_frozen_ns=40 * MS)
    assert stands_ns([before, unaware, braking, frozen], 7) == 40 * MS
    assert all_stand_ns({"left": [braking, frozen], "right": [frozen]}, 7) == 50 * MS
    assert all_stand_ns({"left": [frozen], "right": [braking]}, 7) is None


def test_goals_that_stood_anyway_stand_by_the_stop_once_the_driver_knows_of_it() -> None:
    (state,) = states(0.1)
    knows = replace(state, permit=7, t_written_ns=90 * MS, t_frozen_ns=10 * MS)
    assert stands_ns([knows], 7) == 90 * MS


def test_a_goal_that_moves_after_all_is_seen() -> None:
    assert not moved_after({"left": states(0.0, 0.1, 0.1, 0.1)}, 20 * MS)
    assert moved_after({"left": states(0.0, 0.1, 0.1, 0.2)}, 20 * MS)
    assert moved_after({"left": states(0.0, 0.0), "right": states(0.0, 0.1)}, 10 * MS)


def test_steps_are_taken_between_neighbouring_cycles_alone() -> None:
    told = states(0.0, 0.01, 0.03, 0.5)
    assert largest_step_rad(told) == pytest.approx(0.47)
    assert largest_step_rad([*told[:3], replace(told[3], seq=9)]) == pytest.approx(0.02)
    assert largest_step_rad([]) == 0.0


def test_changes_of_torque_are_counted_both_ways() -> None:
    first, second, third = states(0.0, 0.0, 0.0)
    assert torque_changes([first, replace(second, torque=OFF), third]) == 2
    assert torque_changes([first, second, third]) == 0


def test_the_last_change_and_the_first_braking_cycle_are_found() -> None:
    told = states(0.0, 0.1, 0.2, 0.2)
    assert last_change_ns(told, 10 * MS) == 30 * MS
    assert last_change_ns(told, 35 * MS) == 35 * MS
    assert brakes_ns(told) is None
    assert brakes_ns([*told[:2], replace(told[2], holding="no permit")]) == 30 * MS


def test_a_packet_of_goals_takes_the_time_of_its_bytes() -> None:
    # Header, id, length, instruction, address, length of each, seven ids with four bytes, checksum.
    assert goal_packet_s(profile("left")) == pytest.approx(
        (4 + 1 + 2 + 1 + 2 + 2 + 7 * 5 + 2) / 1e5
    )


def press(channel: str, pressed_ms: float | None, **fields: float | bool | None) -> Press:
    """Return a press that worked, where `fields` do not say otherwise."""
    given = {
        "confirmed_ms": 5.0,
        "stands_ns": 100 * MS,
        "stayed": True,
        "starts_a_program": False,
        **fields,
    }
    return Press(channel, "run", pressed_ms, **given)  # type: ignore[arg-type]


def test_a_press_is_missed_if_the_arms_went_on_or_moved_again() -> None:
    made = [press("key", 20.0), press("key", None), press("MQTT", 30.0, stayed=False)]
    figures = Presses(made).figures()
    assert figures["presses"] == 3
    assert figures["stops_missed"] == 2
    assert figures["stop_max_ms"] == 30.0
    assert figures["stop_key_p99_ms"] == 20.0


def test_a_press_that_waited_for_a_core_that_stood_still_is_told_apart() -> None:
    presses = Presses([press("key", 20.0), press("key", 60.0)])
    presses.stalls.found = [(30 * MS, 50 * MS)]  # the presses stood at 100 ms
    figures = presses.figures()
    assert figures["stops_in_stalls"] == 1
    assert figures["stop_p99_awake_ms"] == 20.0
    assert figures["stop_max_ms"] == 60.0


def test_a_press_in_a_shell_counts_from_its_own_stamp_and_both_are_told() -> None:
    made = [press("shell", 400.0, confirmed_ms=25.0, starts_a_program=True)]
    figures = Presses(made).figures()
    assert figures["stop_p99_ms"] == 25.0
    assert figures["stop_shell_with_start_p50_ms"] == 400.0


def test_kills_tell_the_worst_of_all_and_nothing_where_there_was_none() -> None:
    made = [Kill("controller", 80.0, 0.01, 0), Kill("journal", None, 0.02, 1)]
    figures = Kills(made).figures()
    assert figures["kill_max_step_rad"] == 0.02
    assert figures["kill_torque_changes"] == 1
    assert figures["kill_standstill_max_ms"] == 80.0
    assert Kills().figures() == {}
    assert str(made[0]) == "controller: stood 80 ms, step 0.0100 rad, torque 0"
    assert kills.cap_rad() == 0.1


def test_a_fault_is_found_late_if_signal_and_look_do_not_explain_its_time() -> None:
    found = Detections(
        [
            Finding(5, "a driver hangs", 60.0, 60.0 + SLACK_MS),
            Finding(5, "a driver hangs", 60.0, 61.0 + SLACK_MS),
        ]
    )
    assert found.figures() == {
        "detection_row_5_ms": 61.0 + SLACK_MS,
        "faults_detected_late": 1.0,
    }
    assert found.table().row_count == 1
    assert Detections().figures() == {}


def test_every_detector_finds_its_fault_in_time() -> None:
    found = findings(3)
    assert [finding.row for finding in found[::3]] == [2, 11, 12, 14, 16, 17, 20, 24]
    assert not [finding for finding in found if finding.late]


def test_every_number_of_stopping_has_a_target() -> None:
    keys = {target.key for part in targets().values() for target in part}
    assert keys >= {
        *("stop_p99_ms", "stops_missed", "kill_max_step_rad", "kill_torque_changes"),
        *("permit_lost_ms", "browsers_tick_ratio", "collision_check_us", "poses_touching"),
    }
    assert FULL.presses == 1000
    assert FULL.kills == 20
    assert QUICK.presses < 100


def test_the_picture_is_written_where_anything_was_pressed(tmp_path: Path) -> None:
    picture.draw({}, tmp_path / "none.png")
    assert not list(tmp_path.iterdir())
    picture.draw({"key": [20.0, 24.0], "MQTT": [31.0]}, tmp_path / "drawn.png")
    assert (tmp_path / "drawn.png").stat().st_size > 10_000


@pytest.fixture
def driven() -> Iterator[DrivenArm]:
    """Return a driver on emulated servos that have leave to move."""
    with driven_arm() as driven:
        yield driven


def test_the_stamp_of_a_frozen_goal_is_that_of_the_last_goal_in_the_servos(
    driven: DrivenArm,
) -> None:
    wire_ns = round(goal_packet_s(driven.arm.profile) * 1e9)
    for _ in range(STOPS):
        driven.until_following()
        forbidden_ns = driven.forbid()
        stop = driven.permitted[-1].seq
        driven.until(lambda: stands_ns(driven.states, stop), "the goal to stand")  # noqa: B023
        stamp_ns = stands_ns(driven.states, stop)
        assert stamp_ns is not None
        assert forbidden_ns < stamp_ns < forbidden_ns + 500 * MS
        driven.during(0.1)
        # Braking may end in a step smaller than a tick, so the servos may stand a little earlier.
        since_ns = forbidden_ns - 50 * MS
        assert since_ns < driven.arm.standing_since(since_ns) <= stamp_ns + wire_ns + PROMPT_NS
        driven.allow()


def test_a_child_that_is_not_yet_a_process_of_the_launch_is_none() -> None:
    # Forked and about to begin, it bears its parent's words.
    words = ["launch.py", "--robot", "aloha", "--set", "x=y"]
    child = [sys.executable, "-c", "input()", *words]
    with subprocess.Popen(child, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL):
        assert processes(os.getpid()) == {}
