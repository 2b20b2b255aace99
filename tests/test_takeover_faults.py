"""What goes wrong while a person commands, and what the arms do then."""

from typing import Any

import numpy as np
import pytest
from taking_over import Shared, still, waving
from test_controller import GRIPS, HOME, JOINTS, LIMITS, START

from controller.person import MOST_AGE_NS
from motion.limits import JointLimits, LimitsConfig

HAND = waving(START)


def limited_to(range_rad: float) -> JointLimits:
    """Return limits in which the arms' joints go as far as `range_rad` to either side."""
    lower, upper = np.where(GRIPS, 0.0, -range_rad), np.where(GRIPS, 1.0, range_rad)
    return JointLimits.build(JOINTS, lower, upper, LimitsConfig())


def at_edge(angle: float) -> np.ndarray:
    """Return a pose with the roll of the left forearm at `angle`."""
    return np.where(np.arange(len(JOINTS)) == 3, angle, START)


@pytest.mark.parametrize("relative", [False, True], ids=["aligned", "clutch"])
def test_who_falls_silent_mid_correction_leaves_control_to_nobody(relative: bool) -> None:
    robot = Shared(HAND, relative=relative).run(1.5).takes(1.0)
    robot.mute = True
    robot.run(MOST_AGE_NS * 1e-9 - 0.02)
    assert robot.status.mode == "human"
    robot.run(0.05)
    assert (robot.status.mode, robot.status.commander) == ("hold", "hold")
    held = robot.run(0.6).commands[-1]
    robot.mute = False
    robot.run(1.0)
    assert robot.status.mode == "hold"
    assert robot.commands[-1].tolist() == held.tolist()
    assert robot.status.counters["human.lost"] == 1
    assert robot.status.lost
    robot.lets_go(1.0)
    assert not robot.status.lost
    assert robot.status.commander == "policy"
    robot.takes(0.5)
    assert robot.status.commander == "human"
    robot.assert_smooth_and_free()


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("not_finite", {"position": np.full(len(JOINTS), np.nan)}),
        ("joints", {"joints": tuple(f"third_{name}" for name in JOINTS)}),
        ("shape", {"position": np.zeros(3)}),
        ("beyond_limits", {"position": np.full(len(JOINTS), 1e300)}),
        ("future", {"t_ns": 10**18}),
        ("stale", {"t_ns": 1}),
    ],
)
def test_bad_commands_are_dropped_and_counted_and_the_arms_hold(
    reason: str, said: dict[str, Any]
) -> None:
    robot = Shared(HAND).run(1.5).takes(0.5)
    robot.said = said
    robot.run(1.0)
    assert robot.status.counters[f"human.{reason}"] == 100
    assert robot.status.mode == "hold"
    assert robot.commands[-1].tolist() == robot.commands[-2].tolist()
    robot.said = {"engaged": False}
    assert robot.run(1.0).status.commander == "policy"
    robot.assert_smooth_and_free()


def test_a_bad_command_now_and_then_hurts_nobody() -> None:
    robot = Shared(HAND).run(1.5)
    for _ in range(10):
        robot.said = {"position": np.full(len(JOINTS), np.inf)}
        robot.takes(0.02)
        robot.said = {}
        robot.takes(0.2)
    assert robot.status.mode == "human"
    robot.assert_smooth_and_free()


def test_commands_out_of_order_are_dropped() -> None:
    robot = Shared(HAND).run(1.0).takes(0.5)
    stale = robot.command(t_ns=robot.now_ns - 30_000_000, position=START + 1.0)
    assert robot.controller.hear(stale, robot.now_ns) == "order"
    robot.takes(0.5)
    assert robot.status.counters["human.order"] == 1
    robot.assert_smooth_and_free()


@pytest.mark.parametrize("relative", [False, True], ids=["aligned", "clutch"])
@pytest.mark.parametrize("ticks", [1, 3])
def test_a_pedal_that_bounces_bumps_nothing(relative: bool, ticks: int) -> None:
    robot = Shared(waving(START + 0.1), relative=relative).run(1.5)
    begun = robot.status.epoch
    for _ in range(20):
        robot.takes(ticks * robot.dt).lets_go(ticks * robot.dt)
    assert robot.status.epoch == begun + 40
    robot.takes(0.5).lets_go(1.0)
    assert robot.status.commander == "policy"
    robot.assert_smooth_and_free()


def test_without_leave_to_move_nobody_commands() -> None:
    robot = Shared(HAND).run(1.5).takes(0.5)
    robot.motion = "poses"
    robot.run(1.0)
    assert robot.status.mode == "hold"
    robot.assert_smooth_and_free()
    robot.controller.stand(START)
    robot.commands = [START] * 3
    robot.motion = "all"
    robot.run(0.7)
    assert robot.status.mode == "human"
    robot.assert_smooth_and_free()


def test_leave_for_the_way_to_rest_leads_there_whoever_commanded() -> None:
    robot = Shared(HAND).run(1.0).takes(0.5)
    robot.motion = "rest"
    robot.run(6.0)
    assert robot.status.mode == "rest"
    assert robot.status.arrived
    robot.assert_smooth_and_free()


@pytest.mark.parametrize("mode", ["hold", "home", "idle", "rest"])
def test_a_run_that_ends_ends_the_persons_command(mode: str) -> None:
    robot = Shared(HAND).run(1.5).takes(0.5)
    robot.directed = mode
    robot.run(6.0)
    assert robot.status.mode == mode
    assert robot.status.arrived
    if mode == "home":
        np.testing.assert_allclose(robot.commands[-1], HOME, atol=1e-12)
    robot.directed = "run"
    assert robot.run(0.5).status.mode == "human"
    robot.assert_smooth_and_free()


def test_commands_that_are_lost_on_the_way_are_not_felt() -> None:
    random = np.random.default_rng(2)
    robot = Shared(HAND).run(1.5)
    for _ in range(300):
        robot.mute = bool(random.random() < 0.1)
        robot.takes(robot.dt)
    assert robot.status.mode == "human"
    robot.assert_smooth_and_free()


def test_a_leader_at_the_other_end_of_a_turn_moves_no_joint_through_it() -> None:
    robot = Shared(still(at_edge(-3.1)), limits=limited_to(np.pi), start=at_edge(3.1))
    robot.silent = True
    rolls = np.array(robot.takes(2.0).commands)[:, 3]
    assert np.ptp(rolls) < 1e-9
    robot.hand = still(at_edge(-3.3))
    robot.run(1.0)
    assert robot.commands[-1][3] == pytest.approx(2.9)
    robot.assert_kept()


def test_a_leader_a_turn_away_is_met_where_the_range_allows() -> None:
    robot = Shared(still(at_edge(-3.1)), limits=limited_to(2.0 * np.pi), start=at_edge(3.1))
    robot.silent = True
    rolls = np.array(robot.takes(2.0).commands)[:, 3]
    assert np.abs(rolls - 3.1).max() < 0.1
    assert rolls[-1] == pytest.approx(2.0 * np.pi - 3.1)
    robot.assert_smooth_and_free()


def test_a_joint_that_is_too_far_off_is_moved_by_changes_only() -> None:
    far = START + np.where(np.arange(len(JOINTS)) == 1, 1.0, 0.1) * ~GRIPS
    robot = Shared(still(far), start=START)
    robot.silent = True
    robot.takes(2.0)
    wanted = np.where(np.arange(len(JOINTS)) == 1, START, far)
    np.testing.assert_allclose(robot.commands[-1], wanted, atol=1e-9)
    robot.hand = still(far - 0.1)
    robot.run(1.0)
    np.testing.assert_allclose(robot.commands[-1][~GRIPS], (wanted - 0.1)[~GRIPS], atol=1e-9)
    robot.assert_kept()


def test_what_jumps_is_followed_within_the_limits() -> None:
    random = np.random.default_rng(11)
    robot = Shared(HAND).run(1.0).takes(0.5)
    for _ in range(8):
        robot.hand = still(START + random.normal(0.0, 1.0, len(JOINTS)))
        robot.takes(0.3)
    robot.lets_go(0.5)
    robot.assert_kept()
    commands = np.array(robot.commands)
    assert (commands >= LIMITS.lower - 1e-7).all()
    assert (commands <= LIMITS.upper + 1e-7).all()
