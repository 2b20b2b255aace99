from __future__ import annotations

from dataclasses import replace

import pytest

from policy_worker.handshake import MismatchError, check
from policy_worker.policy import PolicySpec

JOINTS = ("left_waist", "left_gripper")
SPEC = PolicySpec("arm", JOINTS, ("cam_high",), 25, 80_000_000, ("lift", "hold"))


def agree(spec: PolicySpec, instruction: str = "lift", *, twin: bool = True) -> None:
    check(spec, JOINTS, ("cam_high", "cam_low"), instruction, twin=twin)


def test_a_policy_for_this_robot_is_let_in() -> None:
    agree(SPEC)
    agree(replace(SPEC, instructions=()), "anything at all")
    agree(replace(SPEC, needs_twin_state=True))


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (replace(SPEC, joints=JOINTS[::-1]), "left_gripper, left_waist; this robot has left_waist"),
        (replace(SPEC, cameras=("cam_top",)), "looks through cam_top; this robot has cam_high"),
        (replace(SPEC, horizon=1), "gives 1 actions"),
        (replace(SPEC, dt_ns=0), "0 ns apart"),
        (replace(SPEC, instructions=("dance",)), "was not trained to 'lift'; it can: dance"),
    ],
)
def test_a_mismatch_names_both_sides(spec: PolicySpec, words: str) -> None:
    with pytest.raises(MismatchError, match=words):
        agree(spec)


def test_true_state_is_the_twins_alone() -> None:
    with pytest.raises(MismatchError, match="true state"):
        agree(replace(SPEC, needs_twin_state=True), twin=False)
