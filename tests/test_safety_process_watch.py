"""What processes say, or do not: what is found at each threshold, and what passes."""

from __future__ import annotations

from typing import Any

import pytest
from findings import CONFIG, MS, NOW, REAL, only
from guarded_robot import PROCESSES, heartbeat

from safety.cause import Cause, Findings
from safety.config import SafetyConfig
from safety.process_watch import BROWSERS, ProcessWatch


def process(name: str, since_ms: float = 0.0, config: SafetyConfig = CONFIG, **beat: Any) -> Any:
    watch = ProcessWatch(name, 0.15, config, REAL, is_needed=True)
    watch.hear(heartbeat(name, **beat), NOW)
    return watch.look(0, NOW + round(since_ms * MS))


@pytest.mark.parametrize("name", [*PROCESSES, "mqtt", "twin", "button.pedal"])
def test_a_healthy_process_is_found_healthy(name: str) -> None:
    assert process(name, 100.0) == Findings()


@pytest.mark.parametrize(
    ("name", "row", "phases"),
    [
        ("policy_worker", 3, ("running",)),
        ("controller", 4, ("testing", "armed", "running")),
        ("arm.left", 5, ("testing", "armed", "running")),
        ("twin", 5, ("testing", "armed", "running")),
        ("button.pedal", 1, ("testing", "armed", "running")),
    ],
)
def test_rows_3_to_5_a_silent_process(name: str, row: int, phases: tuple[str, ...]) -> None:
    assert process(name, 140.0) == Findings()
    cause = only(process(name, 151.0))
    assert (cause.row, cause.phases, cause.subject) == (row, phases, name)
    assert "silent for more than 150 ms" in cause.text


def test_who_says_that_its_work_takes_longer_may_be_silent_for_longer() -> None:
    assert process("policy_worker", 400.0, quiet_s=0.4) == Findings()
    assert process("policy_worker", 401.0, quiet_s=0.4).causes


def test_a_process_that_starts_only_keeps_from_starting() -> None:
    watch = ProcessWatch("policy_worker", 0.15, CONFIG, REAL)
    assert only(watch.look(0, NOW)) == Cause(
        3, "policy_worker", "policy_worker is not ready", phases=()
    )
    assert only(process("policy_worker", 9000.0, ready=False, note="loading")).text == (
        "policy_worker is not ready: loading"
    )


def test_a_process_that_died_and_is_back_is_told_once() -> None:
    watch = ProcessWatch("controller", 0.15, CONFIG, REAL)
    watch.hear(heartbeat("controller", pid=1), NOW)
    watch.hear(heartbeat("controller", pid=2, ready=False), NOW)
    assert "died" in only(watch.look(0, NOW)).text
    assert "not ready" in only(watch.look(0, NOW)).text
    watch.hear(heartbeat("controller", pid=2), NOW)
    assert watch.look(0, NOW) == Findings()


@pytest.mark.parametrize(
    ("note", "age_ms", "is_fine"),
    [
        ("OK: stamped by arrival", 100.0, True),
        ("STALE: no new image for 0.1 s", 120.0, True),
        ("STALE: no new image for 0.2 s", 151.0, False),
        ("OK: stamped by arrival", 151.0, False),
        ("FROZEN: the same image for 1.0 s", 10.0, False),
        ("LOST: unplugged", 10.0, False),
    ],
)
def test_row_22_cameras(note: str, age_ms: float, is_fine: bool) -> None:
    found = process("camera.cam_high", note=note, age_ms=age_ms)
    assert (found == Findings()) == is_fine
    assert all(cause.phases == () for cause in found.causes), "it only keeps from starting"
    assert found.waits == tuple(cause.text for cause in found.causes)


@pytest.mark.parametrize(
    "beat", [{"ready": False}, {"note": "LOST: unplugged"}, {"age_ms": 151.0}, {"t_ns": -1}]
)
def test_row_22_a_camera_that_nobody_needs_only_warns(beat: dict[str, Any]) -> None:
    for is_needed in (True, False):
        watch = ProcessWatch("camera.cam_low", 0.15, CONFIG, REAL, is_needed=is_needed)
        watch.hear(heartbeat("camera.cam_low", **beat), NOW)
        found = watch.look(0, NOW + 151 * MS * ("t_ns" in beat))
        assert (len(found.causes), len(found.waits)) == (is_needed, is_needed)
        assert len(found.warnings) == (not is_needed)


def test_row_22_a_camera_that_was_started_anew_is_waited_for_and_no_more() -> None:
    watch = ProcessWatch("camera.cam_high", 0.15, CONFIG, REAL, is_needed=True)
    watch.hear(heartbeat("camera.cam_high", pid=1), NOW)
    watch.hear(heartbeat("camera.cam_high", pid=2, ready=False), NOW)
    assert watch.look(0, NOW).waits == ("camera.cam_high is not ready: OK: stamped by arrival",)
    watch.hear(heartbeat("camera.cam_high", pid=2), NOW)
    assert watch.look(0, NOW) == Findings()


def test_row_22_an_image_ages_between_heartbeats() -> None:
    assert process("camera.cam_high", 50.0, age_ms=100.0) == Findings()
    assert only(process("camera.cam_high", 51.0, age_ms=100.0)).row == 22


def test_row_7_a_lost_dashboard_warns_or_with_a_dead_man_s_switch_stops() -> None:
    assert process("dashboard", 1500.0) == Findings()
    assert process("dashboard", 1501.0).warnings == ("the dashboard is silent for more than 1.5 s",)
    deadman = SafetyConfig(deadman=True)
    awake = {"counters": {BROWSERS: 1}, "age_ms": 0.0}
    assert process("dashboard", 1500.0, deadman, **awake) == Findings()
    assert only(process("dashboard", 1501.0, deadman, **awake)).row == 7
    assert only(process("dashboard", 0.0, deadman, counters={BROWSERS: 0})).row == 7
    asleep = awake | {"age_ms": 1000.0}  # its link is open still
    assert process("dashboard", 500.0, deadman, **asleep) == Findings()
    assert only(process("dashboard", 501.0, deadman, **asleep)).row == 7
    assert ProcessWatch("dashboard", 0.5, CONFIG, REAL).look(0, NOW).warnings


def test_rows_25_and_28_a_journal_or_a_bridge_in_trouble_warns() -> None:
    assert process("journal", note="cannot write, lost 3 records").warnings == (
        "journal: cannot write, lost 3 records",
    )
    lost = "WARNING: broker lost: refused"
    assert process("mqtt", note=lost).warnings == (f"mqtt: {lost}",)
    assert process("mqtt", note="connected") == Findings()
    assert process("button.pedal", note="WARNING: LOST: unplugged").warnings
    assert process("journal", 150.0) == Findings()
    assert process("journal", 151.0).warnings == ("journal is silent",)
    assert process("mqtt", ready=False).warnings == ("mqtt is not ready",)
    assert ProcessWatch("mqtt", 0.5, CONFIG, REAL).look(0, NOW).warnings
