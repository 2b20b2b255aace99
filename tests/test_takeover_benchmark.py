"""The benchmark of takeovers: what it plays, what it measures, what it draws."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.takeover.latency import latencies_ms
from benchmarks.takeover.people import PERIOD_S, Leader, Reaches
from benchmarks.takeover.picture import draw
from benchmarks.takeover.trial import DT_S, GRIPS, JOINTS, Trial, lag_ms, tried
from controller.takeover import LAG_S, WAIT_S


def test_takeovers_of_either_kind_are_smooth(tmp_path: Path) -> None:
    trials = {name: tried(5, relative, seed=1) for name, relative in (("a", False), ("b", True))}
    for trial in trials.values():
        assert len(trial.changes) == 10
        assert trial.step_mrad() < 2.0
        assert trial.violations() == 0
        assert trial.held() == 0
    draw(trials, tmp_path / "pictures" / "takeover.png")
    assert (tmp_path / "pictures" / "takeover.png").stat().st_size > 10_000


def test_what_is_not_smooth_is_found() -> None:
    commands = np.zeros((200, len(JOINTS)))
    commands[100:, 0] = 0.01
    who = np.array(["policy"] * 100 + ["human"] * 100)
    trial = Trial(commands, commands, False, who, {"limit.left_waist.jerk": 3, "clipped": 1})
    assert trial.step_mrad() == pytest.approx(20.0)
    assert trial.violations() > 0
    assert trial.held() == 3
    assert trial.changes.tolist() == [100]


def test_switched_at_once_a_clutch_keeps_its_distance_and_a_leader_does_not() -> None:
    commands = np.zeros((20, len(JOINTS)))
    meant = np.ones((20, len(JOINTS)))
    who = np.array(["policy"] * 10 + ["human"] * 10)
    for relative, expected in ((False, 1.0), (True, 0.0)):
        naive = Trial(commands, meant, relative, who, {}).naive()
        assert (naive[10:] == expected).all()


def test_commands_are_behind_a_person_by_what_smoothing_takes() -> None:
    assert lag_ms() == pytest.approx(1e3 * (LAG_S + WAIT_S), abs=2.0)


def test_a_hand_stops_what_it_takes_and_reaches_smoothly() -> None:
    velocity = np.full(3, 0.5)
    hand = Reaches(np.zeros(3), velocity, np.random.default_rng(0))
    poses = np.array([hand.at(tick * DT_S) for tick in range(300)])
    np.testing.assert_allclose((poses[1] - poses[0]) / DT_S, velocity, rtol=0.1)
    assert np.abs(np.diff(poses, 2, axis=0)).max() / DT_S**2 < 10.0


def test_a_leader_follows_until_it_is_taken() -> None:
    leader = Leader(JOINTS, False, np.random.default_rng(0))
    command = np.where(GRIPS, 0.5, 0.1)
    off = leader.meant(command, 0.0) - command
    np.testing.assert_allclose(leader.meant(command + 1.0, PERIOD_S) - command - 1.0, off)
    leader.take(command, np.zeros(len(JOINTS)), 1.0)
    np.testing.assert_allclose(leader.meant(command + 1.0, 1.0), command + off)
    said = leader.said(command, 1.0, 5)
    assert (said.engaged, said.relative, said.t_ns) == (True, False, 5)
    leader.let_go()
    assert not leader.engaged


@pytest.mark.realtime
def test_a_person_takes_over_a_controller_process_at_once() -> None:
    assert latencies_ms(5).max() < 60.0
