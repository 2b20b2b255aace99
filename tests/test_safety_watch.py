"""All detectors together, and their thresholds."""

from __future__ import annotations

from typing import Any

import pytest
from findings import CONFIG, MS, NOW, only, rows
from guarded_robot import ARMS, PROCESSES, RANGES, control_status, heartbeat, joint_state
from pydantic import ValidationError

from safety.cause import Cause, Findings, joined
from safety.config import SafetyConfig
from safety.facts import ArmFact
from safety.watch import Heard, Watch


def healthy(now_ns: int) -> Heard:
    return Heard(
        {arm: joint_state(arm, t_written_ns=now_ns) for arm in ARMS},
        [control_status(t_ns=now_ns)],
        {name: heartbeat(name) for name in PROCESSES},
    )


def watch(config: SafetyConfig = CONFIG) -> Watch:
    return Watch(ARMS, RANGES, PROCESSES, config, ("cam_high",))


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
    all_of_it = watch(SafetyConfig(patience=patience))
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


def test_a_pause_of_fifty_milliseconds_is_none() -> None:
    for pause_ms, found_rows in ((50, [5, 5]), (51, [])):
        all_of_it = watch()
        all_of_it.look(healthy(NOW), NOW, True)
        all_of_it.look(NOTHING, NOW + 20 * MS, True)
        found = all_of_it.look(NOTHING, NOW + (20 + pause_ms) * MS, True)
        assert rows(found) == found_rows


def test_row_2_only_while_a_policy_may_command() -> None:
    for running in (True, False):
        starved = Heard({}, [control_status(t_ns=NOW, starved_s=9.0)])
        found = watch().look(starved, NOW, running)
        assert (2 in rows(found)) == running


def test_row_6_an_absence_for_longer_than_a_permit_lives_holds_and_one_of_a_hang_stops() -> None:
    for away_ms, stops in ((201, False), (2000, False), (2001, True)):
        all_of_it = watch()
        all_of_it.look(healthy(NOW), NOW, True)
        found = all_of_it.look(NOTHING, NOW + away_ms * MS, True)
        assert (rows(found), found.held) == ([6] * stops, not stops)
        assert found.holds == (f"the machine stood still for {away_ms} ms",) * (not stops)
        later_ns = NOW + (away_ms + 20) * MS
        assert all_of_it.look(healthy(later_ns), later_ns, True) == Findings()
    all_of_it = watch()
    all_of_it.look(healthy(NOW), NOW, True)
    assert all_of_it.look(healthy(NOW + 200 * MS), NOW + 200 * MS, True) == Findings()
    assert all_of_it.look(healthy(NOW + 220 * MS), NOW + 220 * MS, True) == Findings()


def test_what_arms_say_of_the_permit_is_kept() -> None:
    all_of_it = watch()
    assert all_of_it.arms() == {"left": None, "right": None}
    for torque, is_off in (("on", False), ("off", True), ("mixed", False)):
        said = joint_state(permit=7, t_written_ns=6, t_frozen_ns=5, torque=torque)
        all_of_it.look(Heard({"left": said}, []), NOW, False)
        assert all_of_it.arms()["left"] == ArmFact(7, 6, 5, is_off)


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
