"""A motor's clock against the station's: which answers are fresh, which are late."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.dynamixel import registers as reg
from drivers.dynamixel.sample import (
    MAPPING,
    SAMPLE_ADDRESS,
    SAMPLE_BYTES,
    MotorClock,
    Sample,
    sample,
)
from simulation.servos.servo import Servo

MS = 1_000_000
CYCLE_NS = 10 * MS
QUICKEST_NS = 3 * MS  # from question to answer
BLUR_NS = 7 * MS  # jitter, tick and margin together: an answer late by a cycle exceeds it


class Clocks:
    """A motor that is asked every 10 ms, and the clock that judges its answers."""

    def __init__(self, drift: float = 0.0, uptime_ms: float = 5000.0) -> None:
        self.clock = MotorClock()
        self.now_ns = 1_000_000 * MS
        self._rate = 1.0 + drift
        self._uptime_ms = uptime_ms
        self._since_ns = self.now_ns

    def tick_ms(self, t_ns: int) -> int:
        passed_ms = (t_ns - self._since_ns) / MS * self._rate
        return int(self._uptime_ms + passed_ms) % reg.TICK_CYCLE_MS

    def restart(self) -> None:
        self._uptime_ms, self._since_ns = 0.0, self.now_ns

    def ask(self, jitter_ns: int = 0, sampled_before_ns: int = 0) -> int | None:
        """Ask once, a cycle after the last time; the answer may have been sampled before that."""
        self.now_ns += CYCLE_NS
        heard_ns = self.now_ns + QUICKEST_NS + jitter_ns
        tick = self.tick_ms(self.now_ns - sampled_before_ns)
        return self.clock.sampled_ns(tick, heard_ns, self.now_ns)

    def settle(self) -> None:
        for _ in range(5):
            assert self.ask() is not None


def test_an_answer_in_time_is_of_its_question() -> None:
    clocks = Clocks()
    clocks.settle()
    taken = clocks.ask()
    assert taken is not None
    assert 0 <= taken - clocks.now_ns <= QUICKEST_NS + MS


@pytest.mark.parametrize("cycles", [1, 2, 4, 20])
def test_an_answer_late_by_whole_cycles_is_refused(cycles: int) -> None:
    clocks = Clocks()
    clocks.settle()
    assert clocks.ask(sampled_before_ns=cycles * CYCLE_NS) is None
    assert clocks.ask() is not None


def test_answers_that_are_all_late_alike_are_refused_for_half_a_minute() -> None:
    clocks = Clocks()
    clocks.settle()
    assert not any(clocks.ask(sampled_before_ns=4 * CYCLE_NS) for _ in range(3000))
    assert clocks.ask() is not None


def test_a_backlog_that_arrives_at_once_is_refused() -> None:
    clocks = Clocks()
    clocks.settle()
    ticks = [clocks.tick_ms(clocks.now_ns + i * CYCLE_NS) for i in range(10)]
    asked_ns = clocks.now_ns + 10 * CYCLE_NS
    taken = [
        clocks.clock.sampled_ns(tick, asked_ns + i * 10_000, asked_ns)
        for i, tick in enumerate(ticks)
    ]
    assert not any(taken)


def test_a_tick_that_wraps_is_no_late_one() -> None:
    clocks = Clocks(uptime_ms=reg.TICK_CYCLE_MS - 30.0)
    assert all(clocks.ask() for _ in range(10))


@pytest.mark.parametrize("silence_s", [1, 20, 40, 300])
def test_a_motor_that_was_silent_for_long_is_believed_at_once(silence_s: int) -> None:
    clocks = Clocks(drift=0.001)
    clocks.settle()
    clocks.now_ns += silence_s * 1000 * MS
    assert clocks.ask() is not None
    assert clocks.ask(sampled_before_ns=CYCLE_NS) is None


@pytest.mark.parametrize("drift", [-0.01, 0.01])
def test_a_drifting_clock_is_followed(drift: float) -> None:
    clocks = Clocks(drift)
    clocks.settle()
    for _ in range(2000):
        taken = clocks.ask()
        assert taken is not None
        assert abs(taken - clocks.now_ns) <= BLUR_NS
    assert clocks.ask(sampled_before_ns=CYCLE_NS) is None


def test_a_motor_that_started_anew_is_believed_after_two_answers_that_agree() -> None:
    clocks = Clocks(uptime_ms=5000.0)
    clocks.settle()
    clocks.restart()
    assert clocks.ask() is None
    assert clocks.ask() is not None
    assert clocks.ask() is not None


@given(
    st.floats(-0.01, 0.01),
    st.floats(0.0, reg.TICK_CYCLE_MS),
    st.lists(
        st.tuples(st.integers(0, 3 * MS), st.one_of(st.just(0), st.integers(0, 200 * MS))),
        max_size=60,
    ),
)
def test_answers_in_time_are_taken_and_late_ones_are_not(
    drift: float, uptime_ms: float, answers: list[tuple[int, int]]
) -> None:
    clocks = Clocks(drift, uptime_ms)
    clocks.ask()
    heard_ns = clocks.now_ns
    for jitter_ns, sampled_before_ns in answers:
        taken = clocks.ask(jitter_ns, sampled_before_ns)
        if sampled_before_ns == 0:
            assert taken is not None
        # In silence two clocks may drift apart, and their difference is not known any better.
        if sampled_before_ns > BLUR_NS + 0.03 * (clocks.now_ns - heard_ns):
            assert taken is None
        heard_ns = clocks.now_ns if taken is not None else heard_ns


def test_a_sample_says_what_the_registers_say() -> None:
    settings = {reg.ID: 1}
    servo = Servo(reg.MODELS["XM430-W350"], settings)
    values = {
        reg.TORQUE_ENABLE: 1,
        reg.HARDWARE_ERROR_STATUS: 0x20,
        reg.REALTIME_TICK: 31_000,
        reg.PRESENT_CURRENT: -1,
        reg.PRESENT_VELOCITY: -3,
        reg.PRESENT_POSITION: -1_500,
        reg.PRESENT_INPUT_VOLTAGE: 118,
        reg.PRESENT_TEMPERATURE: 41,
    }
    for register, value in values.items():
        servo.table[register] = value
    for i in range(SAMPLE_BYTES):
        address = int.from_bytes(MAPPING[2 * i : 2 * i + 2], "little")
        servo.table[reg.INDIRECT_ADDRESS[i]] = address
    data = servo.table.read(SAMPLE_ADDRESS, SAMPLE_BYTES)
    assert data is not None
    taken = sample(data)
    assert taken == Sample(True, 0x20, 31_000, -1, -3, -1_500, 118, 41)


def test_a_motor_that_lost_its_mapping_sends_no_sample() -> None:
    servo = Servo(reg.MODELS["XM430-W350"], {reg.ID: 1})
    data = servo.table.read(SAMPLE_ADDRESS, SAMPLE_BYTES)
    assert data is not None
    assert sample(data) is None
