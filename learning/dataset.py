"""Demonstrations as training samples, all in memory, in the shape the model takes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from learning.episodes import Episode
from learning.models.images import view
from learning.models.normalisation import Normaliser, Statistics
from learning.models.text import Tokenizer

ACTION_EVERY: Final = 4  # control steps between two actions of a chunk: 80 ms at 50 Hz

_STILL_RAD: Final = 1e-4


@dataclass(frozen=True, slots=True)
class Batch:
    """Samples as the model takes them."""

    views: Tensor  # (B, 1, 3, 120, 160) float 0..1
    words: Tensor  # (B, text_length)
    state: Tensor  # (B, J) normalised
    actions: Tensor  # (B, H, J) normalised
    cube: Tensor  # (B, 3) metres, known to the simulation only


@dataclass(frozen=True, slots=True)
class Augmentation:
    """Small disturbances of what the policy sees; what it shall do stays clean."""

    state_std: float = 0.015  # rad, so that the policy trusts the image rather than the joints
    brightness: float = 0.08  # share by which a view is made brighter or darker at most
    pixel_std: float = 0.01


@dataclass(frozen=True, slots=True)
class Dataset:
    """One sample for each camera frame of each demonstration."""

    views: tuple[Tensor, ...]  # N of (120, 160, 3) uint8, apart: joining them doubles the memory
    words: Tensor  # (N, text_length)
    state: Tensor  # (N, J) rad
    actions: Tensor  # (N, H, J) normalised
    cube: Tensor  # (N, 3) metres
    state_statistics: Statistics
    action_statistics: Statistics
    tokenizer: Tokenizer
    instructions: tuple[str, ...]  # one a demonstration
    joints: tuple[str, ...]
    camera: str
    dt_ns: int  # between two actions

    def __len__(self) -> int:
        return len(self.state)

    def drawn(self, size: int, generator: torch.Generator, augmentation: Augmentation) -> Batch:
        """Return random samples, each disturbed anew."""
        index = torch.randint(len(self), (size,), generator=generator)
        views = torch.stack([self.views[row] for row in index.tolist()]).float().div_(255.0)
        gain = 1.0 + augmentation.brightness * (
            2.0 * torch.rand((size, 1, 1, 1), generator=generator) - 1.0
        )
        # one pattern for the whole batch: drawing a normal for every pixel costs more than a layer
        grain = torch.randn(views.shape[1:], generator=generator)
        views = views.mul_(gain).add_(augmentation.pixel_std * grain).clamp_(0.0, 1.0)
        state = self.state[index]
        state = state + augmentation.state_std * torch.randn(state.shape, generator=generator)
        normal = Normaliser.from_statistics(self.state_statistics)
        return Batch(
            views=views.permute(0, 3, 1, 2)[:, None],
            words=self.words[index],
            state=torch.from_numpy(normal.normalised(state.numpy())),
            actions=self.actions[index],
            cube=self.cube[index],
        )


def chunks(
    actions: NDArray[np.float32], starts: NDArray[np.int32], horizon: int
) -> NDArray[np.float32]:
    """Return the actions (F, horizon, J) that follow each start; the last one is held."""
    steps = starts[:, None] + ACTION_EVERY * np.arange(horizon)
    return np.asarray(actions[np.minimum(steps, len(actions) - 1)], np.float32)


def _first_move(actions: NDArray[np.float32]) -> int:
    """Return the step before the first command that differs from its predecessor.

    What came before it was waiting. A policy that learned to wait could do so for ever, since
    waiting leads to the same observation again.
    """
    moves = np.abs(np.diff(actions, axis=0)).max(axis=1) > _STILL_RAD
    return int(moves.argmax())


def gathered(episodes: Iterable[Episode], horizon: int, text_length: int) -> Dataset:
    """Turn demonstrations into samples, one by one, and measure their statistics.

    Raises:
        ValueError: there is no demonstration, or two were made on different robots.
    """
    views: list[Tensor] = []
    state: list[NDArray[np.float32]] = []
    actions: list[NDArray[np.float32]] = []
    cube: list[NDArray[np.float32]] = []
    instructions: list[str] = []
    stations: set[tuple[tuple[str, ...], str, float]] = set()
    for episode in episodes:
        used = np.flatnonzero(episode.frame_steps > _first_move(episode.actions) - ACTION_EVERY)
        starts = episode.frame_steps[used]
        views.extend(torch.from_numpy(view(episode.frames[row])) for row in used)
        state.append(episode.position[starts])
        actions.append(chunks(episode.actions, starts, horizon))
        cube.append(episode.cube[starts])
        instructions.append(episode.instruction)
        stations.add((tuple(episode.joints), episode.camera, episode.dt_s))
    if len(stations) != 1:
        raise ValueError(
            f"want demonstrations of one robot, got {sorted(stations) or 'none'}; "
            "make some with `python -m learning.demos`"
        )
    joints, camera, dt_s = stations.pop()
    tokenizer = Tokenizer(Tokenizer.words_of(instructions), text_length)
    words = [
        np.tile(tokenizer.encode(text), (len(part), 1))
        for text, part in zip(instructions, state, strict=True)
    ]
    all_actions, all_state = np.concatenate(actions), np.concatenate(state)
    action_statistics = Statistics.of(all_actions)
    normal = Normaliser.from_statistics(action_statistics)
    return Dataset(
        views=tuple(views),
        words=torch.from_numpy(np.concatenate(words)),
        state=torch.from_numpy(all_state.astype(np.float32)),
        actions=torch.from_numpy(normal.normalised(all_actions.astype(np.float64))),
        cube=torch.from_numpy(np.concatenate(cube).astype(np.float32)),
        state_statistics=Statistics.of(all_state),
        action_statistics=action_statistics,
        tokenizer=tokenizer,
        instructions=tuple(instructions),
        joints=joints,
        camera=camera,
        dt_ns=round(dt_s * ACTION_EVERY * 1e9),
    )
