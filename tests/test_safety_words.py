"""Whom each finding is about, and what people are told of it, word by word."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from findings import CONFIG, MS, NOW, REAL, only
from guarded_robot import ARMS, PROCESSES, RANGES, control_status, heartbeat, joint_state

from safety.arm_watch import ArmWatch
from safety.cause import Cause
from safety.config import SafetyConfig
from safety.control_watch import ControlWatch
from safety.process_watch import BROWSERS, ProcessWatch
from safety.watch import Heard, Watch

SLOW = SafetyConfig(
    arm_silent_s=2.0,
    controller_silent_s=2.0,
    camera_age_s=2.0,
    sample_age_s=2.0,
    refused_commands=1,
)
SENSING = ("running",)
CAMERA = "camera.cam_high"
PULLED = np.array([0.5, 0.0])
OUTSIDE = np.array([-1.2, 0.0])
LASTING = 10_000 * MS


def of_arm(**changes: Any) -> Cause:
    """Return what is found of the left arm that has been so for ten seconds."""
    ranges = {joint: ends for joint, ends in RANGES.items() if joint.startswith("left")}
    watch, state = ArmWatch("left", ranges, SLOW, REAL), joint_state(**changes)
    watch.look(state, NOW, NOW)
    return only(watch.look(state, NOW + LASTING, NOW + LASTING))


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        (
            {"joints": ("left_waist",)},
            Cause(
                16,
                "left",
                "arm left speaks of ('left_waist',), expected ('left_waist', 'left_gripper')",
            ),
        ),
        (
            {"age_s": np.array([2.1, 0.0])},
            Cause(8, "left_waist", "left_waist has not answered for more than 2000 ms"),
        ),
        (
            {"errors": ("waist: 7.5 A",)},
            Cause(10, "left waist:  A", "arm left: waist: 7.5 A"),
        ),
        (
            {"temperature": np.array([70.0, 30.0])},
            Cause(
                11,
                "left_waist",
                "left_waist reached 70 degrees: let it cool below 55",
                stop="rest_then_off",
            ),
        ),
        (
            {"voltage": np.array([10.1, 12.0])},
            Cause(12, "left", "arm left has less than 10.2 V: look at its power supply"),
        ),
        (
            {"position": PULLED},
            Cause(
                14,
                "left_waist",
                "left_waist is more than 0.35 rad from where it is told to be: see what holds it",
            ),
        ),
        (
            {"position": OUTSIDE, "written": OUTSIDE},
            Cause(
                17,
                "left_waist",
                "left_waist is measured more than 0.1 rad outside of its range: bring it back by "
                "hand with the 12 V switch off",
            ),
        ),
        (
            {"holding": "command is too old"},
            Cause(16, "left", "arm left refused 1 times: command is too old"),
        ),
    ],
)
def test_an_arm(changes: dict[str, Any], cause: Cause) -> None:
    assert of_arm(**changes) == cause


def test_an_arm_that_does_not_speak() -> None:
    watch = ArmWatch("left", {"left_waist": (-1.0, 1.0)}, SLOW, REAL)
    assert only(watch.look(None, 0, NOW)) == Cause(
        5, "left", "arm left has not been heard yet", phases=()
    )
    silent = watch.look(joint_state(joints=("left_waist",)), NOW, NOW + LASTING)
    assert only(silent) == Cause(5, "left", "arm left is silent for more than 2000 ms")


@pytest.mark.parametrize(
    ("changes", "row", "text"),
    [
        ({"starved_s": 9.0}, 2, "has had no new actions for more than 0.5 s: see the policy"),
        ({"blocked_s": 9.0}, 20, "keeps the arms from touching something for more than 1 s"),
        ({"late_us": 10_001.0}, 24, "was more than a period late 3 times in a row"),
        ({"t_ns": NOW - LASTING}, 4, "is silent for more than 2000 ms"),
    ],
)
def test_the_controller(changes: dict[str, Any], row: int, text: str) -> None:
    watch = ControlWatch(SLOW, 100.0, REAL)
    status = {"t_ns": NOW} | changes
    watch.hear(control_status(seq=seq, **status) for seq in (1, 3, 5))
    assert only(watch.look(0, NOW, True)) == Cause(row, "controller", f"the controller {text}")


def test_a_controller_that_does_not_speak() -> None:
    assert only(ControlWatch(SLOW, 100.0, REAL).look(0, NOW, True)) == Cause(
        4, "controller", "the controller has not been heard yet", phases=()
    )


@pytest.mark.parametrize(
    ("beat", "text"),
    [
        ({"quiet_s": 2.0}, "is silent for more than 2000 ms"),
        ({"note": "LOST: out: see its cable", "quiet_s": 60.0}, "is LOST: out: see its cable"),
        ({"age_ms": 2001.0, "quiet_s": 60.0}, "has had no image for more than 2000 ms"),
    ],
)
def test_a_camera(beat: dict[str, Any], text: str) -> None:
    watch = ProcessWatch(CAMERA, 0.15, SLOW, REAL, is_needed=True)
    watch.hear(heartbeat(CAMERA, **beat), NOW)
    found = watch.look(0, NOW + LASTING)
    assert only(found) == Cause(22, CAMERA, f"{CAMERA} {text}", phases=())
    assert found.waits == (f"{CAMERA} {text}",)


def test_a_process_that_died() -> None:
    watch = ProcessWatch("policy_worker", 0.15, CONFIG, REAL)
    for pid in (1, 2, 2):  # it may be back before anybody looks
        watch.hear(heartbeat("policy_worker", pid=pid), NOW)
    assert only(watch.look(0, NOW)) == Cause(
        3, "policy_worker", "policy_worker died and was started anew", phases=SENSING
    )


def test_a_page_that_nobody_has_open() -> None:
    watch = ProcessWatch("dashboard", 0.5, SafetyConfig(deadman=True), REAL)
    watch.hear(heartbeat("dashboard", counters={BROWSERS: 0}), NOW)
    assert only(watch.look(0, NOW)) == Cause(
        7, "dashboard", "nobody has had the dashboard's page open for more than 1.5 s"
    )


def test_the_safety_process_itself() -> None:
    watch = Watch(ARMS, RANGES, PROCESSES, CONFIG)
    for now_ns in (NOW, NOW + 2300 * MS):
        heard = Heard(
            {arm: joint_state(arm, t_written_ns=now_ns) for arm in ARMS},
            [control_status(t_ns=now_ns)],
            {name: heartbeat(name) for name in PROCESSES},
        )
        found = watch.look(heard, now_ns, True)
    assert only(found) == Cause(
        6, "safety", "the safety process was away for 2300 ms: see what kept it"
    )
