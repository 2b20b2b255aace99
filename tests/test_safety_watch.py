"""Every detector: what it finds at its threshold, what it lets pass, and that it clears."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from guarded_robot import (
    ARMS,
    PROCESSES,
    RANGES,
    TICK_NS,
    control_status,
    heartbeat,
    joint_state,
)
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydantic import ValidationError

from drivers import guard, leave
from messaging.messages import ControlStatus
from safety.arm_watch import ArmWatch
from safety.cause import Cause, Findings, joined
from safety.config import SafetyConfig
from safety.control_watch import ControlWatch
from safety.process_watch import BROWSERS, ProcessWatch
from safety.watch import Heard, Watch

MS = 1_000_000
NOW = 1_000_000 * MS
CONFIG = SafetyConfig()
LEFT = {joint: ends for joint, ends in RANGES.items() if joint.startswith("left")}


def arm_watch() -> ArmWatch:
    return ArmWatch("left", LEFT, CONFIG)


def look(watch: ArmWatch, now_ns: int = NOW, **changes: Any) -> Findings:
    return watch.look(joint_state(**changes), now_ns, now_ns)


def only(found: Findings) -> Cause:
    (cause,) = found.causes
    return cause


def rows(found: Findings) -> list[int]:
    return [cause.row for cause in found.causes]


def test_a_healthy_arm_is_found_healthy() -> None:
    assert look(arm_watch()) == Findings()
    empty = np.empty(0)
    assert look(arm_watch(), temperature=empty, voltage=empty, age_s=empty) == Findings()


def test_an_arm_not_heard_yet_only_keeps_from_starting() -> None:
    cause = only(arm_watch().look(None, 0, NOW))
    assert (cause.row, cause.phases) == (5, ())


def test_row_5_a_silent_arm() -> None:
    watch, state = arm_watch(), joint_state()
    assert watch.look(state, NOW, NOW + 60 * MS) == Findings()
    assert only(watch.look(state, NOW, NOW + 61 * MS)).text == (
        "arm left is silent for more than 60 ms"
    )


def test_an_arm_with_other_joints_than_expected() -> None:
    assert only(look(arm_watch(), joints=("left_waist",))).row == 16


def test_row_8_a_joint_that_missed_readings() -> None:
    assert not look(arm_watch(), age_s=np.array([0.03, 0.0])).causes
    cause = only(look(arm_watch(), age_s=np.array([0.031, 0.0])))
    assert (cause.row, cause.subject) == (8, "left_waist")


def test_row_10_what_the_driver_calls_an_error_whatever_its_numbers() -> None:
    first = only(look(arm_watch(), errors=("waist: silent for 0.1 s",)))
    second = only(look(arm_watch(), errors=("waist: silent for 0.7 s",)))
    assert (first.row, first.text) == (10, "arm left: waist: silent for 0.1 s")
    assert first.key == second.key


def test_row_10_an_arm_may_be_unfit_for_as_long_as_its_robot_allows() -> None:
    watch = ArmWatch("left", LEFT, SafetyConfig(unfit_s=0.5))
    assert not look(watch, NOW, errors=("waist is silent",)).causes
    assert not look(watch, NOW + 499 * MS, errors=("waist is silent",)).causes
    assert only(look(watch, NOW + 500 * MS, errors=("waist is silent",))).row == 10
    assert not look(watch, NOW + 510 * MS).causes
    assert not look(watch, NOW + 520 * MS, errors=("waist is silent",)).causes


def test_patience_stretches_how_late_anybody_may_be_and_nothing_else() -> None:
    patient = SafetyConfig(patience=5.0).patient()
    assert patient == SafetyConfig(
        starved_s=2.5,
        controller_silent_s=0.5,
        arm_silent_s=0.3,
        sample_age_s=0.15,
        camera_age_s=0.75,
        overruns=15,
    )


def test_row_9_what_the_driver_warns_of() -> None:
    assert look(arm_watch(), warnings=("bus is noisy",)).warnings == ("arm left: bus is noisy",)


@pytest.mark.parametrize(
    ("degrees", "warnings", "speed", "causes"),
    [(59.9, 0, 1.0, 0), (60.0, 1, 1.0, 0), (65.0, 1, 0.5, 0), (70.0, 1, 0.5, 1)],
)
def test_row_11_heat(degrees: float, warnings: int, speed: float, causes: int) -> None:
    found = look(arm_watch(), temperature=np.array([degrees, 30.0]))
    assert (len(found.warnings), found.speed, len(found.causes)) == (warnings, speed, causes)
    assert all(cause.stop == "rest_then_off" for cause in found.causes)


def test_row_11_what_was_too_hot_stays_so_until_it_has_cooled() -> None:
    watch = arm_watch()
    look(watch, temperature=np.array([70.0, 30.0]))
    assert rows(look(watch, temperature=np.array([55.0, 30.0]))) == [11]
    assert look(watch, temperature=np.array([54.9, 30.0])) == Findings()


def test_heat_of_a_motor_without_a_sensor_is_no_heat() -> None:
    assert look(arm_watch(), temperature=np.array([np.nan, 30.0])) == Findings()


def test_row_12_low_voltage_warns_and_if_it_lasts_stops() -> None:
    watch = arm_watch()
    assert look(watch, voltage=np.array([11.0, 12.0])) == Findings()
    assert look(watch, voltage=np.array([10.9, 12.0])).warnings == (
        "arm left has 10.9 V, expected 12: look at its power supply",
    )
    low = np.array([10.1, np.nan])
    assert not look(watch, NOW, voltage=low).causes
    assert not look(watch, NOW + 99 * MS, voltage=low).causes
    assert only(look(watch, NOW + 100 * MS, voltage=low)).row == 12
    assert not look(watch, NOW + 120 * MS, voltage=np.array([10.5, 12.0])).causes
    assert not look(watch, NOW + 140 * MS, voltage=low).causes
    assert look(watch, NOW + 160 * MS) == Findings()


def test_row_14_a_joint_that_lags_for_long() -> None:
    watch, far = arm_watch(), np.array([0.36, 0.0])
    assert not look(watch, NOW, position=far).causes
    assert not look(watch, NOW + 199 * MS, position=far).causes
    cause = only(look(watch, NOW + 200 * MS, position=far))
    assert (cause.row, cause.subject) == (14, "left_waist")
    assert not look(watch, NOW + 210 * MS, position=np.array([0.35, 0.0])).causes
    assert not look(watch, NOW + 220 * MS, position=far).causes


def test_row_14_neither_a_gripper_nor_an_arm_let_go_lags() -> None:
    watch = arm_watch()
    for now_ns in (NOW, NOW + 300 * MS):
        assert not look(watch, now_ns, position=np.array([0.0, 0.9])).causes
    watch = arm_watch()
    for now_ns in (NOW, NOW + 300 * MS):
        assert not look(watch, now_ns, position=np.array([0.9, 0.0]), torque="off").causes


def test_row_14_a_place_that_is_no_number_is_no_place_to_be() -> None:
    watch, nowhere = arm_watch(), np.array([np.nan, 0.0])
    assert rows(look(watch, NOW, position=nowhere)) == [17]
    assert rows(look(watch, NOW + 200 * MS, position=nowhere)) == [14, 17]


@pytest.mark.parametrize("place", [1.101, -1.101])
def test_row_17_a_joint_measured_outside_of_its_range(place: float) -> None:
    at = np.array([place, 0.0])
    assert rows(look(arm_watch(), position=at, written=at)) == [17]
    at = np.array([1.1, 5.0])
    assert not look(arm_watch(), position=at, written=at).causes


@pytest.mark.parametrize(
    ("reason", "is_fault"),
    [
        (guard.MISSHAPEN, True),
        (guard.NOT_FINITE, True),
        (guard.TOO_OLD, True),
        (guard.BEYOND_LIMITS, True),
        (guard.TOO_FAR, True),
        (guard.MISSING, False),
        (guard.STOPPING, False),
        (guard.UNSTEADY, False),
        (guard.RETURNING, False),
        (leave.NO_PERMIT, False),
        (leave.NO_LEAVE, False),
        (leave.OTHER_LEAVE, False),
    ],
)
def test_row_16_a_guard_s_reasons_are_told_apart(reason: str, is_fault: bool) -> None:
    watch = arm_watch()
    look(watch, seq=1, holding=reason)
    assert bool(look(watch, seq=3, holding=reason).causes) == is_fault


def test_row_16_commands_refused_three_times_in_a_row() -> None:
    watch = arm_watch()
    bad: Any = {"holding": "command is not finite"}
    assert not look(watch, seq=1, **bad).causes
    assert not look(watch, seq=2, **bad).causes
    assert only(look(watch, seq=3, **bad)).text == (
        "arm left refused 3 times: command is not finite"
    )
    assert not look(watch, seq=4, holding="command is too old").causes
    assert only(look(watch, seq=6, holding="command is too old")).row == 16
    assert not look(watch, seq=7, holding="no command").causes
    assert not look(watch, seq=9, **bad).causes


@given(
    position=arrays(np.float64, 2, elements=st.floats()),
    written=arrays(np.float64, 2, elements=st.floats()),
    temperature=arrays(np.float64, 2, elements=st.floats()),
    voltage=arrays(np.float64, 2, elements=st.floats()),
    age_s=arrays(np.float64, 2, elements=st.floats()),
)
def test_no_number_that_an_arm_reports_stops_the_watch(**reported: Any) -> None:
    with np.errstate(all="ignore"):
        found = look(arm_watch(), **reported)
    assert found.speed in (1.0, 0.5)
    if not (np.abs(reported["position"][0]) <= 1.1):
        assert 17 in rows(found)


def control(*statuses: ControlStatus) -> ControlWatch:
    watch = ControlWatch(CONFIG, 100.0)
    watch.hear(statuses)
    return watch


def judged(status: ControlStatus, running: bool = True) -> Findings:
    return control(status).look(0, status.t_ns, running)


def test_a_healthy_controller_is_found_healthy() -> None:
    assert judged(control_status()) == Findings()


def test_a_controller_not_heard_yet_only_keeps_from_starting() -> None:
    assert only(control().look(0, NOW, False)).phases == ()


def test_row_4_a_silent_controller() -> None:
    watch = control(control_status(t_ns=NOW))
    assert watch.look(0, NOW + 100 * MS, False) == Findings()
    assert only(watch.look(0, NOW + 101 * MS, False)).row == 4
    assert watch.look(NOW + 50 * MS, NOW + 101 * MS, False) == Findings()


def test_row_2_a_starved_plan_stops_only_a_run() -> None:
    assert not judged(control_status(starved_s=0.5)).causes
    assert only(judged(control_status(starved_s=0.51))).row == 2
    assert not judged(control_status(starved_s=9.0), running=False).causes


def test_row_20_arms_blocked_by_what_they_would_touch() -> None:
    assert not judged(control_status(blocked_s=1.0), running=False).causes
    assert only(judged(control_status(blocked_s=1.01), running=False)).row == 20


def test_row_24_three_ticks_in_a_row_more_than_a_period_late() -> None:
    late = {"late_us": 10_001.0}
    watch = control(control_status(seq=1, **late), control_status(seq=3, **late))
    assert not watch.look(0, 0, False).causes
    watch.hear([control_status(seq=5, **late)])
    assert only(watch.look(0, 0, False)).row == 24
    watch.hear([control_status(seq=7)])
    assert not watch.look(0, 0, False).causes


def test_row_24_a_tick_that_took_the_next_beat_is_late_too() -> None:
    gaps = [control_status(seq=i, t_ns=i * (2 * TICK_NS + 1)) for i in range(4)]
    watch = control(*gaps)
    assert only(watch.look(0, gaps[-1].t_ns, False)).row == 24
    steady = control(*(control_status(seq=i, t_ns=i * TICK_NS) for i in range(4)))
    assert not steady.look(0, 3 * TICK_NS, False).causes


def test_row_24_one_tick_in_a_hundred_late_warns_until_the_window_has_passed() -> None:
    slow = [control_status(seq=2 * i, late_us=2001.0) for i in range(10)]
    watch = control(*slow)
    assert not watch.look(0, 0, False).warnings
    watch.hear([control_status(seq=100, late_us=2001.0)])
    assert watch.look(0, 0, False).warnings == (
        "1 % of the controller's ticks are late by over 20% of a period",
    )
    watch.hear([control_status(seq=102 + 2 * i) for i in range(1000)])
    assert not watch.look(0, 0, False).warnings


def process(name: str, since_ms: float = 0.0, config: SafetyConfig = CONFIG, **beat: Any) -> Any:
    watch = ProcessWatch(name, 0.15, config)
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
        ("camera.cam_high", 22, ("running",)),
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
    watch = ProcessWatch("policy_worker", 0.15, CONFIG)
    assert only(watch.look(0, NOW)) == Cause(
        3, "policy_worker", "policy_worker is not ready", phases=()
    )
    assert only(process("policy_worker", 9000.0, ready=False, note="loading")).text == (
        "policy_worker is not ready: loading"
    )


def test_a_process_that_died_and_is_back_is_told_once() -> None:
    watch = ProcessWatch("controller", 0.15, CONFIG)
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
    assert all(cause.phases == ("running",) for cause in found.causes)


def test_row_22_an_image_ages_between_heartbeats() -> None:
    assert process("camera.cam_high", 50.0, age_ms=100.0) == Findings()
    assert only(process("camera.cam_high", 51.0, age_ms=100.0)).row == 22


def test_row_7_a_lost_dashboard_warns_or_with_a_dead_man_s_switch_stops() -> None:
    assert process("dashboard", 1500.0) == Findings()
    assert process("dashboard", 1501.0).warnings == ("the dashboard is silent for more than 1.5 s",)
    deadman = SafetyConfig(deadman=True)
    watched = {BROWSERS: 1}
    assert process("dashboard", 1500.0, deadman, counters=watched) == Findings()
    assert only(process("dashboard", 1501.0, deadman, counters=watched)).row == 7
    assert only(process("dashboard", 0.0, deadman, counters={BROWSERS: 0})).row == 7
    assert ProcessWatch("dashboard", 0.5, CONFIG).look(0, NOW).warnings


def test_rows_25_and_28_a_journal_or_a_bridge_in_trouble_warns() -> None:
    assert process("journal", note="cannot write, lost 3 records").warnings == (
        "journal: cannot write, lost 3 records",
    )
    lost = "WARNING: broker lost: refused"
    assert process("mqtt", note=lost).warnings == (f"mqtt: {lost}",)
    assert process("mqtt", note="connected") == Findings()
    assert process("button.pedal", note="WARNING: LOST: unplugged").warnings
    assert process("journal", 151.0).warnings == ("journal is silent",)
    assert process("mqtt", ready=False).warnings == ("mqtt is not ready",)
    assert ProcessWatch("mqtt", 0.5, CONFIG).look(0, NOW).warnings


def healthy(now_ns: int) -> Heard:
    return Heard(
        {arm: joint_state(arm, t_written_ns=now_ns) for arm in ARMS},
        [control_status(t_ns=now_ns)],
        {name: heartbeat(name) for name in PROCESSES},
    )


def watch() -> Watch:
    return Watch(ARMS, RANGES, PROCESSES, CONFIG)


NOTHING = Heard({}, [], {})


def test_a_healthy_robot_is_found_healthy() -> None:
    assert watch().look(healthy(NOW), NOW, True) == Findings()


def test_of_a_robot_not_heard_yet_everything_is_missing() -> None:
    found = watch().look(NOTHING, NOW, False)
    subjects = {cause.subject for cause in found.causes}
    assert {"left", "right", *PROCESSES} - {"journal", "dashboard"} == subjects
    assert all(cause.phases == () for cause in found.causes)


def test_between_heartbeats_what_was_found_of_processes_stays() -> None:
    all_of_it = watch()
    all_of_it.look(healthy(NOW), NOW, True)
    beats = {"policy_worker": heartbeat("policy_worker", ready=False)}
    for heartbeats in (beats, None):
        found = all_of_it.look(Heard({}, [], heartbeats), NOW + MS, True)
        assert only(found).subject == "policy_worker"


def silences(patience: float) -> dict[str, int]:
    """Return after how many looks, 20 ms apart, each silence is found."""
    all_of_it = Watch(ARMS, RANGES, PROCESSES, SafetyConfig(patience=patience))
    all_of_it.look(healthy(NOW), NOW, True)
    first: dict[str, int] = {}
    for count in range(1, 100):
        for cause in all_of_it.look(NOTHING, NOW + count * 20 * MS, True).causes:
            first.setdefault(cause.subject, count)
    return first


def test_a_patient_watch_bears_longer_silences_of_everybody() -> None:
    strict, patient = silences(1.0), silences(2.0)
    assert strict.keys() == patient.keys()
    assert all(2 * strict[name] - 2 <= patient[name] <= 2 * strict[name] for name in strict)


def test_silence_is_not_judged_right_after_a_pause_of_its_own() -> None:
    all_of_it = watch()
    all_of_it.look(healthy(NOW), NOW, True)
    assert all_of_it.look(NOTHING, NOW + 190 * MS, True) == Findings()
    found = all_of_it.look(NOTHING, NOW + 230 * MS, True)
    assert found == Findings()
    assert rows(all_of_it.look(NOTHING, NOW + 255 * MS, True)) == [5, 5]


def test_row_6_an_absence_for_as_long_as_a_permit_lives_is_a_cause_itself() -> None:
    all_of_it = watch()
    all_of_it.look(healthy(NOW), NOW, True)
    assert only(all_of_it.look(NOTHING, NOW + 201 * MS, True)).row == 6
    assert all_of_it.look(healthy(NOW + 220 * MS), NOW + 220 * MS, True) == Findings()


def test_what_arms_say_of_the_permit_is_kept() -> None:
    all_of_it = watch()
    assert all_of_it.arms() == {"left": None, "right": None}
    all_of_it.look(Heard({"left": joint_state(permit=7, t_frozen_ns=5)}, []), NOW, False)
    left = all_of_it.arms()["left"]
    assert left
    assert (left.permit, left.t_frozen_ns) == (7, 5)


def test_arms_are_at_rest_under_the_permit_that_the_controller_names() -> None:
    all_of_it = watch()
    assert all_of_it.rested() == 0
    for mode, arrived, epoch in (("rest", True, 9), ("rest", False, 0), ("home", True, 0)):
        status = control_status(mode=mode, arrived=arrived, permit=9)
        all_of_it.look(Heard({}, [status]), NOW, False)
        assert all_of_it.rested() == epoch


def test_nothing_found_is_healthy() -> None:
    assert joined([]) == Findings()


def test_findings_are_joined_to_all_that_is_wrong_and_the_lowest_speed() -> None:
    low, high = Cause(1, "low", "is low"), Cause(2, "high", "is high")
    findings = [Findings((low,), ("hot",), 0.5), Findings((high,), ("hotter",), 0.8)]
    assert joined(findings) == Findings((low, high), ("hot", "hotter"), 0.5)


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperature_slow": 59.0},
        {"temperature_cool": 60.0},
        {"voltage_hold": 11.0},
        {"hot_speed": 1.5},
        {"hot_speed": 0.0},
        {"starved_s": 0.0},
        {"unheard_of": 1},
    ],
)
def test_thresholds_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SafetyConfig(**wrong)


def test_the_state_directory_is_the_user_s_unless_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert CONFIG.state_directory("aloha") == tmp_path / "evenhand" / "aloha"
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert CONFIG.state_directory("aloha") == tmp_path / ".local/state/evenhand/aloha"
    assert SafetyConfig(directory=tmp_path).state_directory("aloha") == tmp_path
