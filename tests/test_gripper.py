from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.dynamixel.profile import Gripper
from drivers.gripper import (
    action_of,
    commanded_rad,
    crank_rad,
    finger_m,
    finger_per_crank,
    observed,
)

ALOHA_2023 = Gripper(
    horn_m=0.022,
    rod_m=0.036,
    closed_m=0.01844,
    open_m=0.05800,
    closed_rad=-0.6213,
    open_rad=1.4910,
)


@pytest.mark.parametrize(
    ("action", "seen"),
    [(0.0, 0.0), (0.25, 0.204), (0.5, 0.526), (0.75, 0.843), (0.9, 0.963), (1, 1)],
)
def test_action_and_observation_agree_at_the_ends_only(action: float, seen: float) -> None:
    angle = commanded_rad(ALOHA_2023, action)
    assert observed(ALOHA_2023, angle) == pytest.approx(seen, abs=3e-3)


@given(st.floats(-1.5, 1.5))
def test_finger_and_crank_are_inverse(angle: float) -> None:
    assert crank_rad(ALOHA_2023, finger_m(ALOHA_2023, angle)) == pytest.approx(angle, abs=1e-6)


@given(st.floats(0.0, 1.0))
def test_commands_and_actions_are_inverse(action: float) -> None:
    assert action_of(ALOHA_2023, commanded_rad(ALOHA_2023, action)) == pytest.approx(action)


@given(st.floats(-1.4, 1.4))
def test_the_speed_is_the_derivative_of_the_place(angle: float) -> None:
    step = 1e-6
    slope = (finger_m(ALOHA_2023, angle + step) - finger_m(ALOHA_2023, angle - step)) / (2 * step)
    assert finger_per_crank(ALOHA_2023, angle) == pytest.approx(slope, rel=1e-4, abs=1e-8)


@pytest.mark.parametrize("angle", [-0.1, 0.0, 0.1])
def test_a_rod_as_long_as_the_horn_has_a_speed_everywhere(angle: float) -> None:
    kit_leader = ALOHA_2023.model_copy(update={"horn_m": 0.02, "rod_m": 0.02})
    assert -1e-9 < finger_per_crank(kit_leader, angle) < 0.04 + 1e-9


def test_an_unreachable_place_gives_the_end_of_the_way() -> None:
    assert crank_rad(ALOHA_2023, 0.5) == pytest.approx(1.5708, abs=1e-4)
