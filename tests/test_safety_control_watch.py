"""What the controller says: what is found at each threshold, and what passes."""

from __future__ import annotations

from findings import CONFIG, MS, NOW, REAL, only
from guarded_robot import TICK_NS, control_status

from messaging.messages import ControlStatus
from safety.cause import Findings
from safety.control_watch import ControlWatch


def control(*statuses: ControlStatus) -> ControlWatch:
    watch = ControlWatch(CONFIG, 100.0, REAL)
    watch.hear(statuses)
    return watch


def judged(status: ControlStatus, running: bool = True) -> Findings:
    return control(status).look(0, status.t_ns, running)


def test_a_healthy_controller_is_found_healthy() -> None:
    assert judged(control_status()) == Findings()


def test_a_controller_not_heard_yet_only_keeps_from_starting() -> None:
    assert only(control().look(0, NOW, False)).phases == ()


def test_row_4_a_silent_controller() -> None:
    watch = control(control_status(t_ns=NOW))
    assert watch.look(0, NOW + 100 * MS, False) == Findings()
    assert only(watch.look(0, NOW + 101 * MS, False)).row == 4
    assert watch.look(NOW + 50 * MS, NOW + 101 * MS, False) == Findings()


def test_row_2_a_starved_plan_stops_only_a_run() -> None:
    assert not judged(control_status(starved_s=0.5)).causes
    assert only(judged(control_status(starved_s=0.51))).row == 2
    assert not judged(control_status(starved_s=9.0), running=False).causes


def test_row_20_arms_blocked_by_what_they_would_touch() -> None:
    assert not judged(control_status(blocked_s=1.0), running=False).causes
    assert only(judged(control_status(blocked_s=1.01), running=False)).row == 20


def test_row_24_three_ticks_in_a_row_more_than_a_period_late() -> None:
    late = {"late_us": 10_001.0}
    watch = control(control_status(seq=1, **late), control_status(seq=3, **late))
    assert not watch.look(0, 0, False).causes
    watch.hear([control_status(seq=5, **late)])
    assert only(watch.look(0, 0, False)).row == 24
    watch.hear([control_status(seq=7)])
    assert not watch.look(0, 0, False).causes


def test_row_24_a_tick_that_took_the_next_beat_is_late_too() -> None:
    gaps = [control_status(seq=i, t_ns=i * (2 * TICK_NS + 1)) for i in range(4)]
    watch = control(*gaps)
    assert only(watch.look(0, gaps[-1].t_ns, False)).row == 24
    steady = control(*(control_status(seq=i, t_ns=i * TICK_NS) for i in range(9)))
    assert not steady.look(0, 8 * TICK_NS, False).causes


def test_row_24_a_good_tick_begins_the_count_anew() -> None:
    late, good = {"late_us": 10_001.0}, {"late_us": 10_000.0}
    ticks = [late, late, good, late, late]
    watch = control(*(control_status(seq=2 * i, **tick) for i, tick in enumerate(ticks)))
    assert not watch.look(0, 0, False).causes


def test_row_24_exactly_a_fifth_of_a_period_is_not_late() -> None:
    watch = control(*(control_status(seq=2 * i, late_us=2000.0) for i in range(100)))
    assert watch.look(0, 0, False) == Findings()


def test_row_24_each_late_tick_leaves_the_window_by_itself() -> None:
    lateness = [5.0] * 2 + [2001.0] * 11 + [5.0] * 987
    watch = control(*(control_status(seq=2 * i, late_us=us) for i, us in enumerate(lateness)))
    warned = []
    for i in range(4):
        warned.append(bool(watch.look(0, 0, False).warnings))
        watch.hear([control_status(seq=2 * (1000 + i))])
    assert warned == [True, True, True, False]


def test_row_24_one_tick_in_a_hundred_late_warns_until_the_window_has_passed() -> None:
    slow = [control_status(seq=2 * i, late_us=2001.0) for i in range(10)]
    watch = control(*slow)
    assert not watch.look(0, 0, False).warnings
    watch.hear([control_status(seq=100, late_us=2001.0)])
    assert watch.look(0, 0, False).warnings == (
        "1 % of the controller's ticks are late by over 20% of a period",
    )
    watch.hear([control_status(seq=102 + 2 * i) for i in range(1000)])
    assert not watch.look(0, 0, False).warnings
