"""Datasets as LeRobot and others write them: several episodes in each file, no labels of ours."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

import av
import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from recorder import layout
from simulation.task import TRANSFER
from simulation.twin import HOME, JOINTS

FPS = 30
SIZE = 16  # of the images, height and width
LENGTHS = (6, 4)
KEY = "observation.images.top"
DATA = Path("data/chunk-000/file-000.parquet")
EPISODES = Path("meta/episodes/chunk-000/file-000.parquet")
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 5\n"

_SCALARS: Final = {"timestamp": "float32", **dict.fromkeys(layout.INDICES, "int64")}


@dataclass
class Foreign:
    """What is to be written; a case changes it before that."""

    info: dict[str, Any]
    rows: dict[str, list[Any]]  # of meta/episodes
    data: dict[str, Any]  # columns of the data file
    tasks: dict[str, list[Any]]
    films: dict[str, bytes]  # by the key of the camera
    statistics: dict[str, Any] = field(default_factory=dict)

    @property
    def features(self) -> dict[str, Any]:
        features: dict[str, Any] = self.info["features"]
        return features

    def write(self, directory: Path) -> Path:
        files = {DATA: self.data, EPISODES: self.rows, layout.TASKS: self.tasks}
        for name, columns in files.items():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(pa.table(columns), directory / name)
        for key, film in self.films.items():
            path = directory / f"videos/{key}/chunk-000/file-000.mp4"
            path.parent.mkdir(parents=True)
            path.write_bytes(film)
        (directory / layout.INFO).write_text(json.dumps(self.info), encoding="utf-8")
        (directory / layout.STATISTICS).write_text(json.dumps(self.statistics), encoding="utf-8")
        return directory


def foreign(lengths: tuple[int, ...] = LENGTHS, fps: float = FPS) -> Foreign:
    """Return a plain dataset: state and action of an ALOHA, one camera, one task."""
    total, begins = sum(lengths), np.cumsum([0, *lengths]).tolist()
    count = np.concatenate([np.arange(length) for length in lengths] or [np.arange(0)])
    vector = {"dtype": "float32", "shape": [len(JOINTS)], "names": list(JOINTS)}
    poses = (HOME + 1e-3 * np.arange(total)[:, None]).astype(np.float32)
    features: dict[str, Any] = {layout.ACTION: vector, layout.STATE: dict(vector)}
    features |= {
        name: {"dtype": kind, "shape": [1], "names": None} for name, kind in _SCALARS.items()
    }
    features[KEY] = {
        "dtype": "video",
        "shape": [SIZE, SIZE, 3],
        "names": ["height", "width", "channels"],
        "info": {"video.fps": float(fps), "video.codec": "h264"},
    }
    numbers = range(len(lengths))
    zeros = [0] * len(lengths)
    rows: dict[str, list[Any]] = {
        "episode_index": list(numbers),
        "tasks": [[TRANSFER] for _ in numbers],
        "length": list(lengths),
        "dataset_from_index": begins[:-1],
        "dataset_to_index": begins[1:],
        **{
            f"{kind}/{part}_index": zeros
            for kind in ("data", f"videos/{KEY}", "meta/episodes")
            for part in ("chunk", "file")
        },
        f"videos/{KEY}/from_timestamp": [begin / fps for begin in begins[:-1]],
        f"videos/{KEY}/to_timestamp": [end / fps for end in begins[1:]],
    }
    info: dict[str, Any] = {
        "codebase_version": "v3.0",
        "robot_type": "aloha",
        "total_episodes": len(lengths),
        "total_frames": total,
        "total_tasks": 1,
        "chunks_size": 1000,
        "fps": fps,
        "splits": {"train": f"0:{len(lengths)}"},
        "data_path": layout.DATA_PATH,
        "video_path": layout.VIDEO_PATH,
        "features": features,
    }
    data = {
        layout.ACTION: list_column(poses + np.float32(0.001)),
        layout.STATE: list_column(poses),
        "timestamp": pa.array(count / fps, pa.float32()),
        "frame_index": pa.array(count, pa.int64()),
        "episode_index": pa.array(np.repeat(numbers, lengths), pa.int64()),
        "index": pa.array(np.arange(total), pa.int64()),
        "task_index": pa.array(np.zeros(total), pa.int64()),
    }
    tasks: dict[str, list[Any]] = {"task_index": [0], "task": [TRANSFER]}
    return Foreign(info, rows, data, tasks, {KEY: film(total, round(fps))} if total else {})


def list_column(values: Any) -> pa.Array:
    return pa.array(list(values), pa.list_(pa.float32()))


def level(number: int) -> int:
    """Return the brightness of an image, by its number among those of all episodes."""
    return 30 + 20 * (number % 11)


@cache
def film(images: int, fps: int = FPS) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = SIZE, SIZE, "yuv420p"
        stream.options = {"preset": "ultrafast", "g": "2", "crf": "10"}
        for number in range(images):
            image = np.full((SIZE, SIZE, 3), level(number), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    return file.getvalue()


def without_camera(made: Foreign) -> None:
    del made.features[KEY]
    made.films.clear()
    for column in [name for name in made.rows if name.startswith("videos/")]:
        del made.rows[column]


def with_images(
    made: Foreign, *, channels_first: bool = False, path_only: bool = False, depth: int = 8
) -> None:
    """Keep the images in the table, as LeRobot does without videos."""
    total = len(made.data["index"])
    without_camera(made)
    shape = [3, SIZE, SIZE] if channels_first else [SIZE, SIZE, 3]
    names = ["channels", "height", "width"] if channels_first else ["height", "width", "channels"]
    made.features[KEY] = {"dtype": "image", "shape": shape, "names": names}
    kind = np.uint8 if depth == 8 else np.uint16
    files = [
        cv2.imencode(".png", np.full((SIZE, SIZE, 3), level(number), kind))[1].tobytes()
        for number in range(total)
    ]
    kept = [
        {"bytes": None if path_only else file, "path": f"image-{at}.png"}
        for at, file in enumerate(files)
    ]
    made.data[KEY] = pa.array(kept, pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
    made.info["video_path"] = None


def renamed_camera(made: Foreign, key: str) -> None:
    made.features[key] = made.features.pop(KEY)
    made.films[key] = made.films.pop(KEY)
    for column in [name for name in made.rows if name.startswith("videos/")]:
        made.rows[column.replace(KEY, key)] = made.rows.pop(column)


Change = Callable[[Foreign], object]


def made_by(change: Change, directory: Path) -> Path:
    made = foreign()
    change(made)
    return made.write(directory)


def told(**info: Any) -> Change:
    return lambda made: made.info.update(info)


def row(column: str, values: Any) -> Change:
    return lambda made: made.rows.update({column: values})


def named(names: Any) -> Change:
    def change(made: Foreign) -> None:
        for key in (layout.ACTION, layout.STATE):
            made.features[key]["names"] = names

    return change


def without(*keys: str) -> Change:
    def change(made: Foreign) -> None:
        for key in keys:
            del made.features[key], made.data[key]

    return change


def extra(key: str, dtype: str, shape: list[int], values: Any) -> Change:
    def change(made: Foreign) -> None:
        made.features[key] = {"dtype": dtype, "shape": shape, "names": None}
        made.data[key] = pa.array(values)

    return change
