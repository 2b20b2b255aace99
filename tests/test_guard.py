"""The guard follows good commands exactly, and none that it should not."""

from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from drivers.guard import (
    BEYOND_LIMITS,
    MISSHAPEN,
    MISSING,
    NOT_FINITE,
    RETURNING,
    STEADY,
    STOPPING,
    TOO_FAR,
    TOO_OLD,
    UNSTEADY,
    WIDER,
    Guard,
    GuardedCommand,
)
from motion.limits import JointLimits, LimitsConfig
from motion.minimum_jerk import blend

Array = NDArray[np.float64]
JOINTS = ("left_waist", "left_elbow", "left_gripper")
LIMITS = JointLimits.build(JOINTS, [-1.5, -1.5, 0], [1.5, 1.5, 1], LimitsConfig())
DT_NS = 10_000_000
DT = 0.01
HOME = np.array([0.1, -0.1, 0.5])


def motion(tick: int) -> Array:
    """Return a smooth motion that is at rest at `HOME` until tick 20."""
    height = 0.3 * (1.0 - np.cos(0.02 * max(tick - 20, 0)))
    return np.asarray(HOME + height * np.array([1.0, -1.0, 0.5]))


class Run:
    """A guard that was given commands, and what it made of them."""

    def __init__(self) -> None:
        self.guard = Guard(LIMITS, DT_NS, HOME)
        self.outcomes = [GuardedCommand(HOME, "")] * 3
        self.tick = 0

    def give(
        self,
        command: Array | None,
        age_ns: int = 1_000_000,
        trouble: str = "",
        measured: Array | None = None,
    ) -> GuardedCommand:
        now_ns = self.tick * DT_NS
        outcome = self.guard.checked(command, self.tick, now_ns - age_ns, now_ns, trouble, measured)
        # A late command arrives in a period that has had its step already, and makes none.
        if command is None or outcome.holding != MISSING:
            self.outcomes.append(outcome)
        self.tick += 1
        return outcome

    def follow(self, ticks: int) -> "Run":
        for _ in range(ticks):
            self.give(motion(self.tick))
        return self

    @property
    def positions(self) -> Array:
        return np.array([outcome.position for outcome in self.outcomes])

    def assert_within_limits(self, stopped: bool = False) -> None:
        caps = [WIDER * LIMITS.velocity, WIDER * LIMITS.acceleration, WIDER * LIMITS.jerk]
        if stopped:
            caps[1:] = [LIMITS.stop_acceleration, LIMITS.stop_jerk]
        for order, cap in enumerate(caps, start=1):
            rate = np.abs(np.diff(self.positions, order, axis=0)) / DT**order
            assert (rate <= cap * (1 + 1e-6)).all(), (order, rate.max(axis=0))
        assert (self.positions >= LIMITS.lower - 1e-7).all()
        assert (self.positions <= LIMITS.upper + 1e-7).all()


def reasons(outcomes: Iterable[GuardedCommand]) -> set[str]:
    return {outcome.holding for outcome in outcomes}


def test_it_passes_a_good_stream_exactly() -> None:
    run = Run().follow(300)
    expected = np.array([motion(tick) for tick in range(300)])
    assert (run.positions[3:] == expected).all()
    assert reasons(run.outcomes[3:6]) == {UNSTEADY}
    assert reasons(run.outcomes[7:]) == {""}


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (np.zeros(2), MISSHAPEN),
        (np.zeros((1, 3)), MISSHAPEN),
        (np.array([0.0, np.nan, 0.5]), NOT_FINITE),
        (np.array([np.inf, 0.0, 0.5]), NOT_FINITE),
        (np.array([1.4, 0.0, 0.5]), BEYOND_LIMITS),
        (np.array([9.0, 0.0, 0.5]), BEYOND_LIMITS),
    ],
)
def test_it_brakes_on_a_bad_command_and_says_why(command: Array, reason: str) -> None:
    run = Run().follow(100)
    assert run.give(command).holding == reason
    run.follow(200)
    run.assert_within_limits()
    assert run.outcomes[-1].holding == ""
    assert (run.positions[-1] == motion(run.tick - 1)).all()


@pytest.mark.parametrize("commanded", [True, False])
def test_trouble_stops_the_arm_at_once_and_it_comes_back_smoothly(commanded: bool) -> None:
    run = Run().follow(100)
    for _ in range(40):
        command = motion(run.tick) if commanded else None
        assert run.give(command, trouble="a motor is hot").holding == "a motor is hot"
    assert (run.positions[-1] == run.positions[-2]).all()
    assert run.guard.standing
    run.follow(STEADY - 1)
    assert run.outcomes[-1].holding == UNSTEADY
    run.follow(200)
    run.assert_within_limits(stopped=True)
    assert run.outcomes[-1].holding == ""
    assert (run.positions[-1] == motion(run.tick - 1)).all()


def at_speed(speed: float) -> Run:
    """Return a run that has just reached a speed of the waist in rad/s."""
    run = Run()
    velocities = speed * blend(np.clip(np.arange(-10, 44) / 40.0, 0.0, 1.0))
    for moved in np.cumsum(velocities) * DT:
        run.give(HOME + np.array([moved, 0.0, 0.0]))
    assert run.outcomes[-1].holding == ""
    return run


@pytest.mark.parametrize(("speed", "steps"), [(0.5, 1), (1.0, 2), (3.0, 6)])
def test_a_stop_takes_so_many_periods_and_no_more(speed: float, steps: int) -> None:
    run = at_speed(speed)
    for _ in range(20):
        run.give(None, trouble="stop")
    moved = np.flatnonzero(np.diff(run.positions[-21:, 0]))
    assert len(moved) <= steps
    run.assert_within_limits(stopped=True)


def test_a_stop_once_begun_goes_on_to_standstill_whatever_comes() -> None:
    run = at_speed(3.0)
    run.give(None, trouble="stop")
    for command in (motion(run.tick), None, motion(run.tick) * np.nan):
        assert run.give(command).holding == STOPPING
    while not run.guard.standing:
        assert run.give(None).holding == STOPPING
    assert (np.diff(run.positions[:, 0]) >= 0.0).all()  # no swing back
    run.assert_within_limits(stopped=True)


def test_a_joint_that_something_holds_is_relieved_once_after_a_stop() -> None:
    run = Run().follow(100)
    stopped = run.give(None, trouble="stop").position
    held = stopped + np.array([-0.3, 0.05, -0.4])
    for _ in range(20):
        run.give(None, trouble="stop", measured=held)
    standing = run.positions[-1]
    for _ in range(200):
        run.give(None, trouble="stop", measured=held)
    assert run.positions[-1] == pytest.approx([held[0], standing[1], standing[2]])
    sunk = run.positions[-1].copy()
    for _ in range(200):
        run.give(None, trouble="stop", measured=sunk - 0.2)
    assert (run.positions[-1] == sunk).all()
    run.assert_within_limits(stopped=True)
    assert run.guard.standing


def test_a_stopped_arm_that_is_where_it_is_told_to_be_stays_there() -> None:
    run = Run()
    for _ in range(60):
        run.give(None, trouble="stop", measured=HOME + np.array([0.05, -0.05, 0.5]))
    assert (run.positions == HOME).all()


def test_a_relief_that_leave_overtakes_is_ended_first() -> None:
    run = Run().follow(100)
    for _ in range(40):
        run.give(None, trouble="stop", measured=HOME - 0.5)
    assert not run.guard.standing
    assert run.give(motion(run.tick)).holding == STOPPING
    run.follow(400)
    assert run.outcomes[-1].holding == ""
    run.assert_within_limits(stopped=True)


def test_nobody_is_relieved_to_a_place_out_of_range_or_unknown() -> None:
    run = Run()
    for _ in range(500):
        run.give(None, trouble="stop", measured=np.array([-2.0, np.nan, 0.5]))
    assert run.positions[-1] == pytest.approx([LIMITS.lower[0], HOME[1], HOME[2]])
    assert (run.positions >= LIMITS.lower).all()


def test_an_arm_that_stands_does_not_begin_to_follow_what_is_far_away() -> None:
    run = Run()
    for _ in range(10):
        run.give(HOME + np.array([LIMITS.jump[0] + 1e-3, 0.0, 0.0]))
    assert run.outcomes[-1].holding == TOO_FAR
    assert (run.positions == HOME).all()
    for _ in range(200):
        run.give(HOME + np.array([LIMITS.jump[0] - 1e-3, 0.0, 0.4]))
    assert run.outcomes[-1].holding == ""
    run.assert_within_limits()


def test_an_old_command_is_not_followed() -> None:
    run = Run().follow(100)
    assert run.give(motion(100), age_ns=100_000_000).holding == ""
    assert run.give(motion(101), age_ns=100_000_001).holding == TOO_OLD


def test_a_dead_controller_ends_in_a_smooth_stop_within_a_quarter_second() -> None:
    run = Run().follow(100)
    for _ in range(25):
        assert run.give(None).holding == MISSING
    stopped = run.positions[-1]
    for _ in range(25):
        run.give(None)
    assert (run.positions[-1] == stopped).all()
    run.assert_within_limits()


def test_after_a_hold_it_comes_back_without_a_jump() -> None:
    run = Run().follow(100)
    for _ in range(60):
        run.give(None)
    assert run.give(motion(run.tick)).holding == UNSTEADY
    run.follow(250)
    assert RETURNING in reasons(run.outcomes)
    run.assert_within_limits()
    assert run.outcomes[-1].holding == ""
    assert (run.positions[-1] == motion(run.tick - 1)).all()


def test_a_late_command_costs_nothing() -> None:
    run = Run().follow(100)
    missing = run.give(None)
    late = run.guard.checked(motion(100), 100, 100 * DT_NS, 101 * DT_NS - 4_000_000)
    assert (late.position == missing.position).all()
    run.follow(100)
    run.assert_within_limits()
    expected = np.array([motion(tick) for tick in range(run.tick)])
    assert np.abs(run.positions[3:] - expected).max() < 1e-5


def test_a_lost_command_costs_nothing() -> None:
    run = Run().follow(100)
    run.give(None)
    run.follow(100)
    expected = np.array([motion(tick) for tick in range(run.tick)])
    assert np.abs(run.positions[3:] - expected).max() < 1e-5
    run.assert_within_limits()


def test_a_command_that_the_driver_never_saw_costs_no_jump() -> None:
    run = Run().follow(100)
    run.tick += 1
    assert run.give(motion(run.tick)).holding == RETURNING
    run.follow(100)
    run.assert_within_limits()
    assert run.outcomes[-1].holding == ""


def test_one_missing_while_it_returns_does_not_stop_it() -> None:
    run = Run().follow(100)
    for _ in range(40):
        run.give(None)
    run.follow(10)
    assert run.outcomes[-1].holding == RETURNING
    run.give(None)
    assert run.give(motion(run.tick)).holding == RETURNING
    run.follow(250)
    run.assert_within_limits()
    assert run.outcomes[-1].holding == ""


def test_a_gap_of_many_commands_begins_anew() -> None:
    run = Run().follow(100)
    run.tick += 7
    assert run.give(motion(run.tick)).holding == UNSTEADY


def test_a_controller_that_starts_again_is_followed() -> None:
    run = Run().follow(100)
    run.tick = 0
    for _ in range(300):
        run.give(motion(0))
    run.assert_within_limits()
    assert (run.positions[-1] == HOME).all()


def test_a_missing_command_at_the_very_start_holds() -> None:
    run = Run()
    assert run.give(None).holding == MISSING
    assert (run.positions[-1] == HOME).all()


def towards_the_edge(missing_at: int) -> Run:
    """Return a run that moves steadily towards the end of the range."""
    run = Run()
    for tick in range(200):
        ramp = np.minimum(np.arange(tick) / 50.0, 1.0).sum()
        command = HOME + np.array([0.012 * ramp, 0.0, 0.0])
        if run.give(None if tick == missing_at else command).holding == BEYOND_LIMITS:
            break
    return run


def test_it_does_not_coast_to_where_there_is_no_stopping() -> None:
    refused_at = towards_the_edge(-1).tick - 1
    run = towards_the_edge(refused_at)
    for _ in range(30):
        run.give(None)
    assert run.positions[-1, 0] <= LIMITS.upper[0]
    run.assert_within_limits()


EVENTS = st.lists(
    st.sampled_from(
        ["good"] * 12 + ["none", "lost", "nan", "spike", "old", "repeat", "stop", "stop blind"]
    ),
    min_size=20,
    max_size=120,
)


@settings(max_examples=15, deadline=None)
@given(EVENTS)
def test_whatever_comes_the_servos_are_moved_within_the_limits(events: list[str]) -> None:
    run = Run().follow(60)
    for event in events:
        command = motion(run.tick)
        if event == "lost":
            run.tick += 1
        elif event == "repeat":
            run.tick -= 1
            run.give(motion(run.tick))
        elif event == "old":
            run.give(command, age_ns=500_000_000)
        elif event.startswith("stop"):
            run.give(None if event == "stop blind" else command, trouble="stop")
        else:
            bad = {"none": None, "nan": command * np.nan, "spike": command + 0.4}
            run.give(bad.get(event, command))
    run.assert_within_limits(stopped=True)
    for _ in range(250):
        run.give(HOME)
    assert run.outcomes[-1].holding == ""
    assert (run.positions[-1] == HOME).all()


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.sampled_from([0.011, 0.014, -0.012, 0.0, 0.004]), min_size=30, max_size=150),
    st.sets(st.integers(0, 150), max_size=5),
)
def test_wherever_a_stop_comes_the_arm_stays_in_its_range(
    steps: list[float], stops: set[int]
) -> None:
    run, path = Run(), HOME.copy()
    for tick, step in enumerate(steps):
        for _ in range(4):
            path = path + np.array([step, -step, step])
            run.give(path.copy(), trouble="stop" if tick in stops else "")
    for _ in range(60):
        run.give(None)
    run.assert_within_limits(stopped=True)
    assert run.guard.standing
