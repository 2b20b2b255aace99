"""What is said of a motor by its answers."""

from __future__ import annotations

import struct

import pytest

from drivers.dynamixel.health import MotorState, Pair
from drivers.dynamixel.registers import ALERT, CURRENT_A
from drivers.dynamixel.replies import Answer

MS = 1_000_000
SILENT_MS = 30
SILENT = "elbow (id 4) does not answer: look at its cable and the one before it"
START_MS = 10_000


def answer(t_ms: int, torque: int = 1, error: int = 0, current_a: float = 0.0) -> bytes:
    """Return a sample as a motor sends it that has been on for `t_ms`."""
    current = round(current_a / CURRENT_A)
    return struct.pack("<BBHhhhBB", torque, error, t_ms % 32768, current, 0, 2048, 120, 30)


def told(state: MotorState, t_ms: int, data: bytes, error: int = 0) -> bool:
    """Let the motor be asked at `t_ms` and answer 3 ms later."""
    return state.is_fresh(Answer(data, error, (t_ms + 3) * MS), t_ms * MS)


@pytest.fixture
def state() -> MotorState:
    """Return a motor that has just answered, and is well."""
    motor = MotorState("elbow", 4, SILENT_MS * MS, 0)
    assert told(motor, START_MS, answer(START_MS))
    return motor


def test_a_motor_with_torque_and_no_error_is_well(state: MotorState) -> None:
    assert state.errors((START_MS + 5) * MS) == []


def test_a_motor_may_miss_two_cycles_and_no_third(state: MotorState) -> None:
    state.in_vain = 3
    assert state.errors(state.t_sample_ns + SILENT_MS * MS) == []
    assert state.errors(state.t_sample_ns + SILENT_MS * MS + 1) == [SILENT]


def test_a_motor_that_a_late_driver_did_not_ask_is_not_silent(state: MotorState) -> None:
    long_after_ns = state.t_sample_ns + 400 * MS
    for state.in_vain in range(3):
        assert (state.errors(long_after_ns), state.is_overdue(long_after_ns)) == ([], True)
    state.in_vain = 3
    assert state.errors(long_after_ns) == [SILENT]
    assert told(state, START_MS + 500, answer(START_MS + 500))
    assert state.in_vain == 0


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (0x20, "overload"),
        (0x04, "overheated"),
        (0x24, "overheated, overload"),
        (0x01, "input voltage out of range"),
        (0x40, "unknown error, bit 6"),
    ],
)
def test_latched_errors_are_said_in_words(state: MotorState, error: int, words: str) -> None:
    told(state, START_MS + 10, answer(START_MS + 10, torque=0, error=error), ALERT)
    (said,) = state.errors((START_MS + 15) * MS)
    assert said.startswith(f"elbow (id 4) has latched: {words}")


def test_an_alert_counts_even_if_the_sample_is_from_before_it(state: MotorState) -> None:
    told(state, START_MS + 10, answer(START_MS + 10), ALERT)
    (said,) = state.errors((START_MS + 15) * MS)
    assert said.startswith("elbow (id 4) has latched: a hardware error")


def test_torque_that_went_off_without_an_error_is_said(state: MotorState) -> None:
    told(state, START_MS + 10, answer(START_MS + 10, torque=0))
    (said,) = state.errors((START_MS + 15) * MS)
    assert said == "elbow (id 4): its torque went off: support the arm, then launch again"


@pytest.mark.parametrize(("torque", "word"), [(0, "off"), (1, "on")])
def test_an_error_that_leaves_the_torque_on_is_not_said_to_have_dropped_the_arm(
    state: MotorState, torque: int, word: str
) -> None:
    told(state, START_MS + 10, answer(START_MS + 10, torque=torque, error=0x01), ALERT)
    (said,) = state.errors((START_MS + 15) * MS)
    assert f"its torque is {word}: find the cause" in said


def test_a_late_answer_does_not_hide_that_the_motor_is_silent(state: MotorState) -> None:
    before, state.in_vain = state.sample, 3
    assert not told(state, START_MS + 40, answer(START_MS + 10))
    assert state.sample is before
    assert state.errors((START_MS + 45) * MS) == [SILENT]


def test_a_motor_without_its_mapping_has_restarted_and_stays_so(state: MotorState) -> None:
    assert told(state, START_MS + 300, bytes(len(answer(0))))
    (said,) = state.errors((START_MS + 305) * MS)
    assert said.startswith("elbow (id 4) has restarted, its torque is off: a dip of the 12 V?")
    assert not state.is_silent((START_MS + 305) * MS)
    told(state, START_MS + 310, answer(START_MS + 310))
    assert state.errors((START_MS + 315) * MS) == [said]


def pull(pair_a: tuple[float, float], seconds: float) -> list[str]:
    """Let a pair spend these currents for so long; return the warnings at the end."""
    motor, shadow = (MotorState("elbow", servo, SILENT_MS * MS, 0) for servo in (4, 5))
    pair = Pair("elbow", motor, shadow)
    warnings: list[str] = []
    for t_ms in range(START_MS, START_MS + int(seconds * 1000) + 1, 100):
        for state, current_a in zip((motor, shadow), pair_a, strict=True):
            told(state, t_ms, answer(t_ms, current_a=current_a))
        warnings = pair.warnings(t_ms * MS)
    return warnings


def test_a_pair_that_fights_for_a_second_is_warned_of() -> None:
    (said,) = pull((1.5, -1.2), 1.5)
    assert said.startswith("elbow: its motors 4 and 5 fight (1.5 A against -1.2 A): ")
    assert "calibrate shadows" in said


@pytest.mark.parametrize(
    ("currents_a", "seconds"),
    [((1.5, -1.2), 0.5), ((1.5, 1.2), 3.0), ((-2.0, -2.0), 3.0), ((1.5, -0.1), 3.0)],
)
def test_short_pulls_pulling_together_and_small_currents_are_no_fight(
    currents_a: tuple[float, float], seconds: float
) -> None:
    assert pull(currents_a, seconds) == []
