"""The flow model: what attends to what, and that the cached prefix changes nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from learning.models.blocks import rotary_angles, rotated, wave_features
from learning.models.config import FlowConfig, StreamConfig, VisionConfig
from learning.models.flow import FlowModel, Prefix, drawn_times
from learning.models.images import view
from learning.models.normalisation import Normaliser, Statistics
from learning.models.text import Tokenizer

TINY = FlowConfig(
    vocabulary=("cube", "hold", "lift", "the"),
    text_length=4,
    vision=VisionConfig(channels=(4, 4), keypoints=5, tokens=2),
    prefix=StreamConfig(width=16, mlp_width=24),
    expert=StreamConfig(width=12, mlp_width=20),
    depth=2,
    heads=2,
    key_heads=1,
    head_width=8,
    state_width=3,
    action_width=3,
    horizon=5,
)


def tiny_model(seed: int = 0) -> FlowModel:
    torch.manual_seed(seed)
    model = FlowModel(TINY)
    # adaptive norms start at zero, where time would not matter yet
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return model.eval()


def inputs(batch: int = 2, seed: int = 1) -> tuple[Tensor, Tensor, Tensor]:
    draw = torch.Generator().manual_seed(seed)
    views = torch.rand((batch, 1, 3, 24, 32), generator=draw)
    words = torch.tensor([[1, 2, 0, 0], [3, 4, 1, 0]])[:batch]
    return views, words, torch.randn((batch, 3), generator=draw)


def test_actions_have_the_shape_of_the_noise() -> None:
    model = tiny_model()
    noise = torch.randn(2, 5, 3)
    with torch.inference_mode():
        actions = model.denoised(model.prefix(*inputs()), noise, steps=3)
    assert actions.shape == noise.shape
    assert torch.isfinite(actions).all()


def test_gradients_of_the_flow_loss_reach_every_weight_but_the_object_estimate() -> None:
    model = tiny_model()
    actions = torch.randn(2, 5, 3)
    prefix = model.prefix(*inputs())
    torch.autograd.backward(
        model.loss(prefix, actions, torch.randn_like(actions), torch.tensor([0.2, 0.7]))
    )
    without = {name for name, weight in model.named_parameters() if weight.grad is None}
    assert without == {"vision.locate.weight", "vision.locate.bias"}


def test_the_prefix_does_not_see_the_actions() -> None:
    model = tiny_model()
    with torch.inference_mode():
        prefix = model.prefix(*inputs())
        before = [keys.clone() for keys, _ in prefix.layers]
        model.denoised(prefix, torch.randn(2, 5, 3), steps=2)
        again = model.prefix(*inputs())
    for first, (kept, _), (fresh, _) in zip(before, prefix.layers, again.layers, strict=True):
        assert torch.equal(first, kept)
        assert torch.equal(first, fresh)


def test_steps_with_shared_context_are_plain_euler_steps() -> None:
    model = tiny_model()
    actions = noise = torch.randn(2, 5, 3)
    with torch.inference_mode():
        prefix = model.prefix(*inputs())
        for time in (1.0, 0.5):
            actions = actions - 0.5 * model.velocity(prefix, actions, torch.full((2,), time))
        torch.testing.assert_close(model.denoised(prefix, noise, 2), actions)


def test_filler_words_change_nothing() -> None:
    model = tiny_model()
    views, words, state = inputs()
    noise = torch.randn(2, 5, 3)
    with torch.inference_mode():
        short = model.denoised(model.prefix(views, words, state), noise, 2)
        longer = torch.cat((words, torch.zeros(2, 3, dtype=torch.int64)), dim=1)
        long = model.denoised(model.prefix(views, longer, state), noise, 2)
    torch.testing.assert_close(short, long, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("what", ["view", "words", "state"])
def test_every_input_matters(what: str) -> None:
    model = tiny_model()
    views, words, state = inputs(1)
    noise = torch.randn(1, 5, 3)
    other = {
        "view": (views.flip(-1), words, state),
        "words": (views, words.flip(1), state),
        "state": (views, words, -state),
    }[what]
    with torch.inference_mode():
        first = model.denoised(model.prefix(views, words, state), noise, 1)
        second = model.denoised(model.prefix(*other), noise, 1)
    assert (first - second).abs().max() > 1e-6


def full_forward(model: FlowModel, noisy: Tensor, time: Tensor) -> Tensor:
    """Both streams side by side in every layer under one block mask: nothing cached."""
    views, words, state = inputs()
    seen, _ = model.vision(views)
    left = torch.cat((seen, model.words(words), model.state_in(state)[:, None]), dim=1)
    right = model.action_in(noisy)
    known = left.shape[1]
    always = torch.ones((2, 1), dtype=torch.bool)
    real = torch.cat((always.expand(-1, seen.shape[1]), words > 0, always, always.expand(-1, 5)), 1)
    angles = rotary_angles((real.cumsum(1) - 1).clamp(min=0), TINY.head_width)
    mask = real[:, None, None].expand(-1, -1, real.shape[1], -1).clone()
    mask[:, :, :known, known:] = False
    condition = model.time_mlp(wave_features(time, TINY.expert.width, 4e-3, 4.0))

    def heads(flat: Tensor) -> Tensor:
        return flat.reshape(2, flat.shape[1], -1, TINY.head_width).transpose(1, 2)

    for index, pair in enumerate(model._pairs()):
        last = index == TINY.depth - 1
        left_in = pair.prefix.norm(left)
        right_in, gate = pair.expert.norm(right, condition)
        streams = ((pair.prefix.attention, left_in), (pair.expert.attention, right_in))
        memory = torch.cat([part.key_value(tokens) for part, tokens in streams], dim=1)
        keys, values = (heads(half).repeat(1, 2, 1, 1) for half in memory.chunk(2, dim=-1))
        asked = torch.zeros_like(left[..., :1]).expand(-1, -1, 16)
        if not last:
            asked = pair.prefix.attention.query(left_in)
        query = torch.cat((asked, pair.expert.attention.query(right_in)), dim=1)
        scores = rotated(heads(query), angles) @ rotated(keys, angles).transpose(2, 3)
        weight = (scores / TINY.head_width**0.5).masked_fill(~mask, -torch.inf).softmax(-1)
        mixed = (weight @ values).transpose(1, 2).flatten(2)
        right = right + gate * pair.expert.attention.out(mixed[:, known:])
        normed, gate = pair.expert.mlp_norm(right, condition)
        right = right + gate * pair.expert.mlp(normed)
        if not last:
            left = left + pair.prefix.attention.out(mixed[:, :known])
            left = left + pair.prefix.mlp(pair.prefix.mlp_norm(left))
    return torch.as_tensor(model.action_out(model.norm(right, condition)[0]))


def test_a_cached_prefix_gives_what_the_full_forward_gives() -> None:
    model = tiny_model()
    noisy, time = torch.randn(2, 5, 3), torch.tensor([0.9, 0.3])
    with torch.inference_mode():
        cached = model.velocity(model.prefix(*inputs()), noisy, time)
        full = full_forward(model, noisy, time)
    torch.testing.assert_close(cached, full, atol=1e-5, rtol=1e-4)


def test_a_repeated_prefix_serves_several_draws_of_the_same_sample() -> None:
    model = tiny_model()
    noisy = torch.randn(6, 5, 3)
    time = torch.rand(6)
    with torch.inference_mode():
        prefix: Prefix = model.prefix(*inputs())
        together = model.velocity(prefix.repeated(3), noisy, time)
        views, words, state = inputs()
        second = model.prefix(views[1:], words[1:], state[1:]).repeated(3)
        alone = model.velocity(second, noisy[3:], time[3:])
    torch.testing.assert_close(together[3:], alone, atol=1e-5, rtol=1e-4)


def test_euler_steps_follow_a_straight_flow_exactly() -> None:
    model = tiny_model()
    target = torch.randn(1, 5, 3)
    noise = torch.randn(1, 5, 3)
    prefix = model.prefix(*inputs(1))
    model._velocity = lambda *_: noise - target  # type: ignore[method-assign]
    for steps in (1, 3, 10):
        torch.testing.assert_close(
            model.denoised(prefix, noise, steps), target, atol=1e-5, rtol=1e-5
        )


def test_flow_times_follow_the_beta_distribution() -> None:
    times = drawn_times(200_000, torch.Generator().manual_seed(0))
    assert float(times.min()) > 0.0
    assert float(times.max()) <= 1.0
    assert float(times.mean()) == pytest.approx(0.6, abs=0.005)  # Beta(1.5, 1): 1.5 / 2.5


def test_a_view_is_the_same_from_either_size_of_image() -> None:
    small = np.random.default_rng(0).integers(0, 255, (240, 320, 3), dtype=np.uint8)
    large = small.repeat(2, axis=0).repeat(2, axis=1)
    assert view(small).shape == (120, 160, 3)
    assert np.array_equal(view(small), small[60:180, 80:240])
    assert np.array_equal(view(small), view(large))


def test_a_view_of_another_aspect_is_refused() -> None:
    with pytest.raises(ValueError, match=r"4:3.*\(100, 100, 3\)"):
        view(np.zeros((100, 100, 3), dtype=np.uint8))


def test_unknown_words_are_named_together_with_the_known_ones() -> None:
    tokenizer = Tokenizer(("cube", "lift", "the"), 4)
    assert tokenizer.encode("Lift the cube.").tolist() == [2, 3, 1, 0]
    with pytest.raises(ValueError, match=r"never learned: ball.*it knows: cube, lift, the"):
        tokenizer.encode("lift the ball")
    with pytest.raises(ValueError, match="0 words, want 1 to 4"):
        tokenizer.encode("  ")


def test_normalising_and_restoring_are_inverse_and_still_joints_are_not_blown_up() -> None:
    samples = np.random.default_rng(0).normal([1.0, -2.0], [0.5, 1e-6], (1000, 2))
    normal = Normaliser.from_statistics(Statistics.of(samples.astype(np.float32)))
    scaled = normal.normalised(samples)
    assert scaled[:, 0].std() == pytest.approx(1.0, abs=0.01)
    assert scaled[:, 1].std() < 1e-3
    np.testing.assert_allclose(normal.restored(scaled), samples, atol=1e-6)
