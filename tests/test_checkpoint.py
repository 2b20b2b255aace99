"""Checkpoints: what they say of themselves, and what is refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from learning.models.checkpoint import (
    CheckpointError,
    Metadata,
    TrainingFacts,
    check_fits,
    load,
    read_metadata,
    save,
)
from learning.models.config import FlowConfig, StreamConfig, VisionConfig
from learning.models.flow import FlowModel
from learning.models.normalisation import Statistics

METADATA = Metadata(
    name="tiny",
    model=FlowConfig(
        vocabulary=("go",),
        vision=VisionConfig(channels=(4, 4), keypoints=4, tokens=1),
        prefix=StreamConfig(width=8, mlp_width=8),
        expert=StreamConfig(width=8, mlp_width=8),
        depth=1,
        heads=1,
        key_heads=1,
        head_width=8,
        state_width=2,
        action_width=2,
        horizon=3,
    ),
    state=Statistics(mean=(0.0, 1.0), std=(1.0, 2.0)),
    actions=Statistics(mean=(0.0, 1.0), std=(1.0, 2.0)),
    dt_ns=80_000_000,
    joints=("waist", "gripper"),
    cameras=("cam_high",),
    instructions=("go",),
    training=TrainingFacts(steps=7, episodes=2, seed=0),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    file = tmp_path / "tiny.safetensors"
    save(file, METADATA, FlowModel(METADATA.model))
    return file


def _rewrite(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    save_file(tensors, path, metadata={"evenhand": METADATA.model_dump_json()})


def test_a_checkpoint_comes_back_as_it_was(path: Path) -> None:
    torch.manual_seed(0)
    original = FlowModel(METADATA.model)
    metadata, model = load(path)
    assert metadata == METADATA == read_metadata(path)
    for (name, value), loaded in zip(
        original.state_dict().items(), model.state_dict().values(), strict=True
    ):
        torch.testing.assert_close(loaded, value, atol=1e-3, rtol=1e-3, msg=name)
    assert list(path.parent.iterdir()) == [path]


def test_metadata_are_read_without_torch(path: Path) -> None:
    code = (
        "import sys; from pathlib import Path;"
        "from learning.models.checkpoint import read_metadata;"
        f"print(read_metadata(Path({str(path)!r})).name, 'torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True
    )
    assert done.stdout.split() == ["tiny", "False"]


def test_wrong_tensors_are_refused_by_name(path: Path) -> None:
    tensors = load_file(path)
    tensors["extra"] = tensors.pop("action_out.bias")
    tensors["action_in.weight"] = torch.zeros(8, 5)
    _rewrite(path, tensors)
    with pytest.raises(CheckpointError) as refused:
        load(path)
    for part in (
        "action_out.bias is missing",
        "extra is unknown",
        "action_in.weight has shape (8, 5), want (8, 2)",
    ):
        assert part in str(refused.value)


@pytest.mark.parametrize(
    ("robot", "message"),
    [
        ({"joints": ("gripper", "waist")}, r"joints.*\('waist', 'gripper'\).*\('gripper', 'waist'"),
        ({"cameras": ("cam_low",)}, r"cameras.*cam_high.*cam_low"),
        ({"horizon": 50}, "horizon: the checkpoint has 3, the robot 50"),
        ({"dt_ns": 20_000_000}, "dt_ns: the checkpoint has 80000000, the robot 20000000"),
    ],
)
def test_another_robot_is_refused_with_both_values(
    robot: dict[str, tuple[str, ...]], message: str
) -> None:
    with pytest.raises(CheckpointError, match=message):
        check_fits(METADATA, **robot)  # type: ignore[arg-type]


def test_the_right_robot_fits_even_with_more_cameras() -> None:
    check_fits(
        METADATA,
        joints=("waist", "gripper"),
        cameras=("cam_low", "cam_high"),
        horizon=3,
        dt_ns=80_000_000,
    )


def test_what_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="No such file"):
        read_metadata(tmp_path / "none.safetensors")
    stranger = tmp_path / "stranger.safetensors"
    save_file({"weight": torch.zeros(1)}, stranger)
    with pytest.raises(CheckpointError, match="no 'evenhand' entry"):
        read_metadata(stranger)
    (tmp_path / "junk").write_bytes(b"\xff" * 64)
    with pytest.raises(CheckpointError, match="not a checkpoint"):
        read_metadata(tmp_path / "junk")
    future = METADATA.model_dump_json().replace('"format_version":1', '"format_version":2')
    save_file({"weight": torch.zeros(1)}, stranger, metadata={"evenhand": future})
    with pytest.raises(CheckpointError, match="another format"):
        read_metadata(stranger)
