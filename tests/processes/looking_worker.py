"""The policy's process with a policy that needs to see, and waves both arms around home."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from policy_worker import main as worker
from policy_worker.main import Config
from policy_worker.policy import Observation, PolicySpec
from runtime.process import Context

__all__ = ["Config", "main"]

_HOME = np.array([0.0, -0.96, 1.16, 0.0, -0.3, 0.0, 0.1] * 2)
_SWING_RAD = 0.3
_SWING_HZ = 0.5
_DT_NS = 20_000_000
_HORIZON = 50


class Waving:
    """Looks at its images, and waves whatever there is to see."""

    def __init__(self, config: Config) -> None:
        self.spec = PolicySpec(
            name="waving",
            joints=config.joints,
            cameras=config.cameras,
            horizon=_HORIZON,
            dt_ns=_DT_NS,
            instructions=("wave",),
        )

    def reset(self, episode: int) -> None:
        """Forget nothing: there is no past."""

    def infer(self, observation: Observation) -> NDArray[np.float64]:
        """Return the wave from the observation's moment in the plan on, grippers still."""
        times_s = observation.plan_time_s + np.arange(_HORIZON) * _DT_NS * 1e-9
        swing = _SWING_RAD * np.sin(2.0 * np.pi * _SWING_HZ * times_s)
        actions: NDArray[np.float64] = _HOME + swing[:, None]
        actions[:, 6::7] = _HOME[6::7]
        return actions


def main(config: Config, context: Context) -> None:
    """Be a policy worker with this policy."""
    worker.load = Waving
    worker.main(config, context)
