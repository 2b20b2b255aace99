"""What an arm says: what is found at each threshold, what passes, and that it clears."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from findings import CONFIG, MS, NOW, REAL, only, rows
from guarded_robot import RANGES, joint_state
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from drivers import guard, leave
from safety.arm_watch import ArmWatch
from safety.cause import Findings
from safety.config import SafetyConfig
from safety.stall import Stalls

LEFT = {joint: ends for joint, ends in RANGES.items() if joint.startswith("left")}


def arm_watch() -> ArmWatch:
    return ArmWatch("left", LEFT, CONFIG, REAL)


def look(watch: ArmWatch, now_ns: int = NOW, **changes: Any) -> Findings:
    return watch.look(joint_state(**changes), now_ns, now_ns)


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


def test_row_8_what_ages_while_its_driver_stands_still_is_no_silence() -> None:
    aged: dict[str, Any] = {"age_s": np.array([0.43, 0.4]), "late_s": 0.4}
    assert look(arm_watch(), **aged) == Findings()
    longer = look(arm_watch(), **{**aged, "age_s": np.array([0.431, 0.4])})
    assert only(longer).subject == "left_waist"


def test_rows_8_and_27_motors_that_their_driver_does_not_hear() -> None:
    silence = ("no motor answers",)
    for stalls, found in ((REAL, True), (Stalls(1.5), False)):
        watch = ArmWatch("left", LEFT, CONFIG, stalls)
        look(watch)
        now = look(watch, NOW + 20 * MS, errors=(*silence, "elbow: overload"), unheard=silence)
        texts = [cause.text for cause in now.causes]
        assert ("arm left: no motor answers" in texts) == found, "an overload never waits"
        assert ("arm left: elbow: overload" in texts, now.held) == (True, not found)


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


def test_row_11_two_warm_motors_are_no_hot_one() -> None:
    found = look(arm_watch(), temperature=np.array([60.0, 60.0]))
    assert (len(found.warnings), found.speed, found.causes) == (2, 1.0, ())


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


def test_row_12_a_voltage_low_from_the_first_look_on_may_be_so_for_as_long() -> None:
    watch, low = arm_watch(), np.array([10.1, 12.0])
    assert not look(watch, NOW, voltage=low).causes
    assert not look(watch, NOW + 50 * MS).causes
    assert not look(watch, NOW + 99 * MS, voltage=low).causes
    assert not look(arm_watch(), NOW, voltage=np.array([10.2, 12.0])).causes
    watch = arm_watch()
    for now_ns in (NOW, NOW + 500 * MS):
        assert not look(watch, now_ns, voltage=np.array([10.2, 12.0])).causes


def test_row_14_a_joint_that_lags_for_long() -> None:
    watch, far = arm_watch(), np.array([0.36, 0.0])
    assert not look(watch, NOW, position=far).causes
    assert not look(watch, NOW + 199 * MS, position=far).causes
    cause = only(look(watch, NOW + 200 * MS, position=far))
    assert (cause.row, cause.subject) == (14, "left_waist")
    assert not look(watch, NOW + 210 * MS, position=np.array([0.35, 0.0])).causes
    assert not look(watch, NOW + 220 * MS, position=far).causes


def test_row_14_each_joint_lags_for_as_long_as_it_does_itself() -> None:
    ranges = {"left_waist": (-1.0, 1.0), "left_elbow": (-1.0, 1.0)}
    watch, joints = ArmWatch("left", ranges, CONFIG, REAL), {"joints": tuple(ranges)}
    assert not look(watch, NOW, position=np.array([0.36, 0.0]), **joints).causes
    both = np.array([0.36, 0.36])
    found = look(watch, NOW + 200 * MS, position=both, **joints)
    assert only(found).subject == "left_waist"


def test_row_14_an_arm_that_is_where_it_is_told_does_not_lag() -> None:
    watch, there = arm_watch(), np.array([0.9, 0.0])
    for now_ns in (NOW, NOW + 300 * MS):
        assert look(watch, now_ns, position=there, written=there) == Findings()


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
    for end in (1.1, -1.1):
        at = np.array([end, 5.0 * end])  # a gripper may be anywhere
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
