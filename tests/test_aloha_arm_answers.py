"""Answers of an arm's motors that are missing, late or damaged."""

from __future__ import annotations

import time

import numpy as np
import pytest
from held_arm import CYCLE_S, ELBOW, FRESH_S, WRIST_ROTATE, Held, held

from simulation.servos.faults import ALWAYS

pytestmark = pytest.mark.alone

__all__ = ["held"]

SILENT = "elbow (id 4) does not answer: look at its cable and the one before it"


def test_a_partial_answer_keeps_each_motor_its_own_age(held: Held) -> None:
    held.steady()
    held.emulated.faults.silence(4)
    readings = held.cycles(3)
    assert readings[-1].age_s[ELBOW] > 2 * CYCLE_S
    others = [np.delete(reading.age_s, ELBOW).max() for reading in readings]
    assert min(others) < FRESH_S  # in a cycle that the machine did not delay
    assert held.until_told("elbow (id 4) does not answer") <= 3
    assert held.cycle().errors == (SILENT,)
    held.emulated.faults.clear()
    held.steady()


def test_behind_a_broken_chain_the_others_are_fresh_one_cycle_later(held: Held) -> None:
    held.steady()
    held.emulated.faults.break_chain(4)
    readings = held.cycles(4)
    assert readings[0].age_s[ELBOW:].min() > 0.7 * CYCLE_S  # none is of this cycle
    # A busy machine may cost another cycle, but never again all of them.
    assert any(np.delete(reading.age_s, ELBOW).max() < FRESH_S for reading in readings[1:])
    assert held.until_told("elbow (id 4) does not answer") <= 3
    assert len(held.cycle().errors) == 1
    held.emulated.faults.clear()
    held.steady()


def test_with_two_breaks_the_rest_stays_fresh(held: Held) -> None:
    held.steady()
    held.emulated.faults.break_chain(2, 6)
    held.cycles(5)
    rest = [0, 2, 4, 5, 6]
    for _ in range(100):  # a busy machine may take an answer for late, and ask anew
        reading = held.cycle()
        if reading.age_s[rest].max() < FRESH_S:
            break
    assert reading.age_s[rest].max() < FRESH_S
    assert reading.age_s[[1, 3]].min() > 3 * CYCLE_S


@pytest.mark.parametrize("count", [1, ALWAYS])
def test_a_late_answer_is_never_taken_for_a_fresh_one(held: Held, count: int) -> None:
    held.steady(10)
    held.emulated.faults.spoil("late", 8, count=count, by_ns=40_000_000)
    goal = held.cycle().goal
    for step in range(40):
        goal[WRIST_ROTATE] += 0.02
        reading = held.cycle(goal)
        now_ns = time.monotonic_ns()
        sampled_ns = now_ns - int(reading.age_s[WRIST_ROTATE] * 1e9)
        then = held.emulated.angles(sampled_ns)[WRIST_ROTATE]
        # Forty milliseconds of this motion are 0.08 rad.
        assert abs(reading.position[WRIST_ROTATE] - then) < 0.03, step
    if count == ALWAYS:
        assert "wrist_rotate (id 8) does not answer" in reading.errors[0]
    held.emulated.faults.clear()
    held.steady()


def test_damaged_answers_are_warned_of_and_bursts_of_them_make_the_arm_unfit(held: Held) -> None:
    held.steady()
    held.emulated.faults.spoil("corrupt", count=ALWAYS, share=0.002)
    held.until_told("of the answers of")
    held.emulated.faults.clear()
    held.steady()
    held.emulated.faults.spoil("corrupt", count=ALWAYS, share=0.02)
    assert held.until_told("answers came damaged 5 cycles in a row: look at its cables") < 100
    held.emulated.faults.clear()
    held.steady()
