"""A transformer layer of two streams that attend jointly, each with weights of its own."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from learning.models.blocks import AdaptiveNorm, GatedMLP, RootMeanSquareNorm, rotated
from learning.models.config import FlowConfig

KeyValue = tuple[Tensor, Tensor]  # each (B, key_heads, S, head_width), keys already rotated
Angles = tuple[Tensor, Tensor]


class _Projections(nn.Module):
    """From tokens to queries, keys and values, and back."""

    def __init__(self, config: FlowConfig, width: int, *, queries: bool = True) -> None:
        super().__init__()
        self._head_width = config.head_width
        inner = config.heads * config.head_width
        keys = config.key_heads * config.head_width
        self.key_value = nn.Linear(width, 2 * keys, bias=False)
        if queries:
            self.query = nn.Linear(width, inner, bias=False)
            self.out = nn.Linear(inner, width, bias=False)

    def keys_and_values(self, tokens: Tensor, angles: Angles) -> KeyValue:
        keys, values = self.key_value(tokens).chunk(2, dim=-1)
        return rotated(self._heads(keys), angles), self._heads(values)

    def attended(
        self, tokens: Tensor, angles: Angles, memory: KeyValue, visible: Tensor | None
    ) -> Tensor:
        """Return what the tokens (B, S, width) gather from the memory they may see."""
        query = rotated(self._heads(self.query(tokens)), angles)
        keys, values = memory
        shared = query.shape[1] // keys.shape[1]
        if shared > 1:
            keys, values = (part.repeat_interleave(shared, dim=1) for part in (keys, values))
        mixed = functional.scaled_dot_product_attention(query, keys, values, attn_mask=visible)
        return torch.as_tensor(self.out(mixed.transpose(1, 2).flatten(2)))

    def _heads(self, flat: Tensor) -> Tensor:
        return flat.reshape(*flat.shape[:2], -1, self._head_width).transpose(1, 2)


class PrefixStream(nn.Module):
    """The vision-language stream's part of a layer; it never sees the actions."""

    def __init__(self, config: FlowConfig, *, last: bool) -> None:
        super().__init__()
        width = config.prefix.width
        # nobody reads the last layer's tokens, only its keys and values
        self._last = last
        self.norm = RootMeanSquareNorm(width)
        self.attention = _Projections(config, width, queries=not last)
        if not last:
            self.mlp_norm = RootMeanSquareNorm(width)
            self.mlp = GatedMLP(width, config.prefix.mlp_width)

    def forward(
        self, tokens: Tensor, angles: Angles, visible: Tensor | None
    ) -> tuple[Tensor, KeyValue]:
        """Return the tokens (B, P, width) for the next layer, and what the expert may attend to."""
        normed = self.norm(tokens)
        memory = self.attention.keys_and_values(normed, angles)
        if self._last:
            return tokens, memory
        tokens = tokens + self.attention.attended(normed, angles, memory, visible)
        return torch.as_tensor(tokens + self.mlp(self.mlp_norm(tokens))), memory


class ExpertStream(nn.Module):
    """The action expert's part of a layer: sees the whole prefix and all of its own tokens."""

    def __init__(self, config: FlowConfig) -> None:
        super().__init__()
        width = config.expert.width
        self.norm = AdaptiveNorm(width)
        self.attention = _Projections(config, width)
        self.mlp_norm = AdaptiveNorm(width)
        self.mlp = GatedMLP(width, config.expert.mlp_width)

    def forward(
        self,
        tokens: Tensor,
        condition: Tensor,
        angles: Angles,
        prefix: KeyValue,
        visible: Tensor | None,
    ) -> Tensor:
        """Return the tokens (B, H, width) for the next layer."""
        normed, gate = self.norm(tokens, condition)
        keys, values = self.attention.keys_and_values(normed, angles)
        memory = torch.cat((prefix[0], keys), dim=2), torch.cat((prefix[1], values), dim=2)
        tokens = tokens + gate * self.attention.attended(normed, angles, memory, visible)
        normed, gate = self.mlp_norm(tokens, condition)
        return torch.as_tensor(tokens + gate * self.mlp(normed))


class JointLayer(nn.Module):
    """One layer: the pair of streams, kept together because they meet in its attention."""

    def __init__(self, config: FlowConfig, *, last: bool) -> None:
        super().__init__()
        self.prefix = PrefixStream(config, last=last)
        self.expert = ExpertStream(config)
