"""The expert that makes the demonstrations: it reads the twin's true state, so no robot can run it.

It looks once, when an episode begins, plans both arms' whole motion and then plays that plan.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import mujoco
import numpy as np
from numpy.typing import NDArray

from motion import handover
from motion.sight import SIDES
from policy_worker.policy import Observation, Policy, PolicySpec
from runtime.config import StrictModel

_DT_NS: Final = 20_000_000
_HORIZON: Final = 100


class Config(StrictModel):
    """Where the expert finds the model of its world."""

    model_path: Path  # .mjb of the twin's scene


class Scripted:
    """Plans once an episode, from the twin's state, and then reads chunks off that plan."""

    def __init__(self, model: mujoco.MjModel, joints: tuple[str, ...]) -> None:
        self._expert = handover.Expert(model)
        self._plan: handover.Plan = {}
        self._planned_at_s = 0.0
        self._spec = PolicySpec(
            name="scripted",
            joints=joints,
            cameras=(),
            horizon=_HORIZON,
            dt_ns=_DT_NS,
            instructions=handover.INSTRUCTIONS,
            needs_twin_state=True,
        )

    @property
    def spec(self) -> PolicySpec:
        """Return what this policy was made for."""
        return self._spec

    def reset(self, episode: int) -> None:  # noqa: ARG002 - every episode is planned alike
        """Forget the plan; the next observation makes a new one."""
        self._plan = {}

    def infer(self, observation: Observation) -> NDArray[np.float64]:
        """Return the next two seconds of the plan, (100, 14).

        Raises:
            ValueError: the instruction is unknown or the cube lies out of reach.
        """
        if not self._plan:
            self._plan = self._expert.planned(
                observation.instruction, observation.position, observation.twin_qpos
            )
            self._planned_at_s = observation.plan_time_s
        since_s = observation.plan_time_s - self._planned_at_s
        times_s = since_s + np.arange(_HORIZON, dtype=np.float64) * (_DT_NS * 1e-9)
        return np.hstack([handover.sampled(self._plan[side], times_s) for side in SIDES])

    @property
    def duration_s(self) -> float:
        """How long the present plan lasts; 0 before the first observation."""
        return handover.duration_s(self._plan)


def cameras(config: Config) -> tuple[str, ...]:  # noqa: ARG001 - part of the seam
    """Return the views that it needs: none."""
    return ()


def make(config: Config, joints: tuple[str, ...]) -> Policy:
    """Return the expert for the scene in `config.model_path`.

    Raises:
        FileNotFoundError: there is no such file.
    """
    if not config.model_path.is_file():
        raise FileNotFoundError(f"no scene at {config.model_path}; the station writes it on start")
    return Scripted(mujoco.MjModel.from_binary_path(str(config.model_path)), joints)
