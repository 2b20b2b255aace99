"""From camera views to tokens by way of keypoints: small, quick, and good at saying where."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from learning.models.blocks import wave_features
from learning.models.config import FlowConfig, VisionConfig

# the object estimate is in units of 5 cm around the middle of the table, so that it is near 1
OBJECT_ORIGIN_M: Final = (0.0, 0.5, 0.1)
OBJECT_UNIT_M: Final = 0.05
_WAVES: Final = 12  # features a coordinate
_SHORTEST_PERIOD: Final = 2.0  # 10 cm
_LONGEST_PERIOD: Final = 40.0  # 2 m


class KeypointStem(nn.Module):
    """Convolutions, then the mean position of each channel's softmax over the view.

    After Levine et al. 2016 (end-to-end visuomotor policies), which calls it spatial softmax.
    """

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for index, width in enumerate(config.channels):
            halves = index < 2
            size = 5 if index == 0 else 3
            layers.append(
                nn.Conv2d(channels, width, size, stride=2 if halves else 1, padding=size // 2)
            )
            layers.append(nn.ReLU(inplace=True))
            channels = width
        layers.append(nn.Conv2d(channels, config.keypoints, 1))
        self.convolutions = nn.Sequential(*layers)
        # the layout of the images; a mixture of layouts costs a copy at every convolution
        for weight in self.convolutions.parameters():
            if weight.ndim == 4:
                weight.data = weight.data.contiguous(memory_format=torch.channels_last)

    def forward(self, views: Tensor) -> Tensor:
        """Return keypoints (N, 2 * keypoints), x then y in -1..1, of views (N, 3, h, w) in 0..1."""
        pixels = views.sub(0.5).contiguous(memory_format=torch.channels_last)
        features: Tensor = self.convolutions(pixels)
        height, width = features.shape[-2:]
        # pixels before channels, as they lie in memory: a plain softmax would copy it all, twice
        logits = features.permute(0, 2, 3, 1).flatten(1, 2)
        weight = (logits - logits.detach().amax(dim=1, keepdim=True)).exp()
        sums = weight.transpose(1, 2) @ _plane(height, width, views.device)
        return (sums[..., 1:] / sums[..., :1]).transpose(1, 2).flatten(1)


def _plane(height: int, width: int, device: torch.device) -> Tensor:
    """Return one, x and y of each pixel, (height * width, 3)."""
    down = torch.linspace(-1.0, 1.0, height, device=device)
    across = torch.linspace(-1.0, 1.0, width, device=device)
    y, x = torch.meshgrid(down, across, indexing="ij")
    return torch.stack((torch.ones_like(x), x, y), dim=-1).flatten(0, 1)


class KeypointVision(nn.Module):
    """The stem, an estimate of where the object is, and the tokens made of both.

    The estimate is trained by its own loss and enters the prefix as a token of waves: a
    centimetre on the table is a small difference between keypoints but a clear one there.
    """

    def __init__(self, config: FlowConfig) -> None:
        super().__init__()
        vision, width = config.vision, config.prefix.width
        self._tokens = vision.tokens
        self.stem = KeypointStem(vision)
        self.project = nn.Linear(2 * vision.keypoints, vision.tokens * width)
        self.locate = nn.Linear(config.cameras * 2 * vision.keypoints, 3)
        self.place = nn.Linear(3 * (_WAVES + 1), width)

    def forward(self, views: Tensor) -> tuple[Tensor, Tensor]:
        """Return tokens (B, cameras * tokens + 1, width) and the object estimate (B, 3).

        Args:
            views: (B, cameras, 3, height, width) in 0..1.
        """
        batch, cameras = views.shape[:2]
        keypoints = self.stem(views.flatten(0, 1)).unflatten(0, (batch, cameras))
        tokens = self.project(keypoints).reshape(batch, cameras * self._tokens, -1)
        estimate = self.locate(keypoints.flatten(1))
        # a detached estimate stays an honest position: the policy cannot bend it to its own use
        known = estimate.detach()
        waves = wave_features(known, _WAVES, _SHORTEST_PERIOD, _LONGEST_PERIOD).flatten(1)
        place = self.place(torch.cat((known, waves), dim=-1))
        return torch.cat((tokens, place[:, None]), dim=1), estimate


def object_in_units(position_m: Tensor) -> Tensor:
    """Return world positions (B, 3) in the units of the estimate."""
    return (position_m - position_m.new_tensor(OBJECT_ORIGIN_M)) / OBJECT_UNIT_M


def object_loss(estimate: Tensor, position_m: Tensor) -> Tensor:
    """Return how far estimates (B, 3) are from true positions (B, 3), mean in units of 5 cm."""
    return functional.smooth_l1_loss(estimate, object_in_units(position_m), beta=0.1)
