"""The policy's process, with policies that take their time."""

import time

import numpy as np
from numpy.typing import NDArray

from policy_worker.main import warm_up
from policy_worker.policy import Observation, PolicySpec


class Slow:
    """A policy whose inferences take the given times in turn."""

    def __init__(self, *took_s: float, needs_twin_state: bool = False) -> None:
        self.left_s = list(took_s)
        self.spec = PolicySpec(
            name="slow",
            joints=("left_waist",),
            cameras=("cam_high",),
            horizon=1,
            dt_ns=20_000_000,
            instructions=(),
            needs_twin_state=needs_twin_state,
        )

    def reset(self, _episode: int) -> None:
        """Forget nothing."""

    def infer(self, _observation: Observation) -> NDArray[np.float64]:
        """Return one action, late."""
        time.sleep(self.left_s.pop(0))
        return np.zeros((1, 1))


def test_a_slow_first_inference_says_nothing_about_how_long_one_takes() -> None:
    assert 0.05 <= warm_up(Slow(0.4, 0.05, 0.05), "wave") < 0.3


def test_one_inference_that_the_system_delayed_says_nothing_either() -> None:
    assert 0.05 <= warm_up(Slow(0.05, 0.05, 0.4), "wave") < 0.3


def test_a_policy_that_needs_the_twin_is_not_asked_without_it() -> None:
    assert warm_up(Slow(needs_twin_state=True), "wave") == 0.0
