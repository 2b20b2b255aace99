"""The pi space's numbers are those of openpi's aloha_policy.py, worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.arms.aloha import Config
from drivers.gripper import commanded_rad, observed
from policy_worker.pi_space import action_from_pi, action_to_pi, state_to_pi
from station.config import load, robot_file

GRIPPERS = [6, 13]


def joints(gripper: float, others: float = 0.5) -> np.ndarray:
    vector = np.full(14, others)
    vector[GRIPPERS] = gripper
    return vector


def test_shoulders_and_elbows_turn_the_other_way() -> None:
    signs = np.sign(state_to_pi(joints(0.5)))
    turned = [1, 2, 8, 9]
    assert (signs[turned] == -1).all()
    assert (np.delete(signs, turned + GRIPPERS) == 1).all()


@pytest.mark.parametrize(("gripper", "pi"), [(0.0, -1.0799), (0.526, -0.1042), (0.843, 0.3838)])
def test_a_states_gripper_becomes_a_scaled_angle(gripper: float, pi: float) -> None:
    assert state_to_pi(joints(gripper))[GRIPPERS] == pytest.approx([pi, pi], abs=2e-3)


@pytest.mark.parametrize(("gripper", "pi"), [(0.0, -1.1689), (0.5, -0.11275), (1.0, 0.9434)])
def test_an_actions_gripper_becomes_an_angle_in_radians(gripper: float, pi: float) -> None:
    assert action_to_pi(joints(gripper))[GRIPPERS] == pytest.approx([pi, pi], abs=1e-9)


@given(st.lists(st.floats(-3.0, 3.0), min_size=14, max_size=14))
def test_an_action_survives_the_way_there_and_back(action: list[float]) -> None:
    chunk = np.array([action, action])
    np.testing.assert_allclose(action_from_pi(action_to_pi(chunk)), chunk, atol=1e-12)


@given(st.floats(0.01, 0.99))
def test_state_and_action_of_one_crank_angle_agree_but_for_their_scale(action: float) -> None:
    profile = Config.model_validate(load(robot_file("aloha"), []).arms["left"].config, strict=False)
    seen = observed(profile.gripper, commanded_rad(profile.gripper, action))
    state = state_to_pi(joints(seen))[6] * (1.6296 - 0.5476)
    assert state == pytest.approx(action_to_pi(joints(action))[6], abs=1e-9)


def test_another_number_of_joints_is_refused() -> None:
    with pytest.raises(ValueError, match=r"want \(\.\.\., 14\) joints, got \(7,\)"):
        state_to_pi(np.zeros(7))
