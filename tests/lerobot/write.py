"""Have LeRobot's own writer write given episodes, and say how long it took.

`python write.py FRAMES DIRECTORY`: FRAMES holds one `episode_*.npz` an episode, with `state`,
`action` (n, J) and a (n, height, width, 3) array for each camera. Prints a line of JSON.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import shims

shims.install()

from lerobot.datasets.lerobot_dataset import LeRobotDataset  # type: ignore[import-not-found] # noqa: E402

FPS = 30


def main() -> None:
    """Write the episodes and print processor time, wall time and size."""
    source, target = Path(sys.argv[1]), Path(sys.argv[2])
    episodes = sorted(source.glob("episode_*.npz"))
    dataset = LeRobotDataset.create(
        "evenhand/reference", FPS, described(episodes[0]), root=target, use_videos=True,
        image_writer_threads=4,
    )  # fmt: skip
    saving_s = 0.0
    for path in episodes:
        with np.load(path) as given:
            episode = {name: given[name] for name in given.files}
        for row in range(len(episode["state"])):
            dataset.add_frame(frame(episode, row))
        begin_s = time.monotonic()
        dataset.save_episode()
        saving_s += time.monotonic() - begin_s
    dataset.finalize()
    size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    told = {"save_seconds": saving_s, "bytes": size}
    sys.stdout.write(json.dumps(told) + "\n")


def described(path: Path) -> dict[str, Any]:
    """Return the features of the episodes."""
    table: dict[str, Any] = {}
    with np.load(path) as given:
        for name in given.files:
            array = given[name]
            key = column(name)
            if array.ndim == 4:  # images
                names = ["height", "width", "channels"]
                table[key] = {"dtype": "video", "shape": array.shape[1:], "names": names}
            else:
                table[key] = {"dtype": "float32", "shape": array.shape[1:], "names": None}
    return table


def column(name: str) -> str:
    """Return what LeRobot calls an array of an episode."""
    return {"state": "observation.state", "action": "action"}.get(
        name, f"observation.images.{name}"
    )


def frame(episode: dict[str, Any], row: int) -> dict[str, Any]:
    """Return one row as `add_frame` takes it."""
    return {column(name): array[row] for name, array in episode.items()} | {"task": "measure"}


if __name__ == "__main__":
    main()
