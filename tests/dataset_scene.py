"""Small datasets, written by nothing but pyarrow and PyAV from what is known of the format."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from recorder import layout
from recorder.layout import Robot, Source
from simulation.task import TRANSFER
from simulation.twin import ARM_JOINTS, HOME, JOINTS

FPS = 30
TICK_NS = 10_000_000
BEGIN_NS = 50_000_000_000
WALL_NS = 1_700_000_000_000_000_000
HEIGHT, WIDTH = 48, 64
CAMERAS = ("cam_high", "cam_left_wrist")
ARMS = ("left", "right")
ROBOT = Robot(
    name="aloha",
    fps=FPS,
    arms={arm: [f"{arm}_{joint}" for joint in ARM_JOINTS] for arm in ARMS},
    cameras=dict.fromkeys(CAMERAS, (HEIGHT, WIDTH)),
)


@dataclass(frozen=True)
class Told:
    """An episode to be written: so many frames by the policy, by a person, and again the policy."""

    auto: int = 20
    person: int = 10
    auto_again: int = 10
    outcome: str = "success"
    task: str = TRANSFER
    seed: int = 1
    left_moved: bool = True
    right_moved: bool = False
    commands: NDArray[np.float64] | None = None  # (N, 14), 100 a second; slow waves if None
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def length(self) -> int:
        return self.auto + self.person + self.auto_again

    @property
    def kind(self) -> str:
        if not self.person:
            return "auto"
        return "intervention" if self.auto + self.auto_again else "demo"

    @property
    def success(self) -> int:
        return {"success": 1, "failure": 0, "timeout": 0}.get(self.outcome, -1)


def written(directory: Path, *episodes: Told, robot: Robot = ROBOT) -> Path:
    """Write a dataset; returns its folder."""
    tasks = sorted({told.task for told in episodes})
    _write_tasks(directory, tasks)
    index = 0
    for number, told in enumerate(episodes):
        _write_episode(directory, robot, number, index, told, tasks.index(told.task))
        index += told.length
    _write_info(directory, robot, len(episodes), index, len(tasks))
    return directory


def source_of(told: Told) -> NDArray[np.int64]:
    by_person = Source.DEMO if told.kind == "demo" else Source.INTERVENTION
    return np.repeat(
        [Source.AUTO, by_person, Source.AUTO], [told.auto, told.person, told.auto_again]
    )


def path_of(told: Told, moments_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the commands, or slow waves around home, another for each seed: (T, 14)."""
    if told.commands is not None:
        ticks_s = np.arange(len(told.commands)) / 100
        return np.stack([np.interp(moments_s, ticks_s, one) for one in told.commands.T], axis=1)
    phases = np.random.default_rng(told.seed).uniform(0.0, np.pi, len(JOINTS))
    waves = 0.05 * (1.0 - np.cos(moments_s[:, None])) * np.sin(phases)
    return np.asarray(HOME + waves, np.float64)


def image_of(number: int, camera: str) -> NDArray[np.uint8]:
    """Return an image whose brightness says which it is."""
    image = np.full((HEIGHT, WIDTH, 3), 40 + 4 * (number % 40), np.uint8)
    image[: HEIGHT // 2, : WIDTH // 2] = 200 if camera == CAMERAS[0] else 90
    return image


def frames_of(robot: Robot, number: int, index: int, told: Told, task: int) -> dict[str, Any]:
    """Return the columns of an episode's data file."""
    count = np.arange(told.length)
    moments_ns = BEGIN_NS + np.round(count * 1e9 / FPS).astype(np.int64)
    state = path_of(told, count / FPS).astype(np.float32)
    source = source_of(told)
    corrected = source == Source.INTERVENTION
    by_person = corrected | (source == Source.DEMO)
    last = count == told.length - 1
    columns: dict[str, Any] = {
        layout.STATE: state,
        layout.ACTION: state + np.float32(0.001),
        "subtask_index": np.zeros(told.length, np.int64),
        "next.reward": np.where(last, 0.0, -1.0).astype(np.float32),
        "next.done": last,
        "next.success": last & (told.success == 1),
        "timestamp": (count / FPS).astype(np.float32),
        "frame_index": count,
        "episode_index": np.full(told.length, number),
        "index": index + count,
        "task_index": np.full(told.length, task),
    }
    recap: dict[str, Any] = {
        "policy_action": state,
        "policy_action_valid": ~by_person,
        "human_action": state,
        "human_action_valid": by_person,
        "source": source,
        "is_intervention": corrected,
        "intervention_left": by_person & told.left_moved,
        "intervention_right": by_person & told.right_moved,
        "intervention_id": np.where(corrected, 0, -1),
        "segment_id": np.cumsum(np.diff(source, prepend=source[0]) != 0),
        "chunk_id": count // 3,
        "chunk_step": count % 3,
        "chunk_obs_index": np.maximum(count - 3, -1),
        "n_ensembled": np.ones(told.length, np.int64),
        "latency_ms": np.full(told.length, 80.0, np.float32),
        "t_mono_ns": moments_ns,
        "t_wall_ns": moments_ns + WALL_NS,
        **{f"t_{camera}_ns": moments_ns - 3_000_000 for camera in robot.cameras},
        "gap": np.zeros(told.length, bool),
        "policy_version": np.where(by_person, 0, 1),
        "safety_flags": np.zeros(told.length, np.int64),
    }
    return columns | {layout.RECAP + name: values for name, values in recap.items()}


def table_of(columns: dict[str, Any]) -> pa.Table:
    """Return columns as LeRobot keeps them: vectors as lists of fixed size."""
    return pa.table({name: column_of(values) for name, values in columns.items()})


def column_of(values: NDArray[Any]) -> pa.Array:
    if values.ndim == 1:
        return pa.array(values)
    return pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), values.shape[1])


def _write_episode(
    directory: Path, robot: Robot, number: int, index: int, told: Told, task: int
) -> None:
    _write(
        directory / layout.data_path(number), table_of(frames_of(robot, number, index, told, task))
    )
    for camera in robot.cameras:
        write_video(directory / layout.video_path(camera, number), told.length, camera)
    _write(directory / layout.ticks_path(number), table_of(ticks_of(robot, told)))
    chunk, file = layout.place(number)
    row: dict[str, Any] = {
        "episode_index": number,
        "tasks": [told.task],
        "length": told.length,
        "dataset_from_index": index,
        "dataset_to_index": index + told.length,
        "data/chunk_index": chunk,
        "data/file_index": file,
        "meta/episodes/chunk_index": chunk,
        "meta/episodes/file_index": file,
        "episode_success": told.success,
        "outcome_label": told.outcome,
        "outcome_s": told.length / FPS,
        "labelled_by": "rule",
        "data_type": told.kind,
        "operator": "ada",
        "policy": "flow",
        "checkpoint": "abc",
        "policy_version": 1,
        "seed": told.seed,
        "note": "",
        "n_interventions": int(told.kind == "intervention"),
        "intervention_frac": float((source_of(told) == Source.INTERVENTION).mean()),
        "aborted": told.outcome == "aborted",
        "t_start_wall": "2026-01-02T03:04:05+00:00",
        "t_begin_ns": BEGIN_NS,
        "journal": f"episode_{number}",
        "frames_lost": 0,
        "ticks_lost": 0,
        "records_damaged": 0,
    } | told.extra
    for camera in robot.cameras:
        key = f"videos/{layout.CAMERA}{camera}"
        row |= {f"{key}/chunk_index": chunk, f"{key}/file_index": file}
        row |= {f"{key}/from_timestamp": 0.0, f"{key}/to_timestamp": told.length / FPS}
    _write(directory / layout.episodes_path(number), pa.Table.from_pylist([row]))


def ticks_of(robot: Robot, told: Told) -> dict[str, Any]:
    """Return the columns of an episode's ticks file."""
    count = np.arange(round(told.length / FPS * 100))
    command = path_of(told, count / 100)
    source = source_of(told)[np.minimum(count * FPS // 100, told.length - 1)]
    events = ["takeover" if at and now != source[at - 1] else "" for at, now in enumerate(source)]
    columns: dict[str, Any] = {
        "t_ns": BEGIN_NS + count * TICK_NS,
        "seq": count + 1000,
        "source": source,
        "command": command,
        "measured": command,
        "events": np.array(events),
    }
    for name, kind in layout.tick_columns(robot).items():
        if name not in columns:
            columns[name] = {
                "vector": np.zeros_like(command),
                "string": np.full(len(count), "run"),
                "bool": np.zeros(len(count), bool),
                "float64": np.zeros(len(count)),
                "int64": np.zeros(len(count), np.int64),
            }[kind]
    return columns


def write_video(path: Path, frames: int, camera: str, fps: int = FPS) -> None:
    """Encode the images of an episode."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.options = {"preset": "ultrafast", "tune": "zerolatency", "g": "2", "crf": "18"}
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(image_of(number, camera), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def _write_tasks(directory: Path, tasks: list[str]) -> None:
    table = pa.table({"task_index": pa.array(range(len(tasks))), "__index_level_0__": tasks})
    described = {
        "index_columns": ["__index_level_0__"],
        "column_indexes": [],
        "columns": [],
        "pandas_version": "2.2.0",
    }
    metadata = {b"pandas": json.dumps(described).encode()}
    _write(directory / layout.TASKS, table.replace_schema_metadata(metadata))


def _write_info(directory: Path, robot: Robot, episodes: int, frames: int, tasks: int) -> None:
    info = {
        "codebase_version": layout.CODEBASE_VERSION,
        "robot_type": robot.name,
        "total_episodes": episodes,
        "total_frames": frames,
        "total_tasks": tasks,
        "chunks_size": layout.FILES_A_CHUNK,
        "fps": robot.fps,
        "splits": {"train": f"0:{episodes}"},
        "data_path": layout.DATA_PATH,
        "video_path": layout.VIDEO_PATH,
        "features": layout.features(robot),
    }
    if robot.twin is not None:
        info["twin"] = robot.twin
    (directory / layout.INFO).write_text(json.dumps(info), encoding="utf-8")


def _write(path: Path, table: pa.Table) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)
