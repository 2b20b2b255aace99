"""The learned policy: flow matching from camera views, instruction and joints to a chunk."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated, Final

import numpy as np
from numpy.typing import NDArray

from learning.models import checkpoint
from learning.models.checkpoint import Metadata
from learning.models.images import view
from learning.models.normalisation import Normaliser
from learning.models.text import Tokenizer
from policy_worker.policy import Observation, PolicySpec
from runtime.config import Between, Seed, StrictModel

log = logging.getLogger(__name__)

_REPOSITORY: Final = Path(__file__).resolve().parents[2]


class Config(StrictModel):
    """Which weights to run, and how finely to follow the flow."""

    checkpoint: Path = Path("configs/policies/aloha_transfer_cube.safetensors")
    flow_steps: Annotated[int, Between(1, 50)] = 3  # Euler steps from noise to actions
    seed: Seed = 0


class FlowPolicy:
    """Runs a checkpoint on one thread; the same observation gives the same chunk.

    The noise is drawn once an episode: chunks that overlap then start from the same noise and
    agree far better than chunks from fresh noise would.
    """

    def __init__(self, config: Config, joints: tuple[str, ...]) -> None:
        path = _checkpoint_file(config)
        # refused by its header alone, before torch takes its second to import
        metadata = checkpoint.read_metadata(path)
        checkpoint.check_fits(metadata, joints=joints)
        import torch

        torch.set_num_threads(1)
        self._torch = torch
        _, self._model = checkpoint.load(path)
        self._config = config
        self._metadata = metadata
        self._state = Normaliser.from_statistics(metadata.state)
        self._actions = Normaliser.from_statistics(metadata.actions)
        self._tokenizer = Tokenizer(metadata.model.vocabulary, metadata.model.text_length)
        self.reset(0)

    @property
    def spec(self) -> PolicySpec:
        """What the checkpoint says it was made for."""
        return _spec(self._metadata)

    def reset(self, episode: int) -> None:
        """Draw the episode's noise."""
        shape = (self._metadata.model.horizon, self._metadata.model.action_width)
        drawn = np.random.default_rng((self._config.seed, episode)).standard_normal(shape)
        self._noise = self._torch.from_numpy(drawn.astype(np.float32))[None]

    def infer(self, observation: Observation) -> NDArray[np.float64]:
        """Return actions (horizon, J), the first one meant for the observation's time.

        Raises:
            ValueError: a view is missing, or the instruction has unknown words.
        """
        torch = self._torch
        views = torch.from_numpy(self._views(observation))
        numbers = self._tokenizer.encode(observation.instruction)
        # without filler there is nothing to mask, and unmasked attention is much quicker
        words = torch.from_numpy(numbers[numbers > 0])[None]
        state = torch.from_numpy(self._state.normalised(observation.position))[None]
        with torch.inference_mode():
            pixels = views.float().div_(255.0).permute(0, 3, 1, 2)[None]
            prefix = self._model.prefix(pixels, words, state)
            actions = self._model.denoised(prefix, self._noise, self._config.flow_steps)
        return self._actions.restored(actions[0].numpy())

    def _views(self, observation: Observation) -> NDArray[np.uint8]:
        missing = [name for name in self._metadata.cameras if name not in observation.images]
        if missing:
            raise ValueError(
                f"the observation lacks the view of {', '.join(missing)}; "
                f"it has {', '.join(observation.images) or 'none'}"
            )
        return np.stack([view(observation.images[name]) for name in self._metadata.cameras])


def _spec(metadata: Metadata) -> PolicySpec:
    return PolicySpec(
        name=metadata.name,
        joints=metadata.joints,
        cameras=metadata.cameras,
        horizon=metadata.model.horizon,
        dt_ns=metadata.dt_ns,
        instructions=metadata.instructions,
    )


def _checkpoint_file(config: Config) -> Path:
    path = config.checkpoint
    return path if path.is_absolute() or path.exists() else _REPOSITORY / path


def cameras(config: Config) -> tuple[str, ...]:
    """Return the views that the checkpoint needs, by its header; raises CheckpointError."""
    return checkpoint.read_metadata(_checkpoint_file(config)).cameras


def make(config: Config, joints: tuple[str, ...]) -> FlowPolicy:
    """Load the checkpoint for a robot with these joints.

    Raises:
        CheckpointError: the checkpoint cannot be read or was made for other joints.
    """
    policy = FlowPolicy(config, joints)
    facts = policy.spec
    log.info("policy %s for %s", facts.name, ", ".join(facts.instructions))
    return policy
