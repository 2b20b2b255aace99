"""The collision part of the stopping benchmark, with little of everything."""

import numpy as np
from rich.console import Console

from benchmarks.stopping.collision import Witness, measured, pierced
from simulation.twin import HOME, JOINTS


def test_the_witness_knows_touching_when_it_sees_it() -> None:
    witness = Witness()
    assert not witness.touching(HOME)
    assert witness.touching(np.zeros(len(JOINTS)))


def test_closed_fingers_of_one_hand_are_no_collision() -> None:
    closed = HOME.copy()
    closed[[6, 13]] = 0.0
    assert not Witness().touching(closed)


def test_few_poses_and_one_transfer_give_all_figures() -> None:
    figures = measured(Console(quiet=True), poses=3, episodes=1)
    assert figures["poses_touching"] == 0.0
    assert 0.0 <= figures["poses_reached"] <= 3.0
    assert 0.0 < figures["collision_check_us"] <= figures["collision_check_p99_us"]


def test_triangles_that_cut_one_another_are_told_from_those_that_pass() -> None:
    flat = np.array([[[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    through = np.array([[[0.2, 0.2, -0.5], [0.2, 0.2, 0.5], [0.2, 0.9, 0.5]]])
    assert pierced(flat, through)
    assert not pierced(flat, through + np.array([0.7, 0.7, 0.0]))
    assert not pierced(flat, through + np.array([0.0, 0.0, 0.6]))


def test_fingers_that_reach_past_one_another_do_not_touch() -> None:
    left = [-0.6338, -0.0157, -0.0282, 0.2229, 0.8485, -1.8902, 0.3605]
    right = [0.418, 0.2656, 0.0479, 1.0351, -0.0295, 1.1621, 0.4491]
    past = np.array([*left, *right])
    assert not Witness().touching(past)
