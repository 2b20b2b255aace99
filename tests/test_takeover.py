"""A person takes over in the middle of a motion, and hands back."""

from dataclasses import replace

import numpy as np
import pytest
from taking_over import Shared, still, waving
from test_controller import GRIPS, JOINTS, START

from messaging.messages import COMMANDERS

AWAY = START + np.where(GRIPS, 0.3, 0.25)
MODES = pytest.mark.parametrize("relative", [False, True], ids=["aligned", "clutch"])


@MODES
def test_a_takeover_and_a_hand_back_mid_motion_are_smooth(relative: bool) -> None:
    robot = Shared(waving(AWAY), relative=relative).run(1.5)
    for _ in range(3):
        robot.takes(0.83).lets_go(0.71)
    robot.assert_smooth_and_free()
    assert {status.mode for status in robot.statuses} == {"run", "human"}


@MODES
def test_it_is_in_effect_with_the_next_command(relative: bool) -> None:
    robot = Shared(waving(AWAY), relative=relative).run(1.5)
    robot.engaged = True
    status = robot.tick()
    assert (status.mode, status.commander, status.rate) == ("human", "human", 1.0)


def test_aligned_the_arms_come_to_where_the_person_is() -> None:
    robot = Shared(still(AWAY)).run(1.5).takes(2.0)
    np.testing.assert_allclose(robot.commands[-1], AWAY, atol=1e-9)


def test_aligned_they_follow_the_person_with_a_small_lag() -> None:
    hand = waving(START)
    robot = Shared(hand).run(1.5).takes(3.0)
    late = hand(robot.now_ns * 1e-9 - robot.dt - 0.040)
    assert np.abs(robot.commands[-1] - late).max() < 0.002


def test_clutched_only_the_persons_changes_count() -> None:
    robot = Shared(still(AWAY), relative=True).run(1.5).takes(1.0)
    rest = robot.commands[-1]
    moved = np.where(GRIPS, 0.1, -0.2)
    begin_s = robot.now_ns * 1e-9
    robot.hand = lambda seconds: AWAY + moved * min(seconds - begin_s, 1.0)
    robot.takes(1.5)
    np.testing.assert_allclose(robot.commands[-1], rest + moved, atol=1e-9)
    robot.assert_smooth_and_free()


def test_clutched_the_motion_under_way_comes_to_rest_and_does_not_swing_back() -> None:
    robot = Shared(still(AWAY), relative=True).run(1.5)
    before = np.array(robot.commands[-1] - robot.commands[-2])
    robot.takes(1.0)
    steps = np.diff(np.array(robot.commands[-101:]), axis=0)
    assert (steps * np.sign(before) >= -1e-9)[:, ~GRIPS].all()
    assert np.abs(robot.commands[-1] - robot.commands[-100])[~GRIPS].max() < 0.1


def test_joints_that_the_person_does_not_move_come_to_rest_and_stay() -> None:
    robot = Shared(waving(AWAY)).run(1.5)
    left = tuple(name for name in JOINTS if name.startswith("left"))
    pose = AWAY[: len(left)]
    robot.said = {"joints": left, "position": pose}
    robot.takes(1.0)
    others = np.array(robot.commands)[-50:, len(left) :]
    assert (np.ptp(others, axis=0) < 1e-9).all()
    assert np.abs(robot.commands[-1][: len(left)] - pose).max() < 0.2
    robot.assert_smooth_and_free()


def test_a_gripper_that_differs_fades_when_aligned_and_stays_when_clutched() -> None:
    for relative in (False, True):
        robot = Shared(still(AWAY), relative=relative).run(1.5)
        before = robot.commands[-1][GRIPS]
        first = robot.takes(0.01).commands[-1][GRIPS]
        np.testing.assert_allclose(first, before, atol=0.01)
        robot.takes(1.5)
        wanted = before if relative else AWAY[GRIPS]
        np.testing.assert_allclose(robot.commands[-1][GRIPS], wanted, atol=0.05)
        robot.assert_kept()


def test_what_was_computed_before_a_change_of_hands_is_never_executed() -> None:
    robot = Shared(waving(AWAY)).run(1.5)
    before = robot.chunk()
    robot.takes(0.5)
    assert robot.controller.receive(before, robot.now_ns) == "not_running"
    shadow = robot.chunk(epoch=robot.controller.epoch)
    assert robot.controller.receive(shadow, robot.now_ns) == "not_running"
    robot.silent, robot.flying = True, None
    robot.lets_go(0.02)
    for chunk in (before, shadow):
        assert robot.controller.receive(chunk, robot.now_ns) == "epoch"
    held = robot.run(1.0).commands[-1]
    assert robot.run(0.1).commands[-1].tolist() == held.tolist()


def test_each_change_of_hands_begins_an_epoch() -> None:
    robot = Shared(waving(AWAY)).run(1.0)
    begun = robot.status.epoch
    changes = (robot.takes, robot.lets_go, robot.takes)
    epochs = [begun, *(change(0.3).status.epoch for change in changes)]
    assert np.diff(epochs).tolist() == [1, 1, 1]


def test_after_a_hand_back_the_arms_brake_and_hold_until_a_chunk_comes() -> None:
    robot = Shared(waving(AWAY)).run(1.5).takes(0.6)
    robot.silent, robot.flying = True, None
    robot.lets_go(1.5)
    assert (robot.status.mode, robot.status.commander, robot.status.rate) == ("run", "hold", 0.0)
    assert robot.status.starved_s == 0.0
    assert robot.commands[-1].tolist() == robot.commands[-50].tolist()
    robot.silent = False
    robot.run(1.0)
    assert robot.status.commander == "policy"
    robot.assert_smooth_and_free()


def test_a_policy_that_is_silent_meanwhile_starves_nobody() -> None:
    robot = Shared(waving(AWAY)).run(1.5)
    robot.silent, robot.flying = True, None
    robot.takes(2.0)
    assert {status.starved_s for status in robot.statuses[150:]} == {0.0}


def test_the_status_tells_who_commands_and_of_which_chunks_the_plan_is_made() -> None:
    robot = Shared(waving(AWAY))
    robot.silent = True
    assert robot.run(0.1).status.commander == "hold"
    robot.silent = False
    robot.run(1.5)
    assert robot.status.commander == "policy"
    assert robot.status.chunk > 0
    assert robot.status.blended > 1
    robot.takes(0.2)
    assert (robot.status.commander, robot.status.chunk, robot.status.blended) == ("human", 0, 0)
    robot.engaged = False
    for mode, commander in (("home", "home"), ("rest", "rest"), ("hold", "hold"), ("idle", "hold")):
        robot.directed = mode
        assert robot.tick().commander == commander
    assert {status.commander for status in robot.statuses} == set(COMMANDERS)


def test_the_coming_commands_of_a_person_are_not_known() -> None:
    robot = Shared(waving(AWAY)).run(1.0).takes(0.5)
    assert (robot.status.upcoming == robot.commands[-1]).all()


@MODES
def test_a_missed_tick_is_made_up_for_smoothly(relative: bool) -> None:
    robot = Shared(waving(AWAY), relative=relative).run(1.0).takes(0.5)
    for _ in range(5):
        robot.now_ns += 2 * robot.dt_ns
        robot.takes(0.3)
    robot.assert_kept()


def test_a_late_tick_is_taken_for_its_deadline() -> None:
    robot, late = (Shared(waving(START)).run(1.0).takes(1.0) for _ in range(2))
    assert robot.commands[-1].tolist() == late.commands[-1].tolist()
    for each, late_ns in ((robot, 0), (late, 4_000_000)):
        said = each.command()
        each.controller.hear(said, each.now_ns)
        each.controller.steer("run", "all", each.now_ns)
        command, _ = each.controller.tick(each.now_ns + late_ns, late_us=late_ns * 1e-3)
        each.commands.append(command.position)
    assert robot.commands[-1].tolist() == late.commands[-1].tolist()


@MODES
def test_noise_of_a_milliradian_calls_on_no_limit(relative: bool) -> None:
    random = np.random.default_rng(5)
    hand = waving(START)
    robot = Shared(
        lambda seconds: hand(seconds) + random.normal(0.0, 0.001, len(JOINTS)), relative=relative
    )
    robot.run(1.5).takes(5.0).lets_go(1.0)
    robot.assert_smooth_and_free()


@MODES
def test_a_person_who_hurries_is_kept_within_the_limits_and_caught_up_with(relative: bool) -> None:
    robot = Shared(still(START), relative=relative).run(1.0).takes(1.0)
    base = robot.commands[-1]
    moved = np.where(GRIPS, 0.0, 0.9)
    robot.hand = still(START + moved)
    robot.takes(4.0)
    np.testing.assert_allclose(robot.commands[-1], base + moved, atol=1e-6)
    robot.assert_kept()
    assert robot.limit_counts != []


@pytest.mark.parametrize("speed", [0.0, 0.2, 0.6])
def test_a_cap_on_the_speed_holds_for_people_too(speed: float) -> None:
    robot = Shared(waving(START, 0.6), relative=True).run(1.0).takes(0.5)
    robot.controller.speed = speed
    robot.takes(0.5)
    begin = len(robot.commands)
    robot.takes(2.0)
    velocity = np.abs(np.diff(np.array(robot.commands[begin:]), axis=0)) / robot.dt
    assert velocity[:, ~GRIPS].max() <= 3.0 * speed + 1e-6
    robot.assert_kept()


def test_a_leader_beyond_the_arms_range_brings_them_to_its_end() -> None:
    robot = Shared(still(np.where(GRIPS, 0.5, 2.5))).run(1.0)
    robot.controller.direct("hold")
    robot.takes(0.01)
    robot.hand = waving(np.where(GRIPS, 0.5, 2.5))
    robot.takes(3.0)
    robot.assert_kept()
    commands = np.array(robot.commands)
    assert (commands[:, ~GRIPS] <= 2.0).all()


def test_another_device_mid_takeover_goes_on_from_where_the_arms_are() -> None:
    robot = Shared(waving(AWAY)).run(1.5).takes(0.5)
    robot.said = {"device": "gamepad", "relative": True}
    robot.takes(0.5)
    robot.said = {"doing": "rewind", "position": START}
    robot.takes(0.5)
    robot.said = {}
    robot.takes(0.5).lets_go(0.5)
    robot.assert_smooth_and_free()


def test_someone_who_only_watches_changes_nothing() -> None:
    alone, watched = Shared(waving(AWAY)), Shared(waving(AWAY))
    alone.mute = True
    assert alone.run(2.0).commands[-1].tolist() == watched.run(2.0).commands[-1].tolist()
    assert alone.status.counters == watched.status.counters


def test_nobody_takes_over_arms_that_are_not_known_yet() -> None:
    robot = Shared(waving(AWAY))
    fresh = Shared(waving(AWAY)).controller
    fresh._limiter = None
    fresh.hear(replace(robot.command(), engaged=True), robot.now_ns)
    fresh.steer("run", "all", robot.now_ns)
    assert fresh.epoch == 1  # that of the run
