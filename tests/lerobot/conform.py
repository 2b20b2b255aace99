"""Load a dataset by LeRobot itself and say what is wrong; runs in the environment made for that.

`python conform.py DIRECTORY` prints a line of JSON: frames, episodes, and faults in words.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import shims

shims.install()

import torch  # noqa: E402
from lerobot.datasets.compute_stats import aggregate_stats  # type: ignore[import-not-found] # noqa: E402
from lerobot.datasets.lerobot_dataset import LeRobotDataset  # type: ignore[import-not-found] # noqa: E402
from torch.utils.data import DataLoader  # noqa: E402

IMAGE_TOLERANCE = 0.02  # of full scale: what H.264 and looking at every tenth image make of it
QUANTILES = {"q01": 0.01, "q10": 0.10, "q50": 0.50, "q90": 0.90, "q99": 0.99}


def main() -> None:
    """Check the dataset and print what came of it."""
    directory = Path(sys.argv[1])
    dataset = LeRobotDataset("evenhand/recorded", root=directory)
    faults = [
        *lengths(dataset),
        *frames(dataset),
        *statistics(dataset, directory),
        *chunks(dataset),
    ]
    told = {"frames": len(dataset), "episodes": dataset.meta.total_episodes, "faults": faults}
    sys.stdout.write(json.dumps(told) + "\n")


def lengths(dataset: LeRobotDataset) -> list[str]:
    """Return what is wrong with the counts."""
    total = sum(int(episode["length"]) for episode in dataset.meta.episodes)
    if total == len(dataset) == dataset.meta.total_frames:
        return []
    return [
        f"{total} frames in the episodes, {len(dataset)} rows, {dataset.meta.total_frames} told"
    ]


def frames(dataset: LeRobotDataset) -> list[str]:
    """Return what is wrong with the frames, every one decoded."""
    faults = []
    for index in range(len(dataset)):
        item = dataset[index]
        shapes = {tuple(item[key].shape) for key in dataset.meta.camera_keys}
        expected = {
            tuple(np.roll(dataset.meta.features[key]["shape"], 1))
            for key in dataset.meta.camera_keys
        }
        if int(item["index"]) != index or shapes != expected or not item["task"]:
            faults.append(f"row {index}: index {int(item['index'])}, images of {shapes}")
    batch = next(iter(DataLoader(dataset, batch_size=16)))
    if not torch.isfinite(batch["action"]).all():
        faults.append("actions that are not finite")
    return faults


def statistics(dataset: LeRobotDataset, directory: Path) -> list[str]:
    """Return where the statistics are not those of the frames."""
    told = json.loads((directory / "meta/stats.json").read_text(encoding="utf-8"))
    table = dataset.hf_dataset.with_format("numpy")
    faults = []
    for key, feature in dataset.meta.features.items():
        if feature["dtype"] == "video":
            faults += image_statistics(dataset, key, told[key])
            continue
        values = np.asarray(table[key][:], np.float64).reshape(len(table), -1)
        exact = {
            "min": values.min(0), "max": values.max(0), "mean": values.mean(0),
            "std": values.std(0), "count": np.array([len(values)]),
        }  # fmt: skip
        # Those of all episodes are the weighted mean of each one's: LeRobot's own rule.
        parts = [
            {"min": part.min(0), "max": part.max(0), "mean": part.mean(0), "std": part.std(0),
             "count": np.array([len(part)]),
             **{name: np.quantile(part, share, axis=0) for name, share in QUANTILES.items()}}
            for part in by_episode(dataset, values)
        ]  # fmt: skip
        total = aggregate_stats([{key: part} for part in parts])[key]
        exact |= {name: total[name] for name in QUANTILES}
        faults += different(key, told[key], exact)
    return faults


def by_episode(dataset: LeRobotDataset, values: np.ndarray[Any, Any]) -> list[Any]:
    """Return the rows of each episode."""
    return [
        values[episode["dataset_from_index"] : episode["dataset_to_index"]]
        for episode in dataset.meta.episodes
    ]


def different(key: str, told: dict[str, Any], exact: dict[str, Any]) -> list[str]:
    """Return which statistics of a column are wrong; integers of 60 bits are rounded."""
    faults = []
    for name, value in exact.items():
        given = np.asarray(told[name], np.float64)
        scale = np.maximum(np.abs(np.asarray(told["max"], np.float64)), 1.0)
        if not np.all(np.abs(given - value) <= 1e-6 * scale):
            faults.append(
                f"{key} {name}: {given.tolist()} told, {np.asarray(value).tolist()} found"
            )
    return faults


def image_statistics(dataset: LeRobotDataset, key: str, told: dict[str, Any]) -> list[str]:
    """Return which statistics of a camera are wrong, by its decoded images."""
    images = torch.stack([dataset[index][key] for index in range(0, len(dataset), 7)])
    found = {"mean": images.mean((0, 2, 3)), "std": images.std((0, 2, 3), correction=0)}
    faults = []
    for name, value in found.items():
        given = np.asarray(told[name])
        if given.shape != (3, 1, 1):
            faults.append(f"{key} {name}: of shape {given.shape}")
        elif np.max(np.abs(given.reshape(3) - value.numpy())) > IMAGE_TOLERANCE:
            faults.append(f"{key} {name}: {given.tolist()} told, {value.tolist()} found")
    return faults


def chunks(dataset: LeRobotDataset) -> list[str]:
    """Return what is wrong with the chunks of actions that training asks for."""
    steps = [step / dataset.fps for step in range(10)]
    chunked = LeRobotDataset(
        "evenhand/recorded", root=dataset.root, delta_timestamps={"action": steps}
    )
    item = chunked[0]
    width = dataset.meta.features["action"]["shape"][0]
    if tuple(item["action"].shape) == (10, width) and not item["action_is_pad"][0]:
        return []
    return [f"a chunk of actions has shape {tuple(item['action'].shape)}"]


if __name__ == "__main__":
    main()
