"""A chunk that must not be merged is refused by name."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from controller.ingress import Ingress
from messaging.messages import ActionChunk
from motion.limits import JointLimits, LimitsConfig

JOINTS = ("left_waist", "left_elbow", "left_gripper")
LIMITS = JointLimits.build(JOINTS, [-2, -2, 0], [2, 2, 1], LimitsConfig())
DT_NS = 10_000_000
NOW_NS = 5_000_000_000
GOOD = ActionChunk(
    policy="test",
    seq=1,
    t_obs_ns=NOW_NS - 100_000_000,
    cursor=90.0,
    epoch=0,
    dt_ns=20_000_000,
    joints=JOINTS,
    actions=np.full((50, 3), 0.5),
    stages_ms={},
)


def refusal(**changes: Any) -> str | None:
    return Ingress(JOINTS, LIMITS, 3.0).refusal(replace(GOOD, **changes), 100.0, DT_NS, NOW_NS)


def with_action(value: float) -> np.ndarray:
    actions = GOOD.actions.copy()
    actions[25, 0] = value
    return actions


def test_a_good_chunk_passes() -> None:
    assert refusal() is None


@pytest.mark.parametrize(
    ("reason", "changes"),
    [
        ("joints", {"joints": ("left_elbow", "left_waist", "left_gripper")}),
        ("joints", {"joints": JOINTS[:2]}),
        ("shape", {"actions": np.zeros((50, 2))}),
        ("shape", {"actions": np.zeros(3)}),
        ("shape", {"actions": np.zeros((0, 3))}),
        ("shape", {"actions": np.zeros((1, 3))}),
        ("shape", {"dt_ns": 0}),
        ("shape", {"dt_ns": 10**15}),
        ("not_finite", {"actions": with_action(np.nan)}),
        ("not_finite", {"actions": with_action(-np.inf)}),
        ("not_finite", {"cursor": float("nan")}),
        ("future", {"t_obs_ns": NOW_NS + 1}),
        ("future", {"cursor": 121.0}),
        ("stale", {"t_obs_ns": NOW_NS - 3_000_000_001}),
        ("stale", {"cursor": 2.0}),
        ("stale", {"cursor": 5.0}),
        ("shape", {"dt_ns": 1}),
        ("shape", {"actions": np.zeros((1001, 3)), "dt_ns": 1_000_000}),
        ("shape", {"dt_ns": 300_000_000}),
        ("beyond_limits", {"actions": np.full((50, 3), 2.3)}),
        ("beyond_limits", {"actions": with_action(0.7)}),
    ],
)
def test_a_bad_chunk_is_refused_by_name(reason: str, changes: dict[str, Any]) -> None:
    assert refusal(**changes) == reason


def test_the_same_observation_twice_is_a_duplicate() -> None:
    ingress = Ingress(JOINTS, LIMITS, 3.0)
    ingress.merged(GOOD)
    assert ingress.refusal(GOOD, 100.0, DT_NS, NOW_NS) == "duplicate"
    older = replace(GOOD, t_obs_ns=GOOD.t_obs_ns - 1)
    assert ingress.refusal(older, 100.0, DT_NS, NOW_NS) == "out_of_order"
    newer = replace(GOOD, t_obs_ns=GOOD.t_obs_ns + 1, seq=0)
    assert ingress.refusal(newer, 100.0, DT_NS, NOW_NS) is None
    ingress.forget()
    assert ingress.refusal(older, 100.0, DT_NS, NOW_NS) is None


def test_a_slight_excess_is_clipped() -> None:
    ingress = Ingress(JOINTS, LIMITS, 3.0)
    actions, clipped = ingress.clipped(np.array([[2.1, 0.0, 1.05], [0.0, 0.0, -0.05]]))
    assert clipped
    np.testing.assert_allclose(actions, [[1.98, 0.0, 1.0], [0.0, 0.0, 0.0]])
    assert not ingress.clipped(GOOD.actions)[1]
