"""A trained model in one safetensors file that also says what it was made for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from pydantic import PositiveInt, ValidationError

from learning.models.config import FlowConfig
from learning.models.normalisation import Statistics
from runtime.config import StrictModel
from runtime.files import atomic_write

if TYPE_CHECKING:
    # the metadata is read where torch must not be: by the launcher and the doctor
    from learning.models.flow import FlowModel

_KEY: Final = "evenhand"
_LARGEST_HEADER: Final = 10_000_000


class CheckpointError(ValueError):
    """A checkpoint cannot be read, or was made for another robot."""


class TrainingFacts(StrictModel):
    """How the weights came about."""

    steps: int
    episodes: int
    seed: int
    success: float | None = None  # share of evaluation episodes, if known
    evaluated: int = 0  # evaluation episodes


class Metadata(StrictModel):
    """Everything about a checkpoint but its weights."""

    format_version: Literal[1] = 1
    name: str
    model: FlowConfig
    state: Statistics
    actions: Statistics
    dt_ns: PositiveInt  # between two actions
    joints: tuple[str, ...]
    cameras: tuple[str, ...]
    instructions: tuple[str, ...]  # the default first
    training: TrainingFacts


def read_metadata(path: Path) -> Metadata:
    """Return what the file's header says, without reading a weight.

    Raises:
        CheckpointError: there is no such file, or it is not a checkpoint of this format.
    """
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = file.read(length) if length <= _LARGEST_HEADER else b""
        text = json.loads(header)["__metadata__"][_KEY]
        return Metadata.model_validate_json(text)
    except OSError as error:
        raise CheckpointError(f"cannot read checkpoint {path}: {error.strerror}") from error
    except ValidationError as error:
        raise CheckpointError(f"checkpoint {path} is of another format:\n{error}") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise CheckpointError(
            f"{path} is not a checkpoint: it has no '{_KEY}' entry in a safetensors header"
        ) from error


def check_fits(
    metadata: Metadata,
    *,
    joints: tuple[str, ...] | None = None,
    cameras: tuple[str, ...] | None = None,
    horizon: int | None = None,
    dt_ns: int | None = None,
) -> None:
    """Refuse a checkpoint made for other joints, cameras, horizon or time step.

    Args:
        metadata: what the checkpoint says.
        joints: the robot's, in order.
        cameras: what the robot has; more than the model needs is fine.
        horizon: actions a chunk.
        dt_ns: between two actions.

    Raises:
        CheckpointError: names what differs, what was given and what was expected.
    """
    missing = tuple(camera for camera in metadata.cameras if camera not in (cameras or ()))
    differences = [
        f"{what}: the checkpoint has {own}, the robot {robots}"
        for what, own, robots, differs in (
            ("joints", metadata.joints, joints, metadata.joints != joints),
            ("cameras", metadata.cameras, cameras, bool(missing)),
            ("horizon", metadata.model.horizon, horizon, metadata.model.horizon != horizon),
            ("dt_ns", metadata.dt_ns, dt_ns, metadata.dt_ns != dt_ns),
        )
        if robots is not None and differs
    ]
    if differences:
        raise CheckpointError(
            f"checkpoint {metadata.name!r} does not fit the robot; " + "; ".join(differences)
        )


def save(path: Path, metadata: Metadata, model: FlowModel) -> None:
    """Write weights in half precision and metadata, all or nothing."""
    import torch
    from safetensors.torch import save_file

    tensors = {
        name: tensor.detach().to(torch.float16).contiguous()
        for name, tensor in model.state_dict().items()
    }
    with atomic_write(path) as aside:
        save_file(tensors, aside, metadata={_KEY: metadata.model_dump_json()})


def load(path: Path) -> tuple[Metadata, FlowModel]:
    """Return metadata and a model ready for inference.

    Raises:
        CheckpointError: tensors are missing, unknown or of another shape than the config says.
    """
    import torch
    from safetensors.torch import load_file

    from learning.models.flow import FlowModel

    metadata = read_metadata(path)
    model = FlowModel(metadata.model)
    tensors = load_file(path)
    wanted = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    given = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    wrong = [f"{name} is missing" for name in sorted(wanted.keys() - given.keys())]
    wrong += [f"{name} is unknown" for name in sorted(given.keys() - wanted.keys())]
    wrong += [
        f"{name} has shape {given[name]}, want {wanted[name]}"
        for name in sorted(wanted.keys() & given.keys())
        if given[name] != wanted[name]
    ]
    if wrong:
        raise CheckpointError(f"checkpoint {path} does not hold its model: {'; '.join(wrong)}")
    model.load_state_dict({name: tensor.to(torch.float32) for name, tensor in tensors.items()})
    return metadata, model.requires_grad_(requires_grad=False).eval()
