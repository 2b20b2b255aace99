"""Faults of the bus, through the real driver process: who is told what, and what the arm does."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pytest
from driven_arm import ARM, DrivenArm, driven_arm

from drivers.dynamixel import registers as reg
from drivers.dynamixel.address import open_port
from drivers.dynamixel.port import PortError
from drivers.main import LOST, UNFIT
from messaging.topics import JOINT_STATE
from messaging.transport import Bus
from runtime.process import ProcessSpec
from runtime.supervisor import Event, Phase, Supervisor
from simulation.servos.faults import ALWAYS, Spoiling

pytestmark = pytest.mark.alone

ELBOW, WRIST_ROTATE = 2, 5
LATE_NS = 40_000_000
FRESH_S = 0.009


@pytest.fixture(scope="module")
def running() -> Iterator[DrivenArm]:
    """Return a driver that all tests of this file share, as each leaves it following."""
    with driven_arm() as driven:
        yield driven


@pytest.fixture
def driven(running: DrivenArm) -> Iterator[DrivenArm]:
    """Return a driver that follows its commands; whatever happens, its goals are sound."""
    running.until_following()
    yield running
    running.arm.faults.clear()
    running.arm.assert_sound_goals()


@pytest.mark.parametrize("how", ["late", "lost", "truncated", "corrupt"])
def test_one_spoiled_answer_changes_nothing(driven: DrivenArm, how: Spoiling) -> None:
    begin_ns = time.monotonic_ns()
    driven.arm.faults.spoil(how, 4, by_ns=LATE_NS)
    driven.during(0.3)
    driven.until_following()
    driven.assert_true(begin_ns)


@pytest.mark.parametrize("how", ["late", "lost", "truncated"])
def test_a_tenth_of_the_answers_spoiled_never_makes_an_old_one_new(
    driven: DrivenArm, how: Spoiling
) -> None:
    begin_ns = time.monotonic_ns()
    driven.arm.faults.spoil(how, count=ALWAYS, share=0.1, by_ns=LATE_NS)
    driven.during(1.5)
    driven.arm.faults.clear()
    driven.until_following()
    driven.assert_true(begin_ns)


def test_answers_that_are_all_late_are_none(driven: DrivenArm) -> None:
    begin_ns = time.monotonic_ns()
    driven.arm.faults.spoil("late", 8, count=ALWAYS, by_ns=LATE_NS)
    driven.until_told("wrist_rotate (id 8) does not answer", begin_ns)
    driven.until_holding(begin_ns, UNFIT)
    driven.arm.faults.clear()
    driven.until_following()
    driven.assert_true(begin_ns)


def test_a_silent_motor_is_named_and_the_arm_holds_until_it_speaks(driven: DrivenArm) -> None:
    begin_ns = time.monotonic_ns()
    driven.arm.faults.silence(4)
    told = driven.until_told("elbow (id 4) does not answer", begin_ns)
    assert told.age_s[ELBOW] >= 0.03
    driven.until_holding(begin_ns, UNFIT)
    driven.until_noted("elbow (id 4) does not answer")
    driven.during(0.3)
    assert_others_fresh(driven, ELBOW)
    driven.arm.faults.clear()
    driven.until_following()
    driven.assert_true(begin_ns)


def test_a_line_that_damages_answer_after_answer_holds_the_arm(driven: DrivenArm) -> None:
    begin_ns = time.monotonic_ns()
    driven.arm.faults.spoil("corrupt", count=ALWAYS, share=0.02)
    driven.until_told("answers came damaged 5 cycles in a row: look at its cables", begin_ns)
    driven.until(lambda: driven.states[-1].holding == UNFIT, "the arm to hold")
    driven.arm.faults.clear()
    driven.until_following()
    driven.assert_true(begin_ns)


def test_a_few_damaged_answers_are_warned_of(driven: DrivenArm) -> None:
    begin_ns = time.monotonic_ns()
    driven.arm.faults.spoil("corrupt", count=ALWAYS, share=0.003)
    told = driven.until_told("of the answers of", begin_ns)
    assert "come damaged: look at its cables" in " ".join(told.warnings)
    driven.arm.faults.clear()
    driven.until_following()
    driven.assert_true(begin_ns)


def test_a_broken_chain_names_the_motor_before_the_break_alone(driven: DrivenArm) -> None:
    begin_ns = time.monotonic_ns()
    driven.arm.faults.break_chain(4)
    driven.until_holding(begin_ns, UNFIT)
    driven.during(0.3)
    assert_others_fresh(driven, ELBOW)
    assert driven.states[-1].errors[0].startswith("elbow (id 4) does not answer")
    driven.arm.faults.clear()
    driven.until_following()
    driven.assert_true(begin_ns)


def assert_others_fresh(driven: DrivenArm, joint: int) -> None:
    """Check that in most of the last cycles all other joints have said something new."""
    ages = np.delete(np.array([state.age_s for state in driven.states[-20:]]), joint, axis=1)
    assert np.median(ages.max(axis=1)) < FRESH_S


def test_another_master_on_the_bus_is_warned_of_and_makes_nothing_up(driven: DrivenArm) -> None:
    begin_ns = time.monotonic_ns()
    driven.arm.faults.chatter_hz = 50.0
    told = driven.until_told("another program talks to the servos of this bus", begin_ns)
    assert told.warnings
    driven.until_noted("another program talks")
    driven.during(0.5)
    driven.arm.faults.clear()
    driven.until_following()
    driven.assert_true(begin_ns)


def test_a_second_program_is_refused_and_the_first_not_disturbed(driven: DrivenArm) -> None:
    begin_ns = time.monotonic_ns()
    for _ in range(5):
        with pytest.raises(PortError, match="in use by another program"):
            open_port(driven.arm.profile.port, 1_000_000)
        driven.during(0.05)
    driven.until_following()
    driven.assert_true(begin_ns)
    assert not driven.arm.line.of(reg.TORQUE_ENABLE, begin_ns)


def test_a_second_driver_on_the_same_port_says_why_it_ends(driven: DrivenArm) -> None:
    (first,) = driven.supervisor.specs
    begin_ns = time.monotonic_ns()
    words = last_words_of_a_second(first, driven)
    assert "in use by another program" in words
    driven.until_following()
    driven.assert_true(begin_ns)


def last_words_of_a_second(first: ProcessSpec, driven: DrivenArm) -> str:
    directory = first.directory.parent / "second"
    spec = first.model_copy(update={"directory": directory / "bus"})
    with Bus(spec.directory) as bus:
        states = bus.subscriber(JOINT_STATE, ARM)
        second = Supervisor([spec], bus, directory / "run")
        events: list[Event] = []

        def ended() -> bool:
            events.extend(second.poll(0.0))
            return events[-1].phase is Phase.DEAD

        driven.until(ended, "the second driver to end")
        assert states.receive() is None
    return events[-1].detail


def test_an_arm_that_is_unplugged_holds_and_comes_back_when_replugged(driven: DrivenArm) -> None:
    begin_ns = time.monotonic_ns()
    goals, torque = driven.arm.goals, driven.arm.torque()
    driven.arm.ports.unplug("arm")
    told = driven.until_told("is gone", begin_ns)
    assert told.holding == LOST
    assert "its emulated servos were unplugged" in told.errors[0]
    held = goals()
    driven.until_noted("no port")
    driven.until_told("it is there while that runs and it is plugged in", begin_ns)
    assert goals() == held
    assert driven.states[-1].age_s.min() > 0.2
    replugged_ns = time.monotonic_ns()
    driven.arm.ports.plug("arm")
    driven.until(
        lambda: any(s.holding != LOST for s in driven.since(replugged_ns)), "the arm to be back"
    )
    driven.until_following()
    assert driven.arm.torque() == torque
    assert not driven.arm.line.of(reg.TORQUE_ENABLE, begin_ns)
    driven.assert_true(replugged_ns)
