"""The sizes of a model of the pi0 kind; pi0 and pi0.5 are other values of the same fields."""

from __future__ import annotations

from typing import Literal

from pydantic import PositiveInt

from runtime.config import StrictModel


class StreamConfig(StrictModel):
    """One of the two streams: its token width, and that of its gated MLP."""

    width: PositiveInt = 128
    mlp_width: PositiveInt = 256


class VisionConfig(StrictModel):
    """How a camera's view becomes prefix tokens."""

    kind: Literal["conv_keypoints"] = "conv_keypoints"
    channels: tuple[PositiveInt, ...] = (16, 32, 48)  # the first two convolutions halve the view
    keypoints: PositiveInt = 64
    tokens: PositiveInt = 4  # a camera


class FlowConfig(StrictModel):
    """A model that turns views, instruction and joint state into a chunk of actions."""

    vocabulary: tuple[str, ...]  # the words it can read
    text_length: PositiveInt = 12  # longest instruction in words
    cameras: PositiveInt = 1
    vision: VisionConfig = VisionConfig()
    prefix: StreamConfig = StreamConfig()
    expert: StreamConfig = StreamConfig()
    depth: PositiveInt = 3
    heads: PositiveInt = 4
    key_heads: PositiveInt = 4  # fewer than `heads`: several queries share a key and its value
    head_width: PositiveInt = 32
    state_width: PositiveInt = 14
    action_width: PositiveInt = 14
    horizon: PositiveInt = 25
