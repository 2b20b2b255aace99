"""Plays a recorded episode, whatever the robot sees."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from policy_worker.policy import Observation, Policy, PolicySpec

_HORIZON_S: Final = 2.0


class Config(BaseModel):
    """Which recording is played."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    episode_path: Path  # .npz of a demonstration, which names its joints, instruction and dt_s


class Replay:
    """Reads chunks off a recording, by how much of the plan has been executed.

    A worker that dies in mid-episode begins the recording anew: it remembers nothing of the plan.
    """

    def __init__(self, spec: PolicySpec, actions: NDArray[np.float64]) -> None:
        self._spec = spec
        self._actions = actions  # (T, J)
        self._began_s: float | None = None

    @property
    def spec(self) -> PolicySpec:
        """Return what the recording was made with."""
        return self._spec

    def reset(self, episode: int) -> None:  # noqa: ARG002 - every episode is played alike
        """Go back to the recording's beginning."""
        self._began_s = None

    def infer(self, observation: Observation) -> NDArray[np.float64]:
        """Return the next two seconds of the recording, its last pose after its end."""
        if self._began_s is None:
            self._began_s = observation.plan_time_s
        times_s = observation.plan_time_s - self._began_s + self._offsets_s
        recorded_s = np.arange(len(self._actions)) * (self._spec.dt_ns * 1e-9)
        columns = [np.interp(times_s, recorded_s, column) for column in self._actions.T]
        return np.stack(columns, axis=1)

    @property
    def _offsets_s(self) -> NDArray[np.float64]:
        return np.arange(self._spec.horizon, dtype=np.float64) * (self._spec.dt_ns * 1e-9)


def make(config: Config, joints: tuple[str, ...]) -> Policy:
    """Return the player of `config.episode_path`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it was recorded with other joints.
    """
    with np.load(config.episode_path, allow_pickle=False) as stored:
        recorded = tuple(str(joint) for joint in stored["joints"])
        actions = stored["actions"].astype(np.float64)
        dt_s = float(stored["dt_s"])
        instruction = str(stored["instruction"])
    if recorded != joints:
        raise ValueError(
            f"{config.episode_path} was recorded with the joints {recorded},"
            f" this robot has {joints}"
        )
    spec = PolicySpec(
        name="replay",
        joints=joints,
        cameras=(),
        horizon=round(_HORIZON_S / dt_s),
        dt_ns=round(dt_s * 1e9),
        instructions=(instruction,),
    )
    return Replay(spec, actions)
