"""The collision part of the stopping benchmark, with little of everything."""

import numpy as np
from rich.console import Console

from benchmarks.stopping.collision import Witness, measured
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
