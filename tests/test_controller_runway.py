"""What rate the plan can be run at: chunks that last, and limits that hold."""

import numpy as np
import pytest

from controller.runway import CAUTION, LatencyWindow, Runway, feasible_rates, lasting_rate
from motion.limits import JointLimits, LimitsConfig

LIMITS = JointLimits.build(("a_one", "a_two"), [-9, -9], [9, 9], LimitsConfig())


def test_warm_up_is_left_out_and_the_old_is_forgotten() -> None:
    window = LatencyWindow(size=10, skip=2)
    assert window.percentile(95.0) == 0.0
    for value in (9.0, 9.0, 5.0, *[0.1] * 9):
        window.add(value)
    assert window.percentile(95.0) == 5.0
    window.add(0.1)
    assert window.percentile(95.0) == 0.1
    assert window.percentile(0.0) == 0.1


def test_a_plan_that_lasts_is_run_at_full_speed() -> None:
    assert lasting_rate(1.0, 0.3) == 1.0
    assert lasting_rate(0.1, 0.0) == 1.0


def test_a_plan_that_does_not_last_is_run_slower() -> None:
    assert lasting_rate(0.33, 0.6) == pytest.approx(0.5)
    assert lasting_rate(0.0, 0.6) == 0.0


def arrivals(runway: Runway, latency_s: float, cycle_s: float) -> int:
    """Let twenty chunks of a second come in; return the time of the last."""
    now_ns = 0
    for _ in range(20):
        now_ns += round(cycle_s * 1e9)
        runway.merged(now_ns - round(latency_s * 1e9), 1.0, now_ns)
    return now_ns


def test_nothing_is_slowed_down_before_anything_is_known() -> None:
    assert Runway().sustained_rate(0.5, 0) == 1.0


def test_chunks_that_come_in_time_are_run_at_full_speed() -> None:
    runway = Runway()
    now_ns = arrivals(runway, 0.3, 0.3)
    assert runway.latency_s == pytest.approx(0.3)
    assert runway.sustained_rate(0.7, now_ns) == 1.0


def test_chunks_that_take_longer_than_they_last_are_run_slower_all_the_time() -> None:
    runway = Runway()
    now_ns = arrivals(runway, 0.7, 0.7)
    assert runway.sustained_rate(0.5, now_ns) == pytest.approx(0.47 / 0.7)
    assert runway.sustained_rate(1.0, now_ns) == pytest.approx(0.97 / 1.4)


def test_a_pause_is_no_cycle() -> None:
    runway = Runway()
    now_ns = arrivals(runway, 0.3, 0.3)
    runway.forget_last()
    now_ns += 60_000_000_000
    runway.merged(now_ns - 300_000_000, 1.0, now_ns)
    assert runway.sustained_rate(0.7, now_ns) == 1.0


def test_a_plan_within_limits_is_feasible() -> None:
    rows = np.linspace(0.0, 1.0, 100)[:, None] * np.ones((1, 2))
    assert feasible_rates(rows, LIMITS, 0.01).tolist() == [1.0] * 100


@pytest.mark.parametrize("factor", [1.0, 2.0, 5.0])
def test_a_plan_that_is_too_fast_is_stretched_to_its_limits(factor: float) -> None:
    rows = factor * 0.03 * np.arange(100)[:, None] * np.ones((1, 2))
    rates = feasible_rates(rows, LIMITS, 0.01)
    assert rates[50] == pytest.approx(min(CAUTION[0] / factor, 1.0))


def test_a_resting_plan_is_feasible() -> None:
    assert feasible_rates(np.zeros((1, 2)), LIMITS, 0.01).tolist() == [1.0]
