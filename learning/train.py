"""Train a small flow policy: `python -m learning.train --data demos/transfer_cube --out DIR`."""

from __future__ import annotations

import argparse
import copy
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from runtime import program

# OpenMP's spinning workers would fight the other processes of a small machine for its cores
os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from pydantic import PositiveFloat, PositiveInt
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch.optim import AdamW
from transformers.optimization import get_cosine_schedule_with_warmup

from learning.dataset import Augmentation, Batch, Dataset, gathered
from learning.episodes import Episode, load_episode
from learning.loss_picture import draw_losses
from learning.models.checkpoint import Metadata, TrainingFacts, save
from learning.models.config import FlowConfig
from learning.models.flow import FlowModel, drawn_times
from learning.models.vision import object_loss
from learning.training_state import TrainingState
from runtime.config import StrictModel


class TrainConfig(StrictModel):
    """How to train; the defaults made the checkpoint in `configs/policies`."""

    steps: PositiveInt = 12_000
    batch: PositiveInt = 32
    draws: PositiveInt = 2  # noise and time drawn per sample: its prefix is the dear part
    learning_rate: PositiveFloat = 1e-3
    warmup: PositiveInt = 200
    weight_decay: float = 1e-4
    largest_gradient: PositiveFloat = 1.0
    average_decay: float = 0.995
    object_weight: float = 0.5
    seed: int = 0
    save_every_s: PositiveFloat = 120.0


def build_state(model_config: FlowConfig, config: TrainConfig) -> TrainingState:
    """Return a training before its first step."""
    torch.manual_seed(config.seed)
    model = FlowModel(model_config)
    optimizer = AdamW(
        model.parameters(),
        lr=config.learning_rate,
        betas=(0.9, 0.99),
        weight_decay=config.weight_decay,
        fused=True,
    )
    return TrainingState(
        model=model,
        average=copy.deepcopy(model).requires_grad_(requires_grad=False),
        optimizer=optimizer,
        schedule=get_cosine_schedule_with_warmup(optimizer, config.warmup, config.steps),
        generator=torch.Generator().manual_seed(config.seed),
        losses=[],
    )


def take_step(state: TrainingState, batch: Batch, config: TrainConfig) -> None:
    """Learn from one batch."""
    model = state.model
    if not isinstance(model, FlowModel):
        raise TypeError(f"want a FlowModel to train, got {type(model).__name__}")
    prefix = model.prefix(batch.views, batch.words, batch.state)
    actions = batch.actions.repeat_interleave(config.draws, 0)
    noise = torch.randn(actions.shape, generator=state.generator)
    times = drawn_times(len(actions), state.generator)
    flow = model.loss(prefix.repeated(config.draws), actions, noise, times)
    place = object_loss(prefix.object_estimate, batch.cube)
    state.optimizer.zero_grad()
    torch.autograd.backward(flow + config.object_weight * place)
    torch.nn.utils.clip_grad_norm_(model.parameters(), config.largest_gradient)
    state.optimizer.step()
    state.schedule.step()
    state.losses.append((float(flow.detach()), float(place.detach())))
    _follow(state, config.average_decay)


@torch.no_grad()
def _follow(state: TrainingState, decay: float) -> None:
    # a young average forgets faster, or it would remember the random start for long
    share = 1.0 - min(decay, (1 + state.step) / (10 + state.step))
    for average, value in zip(state.average.parameters(), state.model.parameters(), strict=True):
        average.lerp_(value, share)


def train(
    data: Dataset, state: TrainingState, config: TrainConfig, metadata: Metadata, out: Path
) -> None:
    """Train up to `config.steps`, leaving state, picture and checkpoint in `out` on the way."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]:.1f} steps/s"),
        TimeRemainingColumn(),
    )
    with bar:
        task = bar.add_task("training", total=config.steps, completed=state.step, rate=0.0)
        saved_ns, shown_ns, shown_step = time.monotonic_ns(), time.monotonic_ns(), state.step
        while state.step < config.steps:
            batch = data.drawn(config.batch, state.generator, Augmentation())
            take_step(state, batch, config)
            now_ns = time.monotonic_ns()
            if state.step % 200 == 0 or state.step == config.steps:
                rate = (state.step - shown_step) / max((now_ns - shown_ns) * 1e-9, 1e-9)
                shown_ns, shown_step = now_ns, state.step
                text = _summary(state)
                bar.update(task, completed=state.step, rate=rate, description=text)
                bar.console.print(f"step {state.step}  {text}  {rate:.2f} steps/s")
            if now_ns - saved_ns > config.save_every_s * 1e9:
                keep(state, metadata, out)
                saved_ns = time.monotonic_ns()
    keep(state, metadata, out)


def _summary(state: TrainingState) -> str:
    recent = torch.tensor(state.losses[-200:], dtype=torch.float64).mean(dim=0)
    return f"flow {recent[0]:.4f}  object {recent[1]:.4f}"


def keep(state: TrainingState, metadata: Metadata, out: Path) -> None:
    """Leave the training state, the averaged weights as a checkpoint, and the picture in `out`."""
    state.save(out / "state.safetensors")
    facts = metadata.training.model_copy(update={"steps": state.step})
    average = state.average
    if not isinstance(average, FlowModel):
        raise TypeError(f"want a FlowModel to keep, got {type(average).__name__}")
    save(out / "policy.safetensors", metadata.model_copy(update={"training": facts}), average)
    draw_losses(state.losses, out / "loss.png")


def _successful(folder: Path) -> Iterator[Episode]:
    for path in sorted(folder.glob("episode_*.npz")):
        episode = load_episode(path)
        if episode.success:
            yield episode


def described(data: Dataset, config: FlowConfig, seed: int) -> Metadata:
    """Return what the checkpoint says of itself; the commonest instruction is the default."""
    texts = data.instructions
    return Metadata(
        name="flow",
        model=config,
        state=data.state_statistics,
        actions=data.action_statistics,
        dt_ns=data.dt_ns,
        joints=data.joints,
        cameras=(data.camera,),
        instructions=tuple(sorted(set(texts), key=lambda text: (-texts.count(text), text))),
        training=TrainingFacts(steps=0, episodes=len(texts), seed=seed),
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m learning.train", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("demos/transfer_cube"))
    parser.add_argument("--out", type=Path, default=Path("checkpoints/transfer_cube"))
    defaults = TrainConfig()
    parser.add_argument("--steps", type=int, default=defaults.steps)
    parser.add_argument("--batch", type=int, default=defaults.batch)
    parser.add_argument("--seed", type=int, default=defaults.seed)
    parser.add_argument("--learning-rate", type=float, default=defaults.learning_rate)
    parser.add_argument("--resume", action="store_true", help="go on from the state in --out")
    return parser.parse_args()


def main() -> None:
    """Train from the command line."""
    given = _arguments()
    torch.set_num_threads(1)
    console = Console()
    config = TrainConfig(
        steps=given.steps, batch=given.batch, seed=given.seed, learning_rate=given.learning_rate
    )
    console.print(f"reading {given.data}")
    fields = FlowConfig.model_fields
    data = gathered(
        _successful(given.data), fields["horizon"].default, fields["text_length"].default
    )
    model_config = FlowConfig(vocabulary=data.tokenizer.vocabulary)
    metadata = described(data, model_config, config.seed)
    state = build_state(model_config, config)
    if given.resume:
        state.restore(given.out / "state.safetensors")
    console.print(f"{metadata.training.episodes} demonstrations, {len(data)} samples")
    train(data, state, config, metadata, given.out)


if __name__ == "__main__":
    sys.exit(program.run(main))
