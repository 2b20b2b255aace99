"""Plays a recorded episode, whatever the robot sees."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from policy_worker.policy import Observation, Policy, PolicySpec
from runtime.config import Between, StrictModel
from runtime.shell import command

_HORIZON_S: Final = 2.0
_DEMONSTRATION: Final = ".npz"
_EPISODE: Final = ".parquet"
_INFO: Final = Path("meta/info.json")
_TASKS: Final = Path("meta/tasks.parquet")
_UNNAMED: Final = "__index_level_0__"  # what pandas calls an index without a name


class Config(StrictModel):
    """Which recording is played."""

    # .npz of a demonstration, or .parquet under data/ of a recorded dataset
    file: Path
    # Which one, where a file of a dataset holds several.
    episode: Annotated[int, Between(0, 10**9)] | None = None


@dataclass(frozen=True, slots=True)
class Recording:
    """What a file holds of an episode."""

    joints: tuple[str, ...]
    actions: NDArray[np.float64]  # (T, J)
    dt_s: float
    instruction: str


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


def cameras(config: Config) -> tuple[str, ...]:  # noqa: ARG001 - part of the seam
    """Return the views that it needs: none."""
    return ()


def make(config: Config, joints: tuple[str, ...]) -> Policy:
    """Return the player of `config.file`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no recording, or it was made with other joints.
    """
    recording = _read(config)
    if recording.joints != joints:
        raise ValueError(
            f"{config.file} was recorded with the joints {recording.joints},"
            f" this robot has {joints}"
        )
    spec = PolicySpec(
        name="replay",
        joints=joints,
        cameras=(),
        horizon=round(_HORIZON_S / recording.dt_s),
        dt_ns=round(recording.dt_s * 1e9),
        instructions=(recording.instruction,),
    )
    return Replay(spec, recording.actions)


def _read(config: Config) -> Recording:
    if config.file.suffix == _DEMONSTRATION:
        return _demonstration(config.file)
    if config.file.suffix == _EPISODE:
        return _episode(config.file, config.episode)
    raise ValueError(
        f"{config.file} is no recording: expected a demonstration's {_DEMONSTRATION}, or an"
        f" episode's {_EPISODE} under data/ of a recorded dataset"
    )


def _demonstration(path: Path) -> Recording:
    with np.load(path, allow_pickle=False) as stored:
        return Recording(
            joints=tuple(str(joint) for joint in stored["joints"]),
            actions=stored["actions"].astype(np.float64),
            dt_s=float(stored["dt_s"]),
            instruction=str(stored["instruction"]),
        )


def _episode(path: Path, episode: int | None) -> Recording:
    """Return an episode of a LeRobot v3.0 dataset, whose `meta` lies beside `data`."""
    # A hub's cache is made of links, which lead away from the dataset: none is followed here.
    root = next((above for above in path.absolute().parents if (above / _INFO).exists()), None)
    if not path.exists():
        listing = command("python -m recorder info --episodes", *([root] if root else []))
        raise FileNotFoundError(f"there is no {path}; {listing} lists what there is")
    if root is None:
        raise ValueError(f"{path} is in no dataset: no folder above it has {_INFO}")
    try:
        info = json.loads((root / _INFO).read_text(encoding="utf-8"))
        rows = _rows(path, episode)
        actions = np.array(rows["action"].to_pylist(), np.float64)
        if not np.isfinite(actions).all():
            raise ValueError("an action is not a number")
        return Recording(
            joints=_names(info["features"]["action"]["names"]),
            actions=actions,
            dt_s=1.0 / info["fps"],
            instruction=_texts(root)[rows["task_index"][0].as_py()],
        )
    except (OSError, ValueError, LookupError, TypeError, ArithmeticError, RecursionError) as error:
        raise ValueError(
            f"{path} is no file under data/ of a whole dataset: {error!r}; ask"
            f" {command('python -m recorder check', root)}"
        ) from error


def _names(given: object) -> tuple[str, ...]:
    """Return the joints' names: a list, or one in an object as older datasets have it."""
    names = next(iter(given.values())) if isinstance(given, dict) and len(given) == 1 else given
    if not isinstance(names, list):
        raise TypeError(f"the action's joints are called {given!r}")
    return tuple(str(name) for name in names)


def _texts(root: Path) -> dict[int, str]:
    tasks = pq.read_table(root / _TASKS)
    column = next(name for name in (_UNNAMED, "task") if name in tasks.column_names)
    pairs = zip(tasks["task_index"].to_pylist(), tasks[column].to_pylist(), strict=True)
    return dict(pairs)


def _rows(path: Path, episode: int | None) -> pa.Table:
    """Return one episode's frames out of a file that may hold several."""
    columns = ["action", "episode_index", "task_index"]
    table = pq.read_table(path, columns=columns, partitioning=None)
    held = sorted(set(table["episode_index"].to_pylist()))
    wanted = held[0] if episode is None and len(held) == 1 else episode
    if wanted not in held:
        raise ValueError(f"it holds the episodes {held}; say which by policies.replay.episode")
    return table.filter([number == wanted for number in table["episode_index"].to_pylist()])
