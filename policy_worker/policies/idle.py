"""Keeps the arms where they are led: for demonstrations, in which a person does it all."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from policy_worker.policy import Observation, Policy, PolicySpec
from runtime.config import StrictModel

_DT_NS: Final = 20_000_000
_HORIZON: Final = 50


class Config(StrictModel):
    """There is nothing to choose."""


class Idle:
    """Answers every question with a rest at the end of what is commanded anyway."""

    def __init__(self, joints: tuple[str, ...]) -> None:
        self._spec = PolicySpec(
            name="idle", joints=joints, cameras=(), horizon=_HORIZON, dt_ns=_DT_NS, instructions=()
        )

    @property
    def spec(self) -> PolicySpec:
        """Return what this policy was made for."""
        return self._spec

    def reset(self, episode: int) -> None:
        """Do nothing: there is no past to forget."""

    def infer(self, observation: Observation) -> NDArray[np.float64]:
        """Return the same pose over and over, (50, J)."""
        # Of commands, not of measured joints: these hang a little lower, and would sink with each
        # answer.
        upcoming = observation.upcoming
        rest = upcoming[-1] if len(upcoming) else observation.position
        return np.repeat(rest[None], _HORIZON, axis=0)


def cameras(config: Config) -> tuple[str, ...]:  # noqa: ARG001 - part of the seam
    """Return the views that it needs: none."""
    return ()


def make(config: Config, joints: tuple[str, ...]) -> Policy:  # noqa: ARG001 - part of the seam
    """Return the policy that does nothing."""
    return Idle(joints)
