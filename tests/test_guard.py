"""The driver's guard: it stops, comes back and relieves smoothly, within the limits."""

import numpy as np
import pytest
from guarded_arm import DT, HOME, LIMITS, Array, Run, at_speed, motion, reasons
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.guard import (
    BEYOND_LIMITS,
    MISSHAPEN,
    MISSING,
    NOT_FINITE,
    RELIEF_S,
    STEADY,
    STOPPING,
    TOO_FAR,
    UNSTEADY,
)


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
    run = Run()
    for _ in range(500):
        run.give(None, trouble="stop", measured=np.array([2.0, np.nan, 0.5]))
    assert run.positions[-1] == pytest.approx([LIMITS.upper[0], HOME[1], HOME[2]])


@pytest.mark.parametrize("followed", [0, 5])
def test_relief_begins_as_long_after_a_stop_as_it_says(followed: int) -> None:
    run, held = Run().follow(followed), HOME - 0.5
    if followed:  # a stop of before does not count
        for _ in range(10):
            run.give(None, trouble="stop", measured=held)
        run.follow(followed)
    begun = len(run.outcomes)
    for _ in range(60):
        run.give(None, trouble="stop", measured=held)
    changes = np.flatnonzero(np.diff(run.positions[begun - 1 :, 0]))
    assert changes[0] == round(RELIEF_S / DT) - 1


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
    assert run.outcomes[3 + refused_at].holding == MISSING
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
