"""Shafts without physics: rates, stops, sagging, pairs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from servo_bench import PROFILE

from simulation.servos.first_order import FirstOrder, Shaft
from simulation.servos.plant import LIMP, Drive, Mounting, mountings
from simulation.servos.trajectory import Trajectory

STEP_NS = 1_000_000


def followed(plant: FirstOrder, servo: int, steps: int, start_ns: int = 0) -> list[float]:
    """Return the shaft's angle at each millisecond."""
    plant.advance(start_ns)
    return [
        plant.motion(servo, start_ns + step * STEP_NS).position_rad for step in range(1, steps + 1)
    ]


def position(goal: float, current_a: float = 2.0) -> Drive:
    return Drive("position", goal, current_a)


@settings(max_examples=20, deadline=None)
@given(goal=st.floats(-6.0, 6.0), start=st.floats(-3.0, 3.0))
def test_a_shaft_arrives_within_its_rates_and_without_overshoot(goal: float, start: float) -> None:
    shaft = Shaft({1: 1}, position_rad=start)
    plant = FirstOrder([shaft])
    plant.drive(1, position(goal))
    path = np.array([start, *followed(plant, 1, 4000)])
    speed = np.diff(path) / 1e-3
    assert np.abs(speed).max() <= shaft.most_velocity_rad_s + 1e-6
    assert np.abs(np.diff(speed)).max() / 1e-3 <= shaft.most_acceleration_rad_s2 * 1.05 + 1e-3
    assert path[-1] == pytest.approx(goal, abs=1e-4)
    assert path.max() <= max(start, goal) + 2e-3
    assert path.min() >= min(start, goal) - 2e-3


def test_a_limp_shaft_stays() -> None:
    plant = FirstOrder([Shaft({1: 1}, position_rad=0.4)])
    assert set(followed(plant, 1, 100)) == {0.4}
    assert plant.motion(1, 10**9).current_a == 0.0


def test_a_limp_shaft_sags_to_its_stop_when_asked_to() -> None:
    plant = FirstOrder([Shaft({1: 1}, sag_rad_s=-1.0, range_rad=(-0.2, 0.2))])
    path = followed(plant, 1, 400)
    assert path[99] == pytest.approx(-0.1)
    assert path[-1] == -0.2


def test_a_stop_blocks_and_the_motor_spends_all_it_may() -> None:
    plant = FirstOrder([Shaft({1: 1}, range_rad=(-0.1, 0.1))])
    plant.drive(1, position(1.0, current_a=1.5))
    assert followed(plant, 1, 500)[-1] == 0.1
    assert plant.motion(1, 10**9).current_a == 1.5


def test_a_shaft_that_stands_at_its_goal_spends_nothing() -> None:
    plant = FirstOrder([Shaft({1: 1})])
    plant.drive(1, position(0.3))
    followed(plant, 1, 1000)
    assert plant.motion(1, 10**9).current_a == pytest.approx(0.0, abs=1e-3)


def test_a_motor_that_may_spend_nothing_moves_nothing() -> None:
    plant = FirstOrder([Shaft({1: 1})])
    plant.drive(1, position(1.0, current_a=0.0))
    assert followed(plant, 1, 100)[-1] == 0.0


def test_mirrored_motors_of_one_joint_see_it_turn_opposite_ways() -> None:
    plant = FirstOrder([Shaft({2: -1, 3: 1})])
    plant.drive(2, position(-0.5))
    plant.drive(3, position(0.5))
    assert followed(plant, 3, 1000)[-1] == pytest.approx(0.5, abs=1e-4)
    assert plant.motion(2, 10**9).position_rad == pytest.approx(-0.5, abs=1e-4)


def test_motors_that_disagree_meet_in_the_middle_and_spend_against_each_other() -> None:
    plant = FirstOrder([Shaft({2: 1, 3: 1})])
    plant.drive(2, position(0.04))
    plant.drive(3, position(0.0))
    followed(plant, 2, 1000)
    one, other = plant.motion(2, 10**9), plant.motion(3, 10**9)
    assert one.position_rad == pytest.approx(0.02, abs=1e-3)
    assert one.current_a == pytest.approx(-other.current_a, rel=0.05)
    assert one.current_a > 0.3


def test_when_one_of_a_pair_lets_go_the_other_holds() -> None:
    plant = FirstOrder([Shaft({2: 1, 3: -1}, sag_rad_s=-1.0)])
    plant.drive(2, position(0.2))
    plant.drive(3, position(-0.2))
    followed(plant, 2, 500)
    plant.drive(3, LIMP)
    assert followed(plant, 2, 500, 500 * STEP_NS)[-1] == pytest.approx(0.2, abs=1e-3)


def test_a_profile_is_mounted_as_its_directions_say() -> None:
    assert mountings(PROFILE) == {
        1: Mounting("waist", 1),
        2: Mounting("shoulder", -1),
        3: Mounting("shoulder", 1),
        7: Mounting("wrist", 1),
        9: Mounting("gripper", 1),
    }
    plant = FirstOrder.of(PROFILE, {"shoulder": 0.3})
    angles = [plant.motion(number, 0).position_rad for number in (1, 2, 3)]
    assert angles == [0.0, -0.3, 0.3]


# -- the velocity profile ------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(
    goals=st.lists(st.floats(-3000.0, 3000.0), min_size=1, max_size=4),
    velocity=st.floats(500.0, 3000.0),
    acceleration=st.floats(2000.0, 50_000.0),
)
def test_a_profile_arrives_within_its_bounds_even_when_its_goal_changes(
    goals: list[float], velocity: float, acceleration: float
) -> None:
    profile = Trajectory()
    for goal in goals:
        profile.retarget(goal, velocity, acceleration)
        for _ in range(20):
            before = profile.velocity
            profile.advance(0.001)
            assert abs(profile.velocity) <= velocity * (1 + 1e-9)
            assert abs(profile.velocity - before) <= acceleration * 2.1e-3
    profile.advance(2.0 * (6000.0 / velocity + 2.0 * velocity / acceleration) + 1.0)
    assert profile.done
    assert profile.position == goals[-1]


def test_a_profile_without_bounds_is_a_step() -> None:
    profile = Trajectory()
    profile.retarget(100.0, float("inf"), float("inf"))
    assert profile.done
    assert profile.position == 100.0
