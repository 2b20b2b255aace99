"""Everything a training needs to go on where it stopped, in one file without pickle."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR

from runtime.files import atomic_write


@dataclass(slots=True)
class TrainingState:
    """What changes from step to step."""

    model: nn.Module
    average: nn.Module  # exponential moving average of the model, which is what gets deployed
    optimizer: AdamW
    schedule: LambdaLR
    generator: torch.Generator  # the only source of randomness
    losses: list[tuple[float, float]]  # a step: flow loss, object loss

    @property
    def step(self) -> int:
        """Steps taken so far."""
        return len(self.losses)

    def save(self, path: Path) -> None:
        """Write all of it, all or nothing."""
        tensors: dict[str, Tensor] = {
            "generator": self.generator.get_state(),
            "losses": torch.tensor(self.losses, dtype=torch.float64).reshape(-1, 2),
        }
        tensors |= {f"model.{name}": value for name, value in self.model.state_dict().items()}
        tensors |= {f"average.{name}": value for name, value in self.average.state_dict().items()}
        for name, parameter in self.model.named_parameters():
            for key, value in self.optimizer.state[parameter].items():
                tensors[f"optimizer.{key}.{name}"] = value
        with atomic_write(path) as aside:
            save_file({key: value.contiguous() for key, value in tensors.items()}, aside)

    def restore(self, path: Path) -> None:
        """Read what `save` wrote, into objects of the same configuration.

        Raises:
            RuntimeError: the weights are of another model.
        """
        tensors = load_file(path)
        self.model.load_state_dict(_under("model.", tensors))
        self.average.load_state_dict(_under("average.", tensors))
        for name, parameter in self.model.named_parameters():
            moments = self.optimizer.state[parameter]
            for key in ("exp_avg", "exp_avg_sq"):
                # in the layout of the weight: the fused optimizer pairs elements as they lie
                saved = tensors[f"optimizer.{key}.{name}"]
                moments[key] = torch.empty_like(parameter).copy_(saved).detach()
            moments["step"] = tensors[f"optimizer.step.{name}"]
        self.generator.set_state(tensors["generator"])
        self.losses[:] = [(flow, place) for flow, place in tensors["losses"].tolist()]
        # the learning rate is a function of the step, so a longer schedule may be resumed into
        self.schedule.last_epoch = self.step
        for group, scale in zip(self.optimizer.param_groups, self.schedule.lr_lambdas, strict=True):
            group["lr"] = group["initial_lr"] * scale(self.step)


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }
