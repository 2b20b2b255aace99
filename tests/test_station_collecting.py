"""A whole launch that collects: the simulated operator corrects, everything is recorded."""

from __future__ import annotations

from pathlib import Path

import pytest
from launching import START_S, launched

from recorder.dataset import Dataset

pytestmark = [pytest.mark.alone, pytest.mark.slow]

MODEL = 'model: "${twin_model}"'
SETTINGS = (
    "dashboard.enabled=false",
    "hardware=twin",
    "cameras={cam_high: {plugin: mujoco, config: {" + MODEL + "}}}",
    "twin.cameras.cam_high.config={" + MODEL + ", width: 160, height: 120, rate_hz: 10}",
    "recorder.rate_hz=10",
    "teleop.devices.scripted.eager=1.0",
)


@pytest.mark.timeout(300)
def test_an_unattended_launch_leaves_a_dataset_with_what_the_operator_did(tmp_path: Path) -> None:
    directory = tmp_path / "cube"
    arguments = ["--policy", "scripted", "--teleop", "scripted", "--operator", "ada"]
    settings = [word for setting in SETTINGS for word in ("--set", setting)]
    with launched(*arguments, "--record", str(directory), "--episodes", "1", *settings) as launch:
        code, output = launch.ended(2 * START_S)
        assert code == 0, output
        assert "ended: complete, " in output.splitlines()[-1]
        assert "not finished yet" not in output
        assert "human (" in output
    dataset = Dataset(directory)
    assert dataset.verify() == []
    (row,) = dataset.episodes()
    assert row.length > 20
    assert row.text("operator") == "ada"
    assert row.text("data_type") == "intervention"
    ticks = dataset.ticks(row.episode)
    assert ticks is not None
    assert {"policy", "human"} <= set(ticks["commander"].to_pylist())
    assert sum(1 for _ in dataset.frames(row.episode, "cam_high")) == row.length
