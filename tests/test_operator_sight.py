"""What the simulated operator takes for a mistake, and what not."""

from __future__ import annotations

import numpy as np
import pytest

from motion.sight import ON_TABLE_M, Hand, Sight
from teleop.operator_sight import LATE_S, STALLED_S, Trouble, first_look, looked, trouble

OPEN_M, CLOSED_M = 0.055, 0.042
CUBE = (0.1, 0.5, ON_TABLE_M)
ABOVE = (0.1, 0.5, 0.1)
AWAY = (0.3, 0.5, 0.3)
AT = (0.1, 0.5, ON_TABLE_M + 0.008)

Place = tuple[float, float, float]


def sight(
    cube: Place = CUBE, right: Place = AWAY, finger_m: float = OPEN_M, left: Place | None = None
) -> Sight:
    other = Hand(np.array(left or (-0.3, 0.5, 0.3)), CLOSED_M)
    return Sight(np.array(cube), {"left": other, "right": Hand(np.array(right), finger_m)})


def judged(*sights: Sight, seconds: float = 0.1, waiting: bool = False) -> list[Trouble | None]:
    """Return the judgement after each of `sights`, `seconds` apart."""
    memory = first_look(sights[0], 0)
    said: list[Trouble | None] = []
    for i, now in enumerate(sights):
        memory = looked(memory, now, round(i * seconds * 1e9))
        said.append(trouble(memory, now, waiting=waiting))
    return said


def lifted(height: float) -> Sight:
    return sight((0.1, 0.5, height), (0.1, 0.5, height + 0.008), CLOSED_M)


def test_a_good_grasp_and_lift_is_no_trouble() -> None:
    way = [sight(), sight(right=ABOVE), sight(right=AT), sight(right=AT, finger_m=CLOSED_M)]
    assert not any(judged(*way, lifted(0.05), lifted(0.15), lifted(0.25)))


def test_a_cube_that_falls_out_of_the_hand_is_dropped() -> None:
    fallen = sight((0.1, 0.5, 0.15), (0.1, 0.5, 0.25), OPEN_M)
    lying = sight(CUBE, (0.1, 0.5, 0.25), OPEN_M)
    assert judged(lifted(0.25), fallen) == [None, "dropped"]
    assert judged(lifted(0.25), lying) == [None, "dropped"]


def test_a_cube_that_begins_in_the_air_is_not_dropped() -> None:
    assert not any(judged(sight((0.1, 0.5, 0.05)), sight()))


def test_a_cube_that_is_carried_down_is_not_dropped() -> None:
    assert not any(judged(lifted(0.25), lifted(0.1), lifted(0.05)))


def test_a_cube_in_the_left_hand_is_not_dropped() -> None:
    given = sight((0.0, 0.5, 0.2), AWAY, OPEN_M, left=(0.0, 0.5, 0.2))
    assert not any(judged(lifted(0.25), given))


def test_a_hand_that_leaves_without_the_cube_has_missed_it() -> None:
    assert judged(sight(right=AT), sight(right=ABOVE))[-1] == "missed"


def test_a_hand_that_comes_from_above_has_not_missed_it_yet() -> None:
    assert not any(judged(sight(right=AWAY), sight(right=ABOVE)))


def test_a_hand_that_closes_beside_the_cube_has_missed_it() -> None:
    beside = (0.16, 0.5, 0.03)
    assert judged(sight(right=beside), sight(right=beside, finger_m=CLOSED_M)) == [None, "missed"]


def test_a_cube_that_is_pushed_away_is_noticed() -> None:
    pushed = sight((0.07, 0.5, ON_TABLE_M), (0.11, 0.5, 0.03))
    assert judged(sight(), pushed) == [None, "pushed"]


def test_a_cube_that_is_nudged_is_not_pushed_away() -> None:
    assert not any(judged(sight(), sight((0.11, 0.51, ON_TABLE_M))))


@pytest.mark.parametrize("now", [sight(), lifted(0.25)], ids=["before", "with the cube"])
def test_standing_still_for_long_is_a_stall(now: Sight) -> None:
    assert judged(now, now, seconds=STALLED_S - 0.1)[-1] is None
    assert judged(now, now, seconds=STALLED_S + 0.1)[-1] == "stalled"


def test_holding_the_cube_still_is_no_stall_where_that_is_the_task() -> None:
    assert not any(judged(lifted(0.2), lifted(0.2), seconds=STALLED_S + 0.1, waiting=True))
    low = sight(right=AT, finger_m=CLOSED_M)
    assert judged(low, low, seconds=STALLED_S + 0.1, waiting=True)[-1] == "stalled"


def test_what_creeps_has_not_stalled() -> None:
    creeping = [sight(right=(0.3, 0.5, 0.3 - 0.006 * i)) for i in range(10)]
    assert not any(judged(*creeping, seconds=1.0))


def test_an_episode_that_goes_on_for_too_long_is_late() -> None:
    moving = [sight(right=(0.3, 0.5, 0.3 + 0.1 * (i % 2))) for i in range(10)]
    said = judged(*moving, seconds=LATE_S / 8)
    assert said[:9] == [None] * 9
    assert said[9] == "late"
