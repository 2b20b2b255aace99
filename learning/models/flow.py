"""The flow-matching policy: a prefix of what is known, and an expert that denoises actions.

As in pi0 (arXiv 2410.24164) time runs from noise at 1 to actions at 0. As in pi0.5 the flow time
enters the expert by adaptive norms, and the state is part of the prefix (one continuous token
rather than pi0.5's text), so that everything but the noisy actions is computed once.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from learning.models.attention import Angles, JointLayer, KeyValue
from learning.models.blocks import AdaptiveNorm, rotary_angles, wave_features
from learning.models.config import FlowConfig
from learning.models.vision import KeypointVision


@dataclass(frozen=True, slots=True)
class Prefix:
    """What the expert attends to, layer by layer, and what was seen on the way."""

    layers: tuple[KeyValue, ...]
    visible: Tensor  # (B, P) False for filler
    length: Tensor  # (B,) visible tokens
    object_estimate: Tensor  # (B, 3) see learning.models.vision

    def repeated(self, times: int) -> Prefix:
        """Return a batch `times` as long, each sample followed by its copies."""
        return Prefix(
            tuple(
                (k.repeat_interleave(times, 0), v.repeat_interleave(times, 0))
                for k, v in self.layers
            ),
            self.visible.repeat_interleave(times, 0),
            self.length.repeat_interleave(times, 0),
            self.object_estimate.repeat_interleave(times, 0),
        )


@dataclass(frozen=True, slots=True)
class _Context:
    """What all flow steps of one chunk have in common."""

    layers: tuple[KeyValue, ...]
    angles: Angles
    visible: Tensor | None


class FlowModel(nn.Module):
    """Predicts the velocity of the flow between actions and noise."""

    def __init__(self, config: FlowConfig) -> None:
        super().__init__()
        self.config = config
        width = config.expert.width
        self.vision = KeypointVision(config)
        self.words = nn.Embedding(len(config.vocabulary) + 1, config.prefix.width)
        self.state_in = nn.Linear(config.state_width, config.prefix.width)
        self.layers = nn.ModuleList(
            JointLayer(config, last=index == config.depth - 1) for index in range(config.depth)
        )
        self.time_mlp = nn.Sequential(
            nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU()
        )
        self.action_in = nn.Linear(config.action_width, width)
        self.norm = AdaptiveNorm(width)
        self.action_out = nn.Linear(width, config.action_width)

    def prefix(self, views: Tensor, words: Tensor, state: Tensor) -> Prefix:
        """Compute everything that does not depend on the actions.

        Args:
            views: (B, cameras, 3, height, width) in 0..1.
            words: (B, text_length) word numbers, 0 is filler.
            state: (B, state_width) normalised joint positions.
        """
        seen, estimate = self.vision(views)
        tokens = torch.cat((seen, self.words(words), self.state_in(state)[:, None]), dim=1)
        always = torch.ones_like(words[:, :1], dtype=torch.bool)
        visible = torch.cat((always.expand(-1, seen.shape[1]), words > 0, always), dim=1)
        # filler takes no position, so an instruction reads the same at any text length
        positions = (visible.cumsum(dim=1) - 1).clamp(min=0)
        angles = rotary_angles(positions, self.config.head_width)
        mask = _mask(visible)
        layers: list[KeyValue] = []
        for layer in self._pairs():
            tokens, memory = layer.prefix(tokens, angles, mask)
            layers.append(memory)
        return Prefix(tuple(layers), visible, visible.sum(dim=1), estimate)

    def velocity(self, prefix: Prefix, noisy: Tensor, time: Tensor) -> Tensor:
        """Return the flow's velocity (B, H, action_width) at noisy actions and times (B,)."""
        return self._velocity(self._context(prefix, noisy.shape[1]), noisy, self._condition(time))

    def _condition(self, time: Tensor) -> Tensor:
        waves = wave_features(time, self.config.expert.width, 4e-3, 4.0)
        return torch.as_tensor(self.time_mlp(waves))

    def _context(self, prefix: Prefix, horizon: int) -> _Context:
        steps = torch.arange(horizon, device=prefix.length.device)
        angles = rotary_angles(prefix.length[:, None] + steps, self.config.head_width)
        own = prefix.visible.new_ones((len(prefix.visible), horizon))
        return _Context(prefix.layers, angles, _mask(torch.cat((prefix.visible, own), dim=1)))

    def _velocity(self, context: _Context, noisy: Tensor, condition: Tensor) -> Tensor:
        tokens = self.action_in(noisy)
        for layer, memory in zip(self._pairs(), context.layers, strict=True):
            tokens = layer.expert(tokens, condition, context.angles, memory, context.visible)
        normed, _ = self.norm(tokens, condition)
        return torch.as_tensor(self.action_out(normed))

    def _pairs(self) -> list[JointLayer]:
        # torch forgets what a ModuleList is a list of
        return [layer for layer in self.layers if isinstance(layer, JointLayer)]

    def loss(self, prefix: Prefix, actions: Tensor, noise: Tensor, time: Tensor) -> Tensor:
        """Return the flow-matching loss of normalised actions (B, H, action_width), times (B,)."""
        at = time[:, None, None]
        noisy = at * noise + (1.0 - at) * actions
        return functional.mse_loss(self.velocity(prefix, noisy, time), noise - actions)

    def denoised(self, prefix: Prefix, noise: Tensor, steps: int) -> Tensor:
        """Return actions (B, H, action_width) after so many Euler steps from noise."""
        context = self._context(prefix, noise.shape[1])
        conditions = self._condition(1.0 - torch.arange(steps, device=noise.device) / steps)
        actions = noise
        for condition in conditions[:, None]:
            actions = actions - self._velocity(context, actions, condition) / steps
        return actions


def _mask(visible: Tensor) -> Tensor | None:
    """Return which keys (B, 1, 1, S) attention may use, None for all: much the quicker way."""
    return None if bool(visible.all()) else visible[:, None, None]


def drawn_times(count: int, generator: torch.Generator) -> Tensor:
    """Return flow times (count,) drawn as pi0 does, Beta(1.5, 1): more of them near the noise.

    The inverse of its distribution function u -> u^(2/3) is exact and needs one uniform draw.
    """
    return torch.rand(count, generator=generator) ** (1.0 / 1.5) * 0.999 + 0.001
