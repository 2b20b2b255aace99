"""The small parts of a transformer layer, as Gemma and pi0.5 define them."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


class RootMeanSquareNorm(nn.Module):
    """Scales tokens to unit root mean square, then by learned weights; the gate is always 1."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(width))

    def forward(self, tokens: Tensor) -> Tensor:
        """Return normed tokens (B, S, width)."""
        return functional.rms_norm(tokens, tokens.shape[-1:], 1.0 + self.weight, eps=1e-6)


class AdaptiveNorm(nn.Module):
    """The same norm with scale, shift and gate computed from a condition (pi0.5's adaRMS)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.dense = nn.Linear(width, 3 * width)
        nn.init.zeros_(self.dense.weight)
        nn.init.zeros_(self.dense.bias)
        # an open gate from the start: a short training cannot afford to open it first
        nn.init.ones_(self.dense.bias[2 * width :])

    def forward(self, tokens: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """Return normed tokens (B, S, width) and the gate (B, 1, width) of their branch."""
        scale, shift, gate = self.dense(condition)[:, None].chunk(3, dim=-1)
        normed = functional.rms_norm(tokens, tokens.shape[-1:], eps=1e-6)
        return normed * (1.0 + scale) + shift, gate


class GatedMLP(nn.Module):
    """GELU-gated feed-forward part of a layer."""

    def __init__(self, width: int, mlp_width: int) -> None:
        super().__init__()
        self.gate_up = nn.Linear(width, 2 * mlp_width, bias=False)
        self.down = nn.Linear(mlp_width, width, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the branch's output, (B, S, width)."""
        gate, up = self.gate_up(tokens).chunk(2, dim=-1)
        return torch.as_tensor(self.down(functional.gelu(gate, approximate="tanh") * up))


def rotary_angles(positions: Tensor, head_width: int) -> tuple[Tensor, Tensor]:
    """Return cosine and sine (B, 1, S, head_width / 2) for token positions (B, S)."""
    half = head_width // 2
    frequency = 1e4 ** (-torch.arange(half, device=positions.device) / half)
    angle = positions[:, None, :, None].float() * frequency
    return angle.cos(), angle.sin()


def rotated(heads: Tensor, angles: tuple[Tensor, Tensor]) -> Tensor:
    """Return heads (B, N, S, D) turned by their position's angles, in two halves (RoPE)."""
    cosine, sine = angles
    first, second = heads.chunk(2, dim=-1)
    return torch.cat((first * cosine - second * sine, second * cosine + first * sine), dim=-1)


def wave_features(values: Tensor, width: int, shortest: float, longest: float) -> Tensor:
    """Return sines and cosines (..., width) of values (...), periods spaced geometrically."""
    fraction = torch.linspace(0.0, 1.0, width // 2, device=values.device)
    period = shortest * (longest / shortest) ** fraction
    angle = values[..., None] * (2 * math.pi / period)
    return torch.cat((angle.sin(), angle.cos()), dim=-1)
