"""The driver's guard and commands that are old, late, lost or out of order."""

import numpy as np
import pytest
from guarded_arm import DT, DT_NS, HOME, Run, at_speed, motion, reasons

from drivers.guard import MISSING, RETURNING, TOO_OLD, UNSTEADY


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
    assert run.give(motion(1)).holding == UNSTEADY  # nothing was braked for that it could make up


def test_a_late_command_may_be_the_second_of_all() -> None:
    run = Run()
    assert run.give(motion(0)).holding == UNSTEADY
    assert run.give(None).holding == MISSING
    run.tick -= 1
    assert run.give(motion(1)).holding == MISSING


@pytest.mark.parametrize(("missing", "lost"), [(3, 0), (2, 1)])
def test_more_than_one_missing_command_is_not_made_up_for(missing: int, lost: int) -> None:
    run = Run().follow(10)
    for _ in range(missing):
        assert run.give(None).holding == MISSING
    run.tick += lost - missing  # a frozen controller goes on where it was
    assert run.give(HOME).holding == UNSTEADY


def test_one_lost_command_of_the_first_is_made_up_for() -> None:
    run = Run()
    run.give(HOME)
    run.give(HOME)
    run.tick += 1
    assert run.give(HOME).holding == ""


def test_after_a_bad_command_it_comes_to_rest_before_it_goes_on() -> None:
    run = at_speed(3.0)
    there = run.give(HOME * np.nan).position
    stood = run.guard.standing
    while run.give(there).holding == UNSTEADY:
        stood = run.guard.standing
    assert stood
    run.assert_within_limits()


def test_the_way_back_begins_with_the_commands_own_speed_and_acceleration() -> None:
    run = Run()
    for _ in range(10):
        run.give(None)
    for tick in range(25):
        moved = 0.5 * 20.0 * (tick * DT) ** 2
        run.give(HOME + np.array([moved, 0.0, 0.0]))
    assert RETURNING in reasons(run.outcomes)
    run.assert_within_limits()
