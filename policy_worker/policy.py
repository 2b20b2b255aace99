"""The policy seam: a policy turns an observation into a chunk of future joint commands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class PolicySpec:
    """What a policy was made for; compared with the robot before anything moves."""

    name: str
    joints: tuple[str, ...]
    cameras: tuple[str, ...]  # views it needs, empty if it looks at none
    horizon: int  # actions a chunk
    dt_ns: int  # between two actions
    instructions: tuple[str, ...]  # what it was trained to follow, none if it takes any text
    needs_twin_state: bool = False  # a privileged policy, which no real robot can run


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """Everything a policy sees, as of `t_obs_ns`."""

    t_obs_ns: int
    plan_time_s: float  # seconds of plan executed at t_obs_ns; stands still while the robot holds
    episode: int
    instruction: str
    images: dict[str, NDArray[np.uint8]]  # camera -> (height, width, 3) RGB
    position: NDArray[np.float64]  # (J,) measured joints, gripper 0..1
    # (K, J) what will be commanded from the moment of asking on, one row a control tick, for a
    # policy that inpaints against it; empty if unknown
    upcoming: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 0)))
    twin_qpos: NDArray[np.float64] = field(  # (nq,) only for a policy that needs_twin_state
        default_factory=lambda: np.empty(0)
    )


class Policy(Protocol):
    """A plugin in `policy_worker/policies/<name>.py` with `Config` and `make(config, joints)`.

    It may also have `cameras(config)`, which tells before anything is loaded which views the policy
    needs; one that does not have it counts as needing all.
    """

    @property
    def spec(self) -> PolicySpec:
        """Return what this policy was made for."""
        ...

    def reset(self, episode: int) -> None:
        """Forget the past: an episode begins, or goes on where a person has left the arms."""
        ...

    def infer(self, observation: Observation) -> NDArray[np.float64]:
        """Return actions (horizon, J), the first one meant for `observation.t_obs_ns`."""
        ...
