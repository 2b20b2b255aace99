"""What lies where in a recording: folders, files, columns and what their numbers mean.

A recording is a LeRobot v3.0 dataset with one data file, one video a camera and one episodes file
an episode, and beside it what LeRobot leaves alone: every control tick, journals, edits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from pathlib import Path
from typing import Any, Final

CODEBASE_VERSION: Final = "v3.0"
FILES_A_CHUNK: Final = 1000

INFO: Final = Path("meta/info.json")
STATISTICS: Final = Path("meta/stats.json")
TASKS: Final = Path("meta/tasks.parquet")
SUBTASKS: Final = Path("meta/subtasks.parquet")
EPISODES: Final = Path("meta/episodes")
EDITS: Final = Path("meta/recap/edits.jsonl")
POLICIES: Final = Path("meta/recap/policies.json")
TEXTS: Final = "__index_level_0__"  # the column of tasks' texts: pandas' index without a name

JOURNALS: Final = Path("journal")
DISCARDED: Final = Path("discarded")
REPAIRED: Final = Path("repaired")  # made anew by a repair, to be put in the place of the old
RECORDER_LOCK: Final = Path("recorder.lock")
FINISHER_LOCK: Final = Path("finisher.lock")

DATA_PATH: Final = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
VIDEO_PATH: Final = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
TICKS_PATH: Final = "ticks/episode_{episode_index:06d}.parquet"

STATE: Final = "observation.state"
ACTION: Final = "action"
CAMERA: Final = "observation.images."
# LeRobot takes a column whose name begins with "action" or "observation" for a policy's, so the
# others have a prefix of their own.
RECAP: Final = "complementary_info."

STATISTIC_NAMES: Final = ("min", "max", "mean", "std", "count", "q01", "q10", "q50", "q90", "q99")
NO_SUBTASK: Final = ""  # the text of subtask 0


class Source(IntEnum):
    """What the action of a row or tick comes from: values of `complementary_info.source`."""

    DEMO = 0  # a person, in an episode that a person commanded throughout
    AUTO = 1  # the policy
    INTERVENTION = 2  # a person, in an episode that a policy commanded too
    PAUSED = 3  # nobody: the arms hold
    HANDOVER = 4  # nobody yet: from a person's hand-back to the policy's next command
    REWIND = 5  # the path backwards, at a person's wish
    RESET = 6  # the way to home or rest


class SafetyFlag(IntFlag):
    """What kept a tick from being as it was meant: values of `complementary_info.safety_flags`."""

    LIMITED = 1  # position, velocity, acceleration, jerk or collision
    HELD = 2  # the arms hold
    STARVED = 4  # the plan was at its end
    BLOCKED = 8  # the collision check let the arms go no further
    STOPPED = 16  # a stop is in force


class Success(IntEnum):
    """Values of `episode_success`."""

    UNKNOWN = -1  # aborted, or its label was taken back: no value function may learn from it
    FAILURE = 0
    SUCCESS = 1


@dataclass(frozen=True, slots=True)
class Robot:
    """What all episodes of a dataset have in common.

    Attributes:
        name: the `robot_type`.
        fps: rows a second.
        arms: each with the names of its joints; all together in the order of the vectors.
        cameras: each with height and width of its images in pixels.
        twin: whether it was simulated; None where older versions did not say so.
    """

    name: str
    fps: int
    arms: Mapping[str, Sequence[str]]
    cameras: Mapping[str, tuple[int, int]]
    twin: bool | None = None

    @property
    def joints(self) -> list[str]:
        """All joints, in the order of the vectors."""
        return [joint for joints in self.arms.values() for joint in joints]


def place(index: int) -> tuple[int, int]:
    """Return the chunk and the file of episode `index`, the same for data, videos and rows."""
    return divmod(index, FILES_A_CHUNK)


def data_path(index: int) -> Path:
    """Return where the rows of episode `index` are."""
    chunk, file = place(index)
    return Path(DATA_PATH.format(chunk_index=chunk, file_index=file))


def video_path(camera: str, index: int) -> Path:
    """Return where the images of `camera` in episode `index` are."""
    chunk, file = place(index)
    return Path(VIDEO_PATH.format(video_key=CAMERA + camera, chunk_index=chunk, file_index=file))


def episodes_path(index: int) -> Path:
    """Return where the one row about episode `index` is; with this file the episode is there."""
    chunk, file = place(index)
    return EPISODES / f"chunk-{chunk:03d}" / f"file-{file:03d}.parquet"


def episode_at(path: Path) -> int:
    """Return the number of the episode whose row is at `path`; raises ValueError if none's is."""
    chunk, file = (name.rpartition("-")[2] for name in (path.parent.name, path.stem))
    if not (chunk.isdecimal() and file.isdecimal()):
        raise ValueError(f"{path} is no row of an episode like {episodes_path(0)}: take it away")
    return int(chunk) * FILES_A_CHUNK + int(file)


def ticks_path(index: int) -> Path:
    """Return where all control ticks of episode `index` are."""
    return Path(TICKS_PATH.format(episode_index=index))


def features(robot: Robot) -> dict[str, dict[str, Any]]:
    """Return the `features` of `info.json`: every column of the data files and every video."""
    vector = {"dtype": "float32", "shape": [len(robot.joints)], "names": robot.joints}
    table: dict[str, dict[str, Any]] = {STATE: vector, ACTION: vector}
    for camera, (height, width) in robot.cameras.items():
        table[CAMERA + camera] = _video_feature(height, width, robot.fps)
    for name in ("policy_action", "human_action"):
        table[RECAP + name] = vector
        table[f"{RECAP}{name}_valid"] = _scalar("bool")
    table |= {RECAP + name: _scalar(dtype) for name, dtype in _recap_scalars(robot).items()}
    table["subtask_index"] = _scalar("int64")
    table["next.reward"] = _scalar("float32")
    table["next.done"] = _scalar("bool")
    table["next.success"] = _scalar("bool")
    table["timestamp"] = _scalar("float32")
    table |= {name: _scalar("int64") for name in INDICES}
    return table


INDICES: Final = ("frame_index", "episode_index", "index", "task_index")
MANDATORY: Final = ("timestamp", *INDICES)  # of LeRobot's format: every dataset has them


def _recap_scalars(robot: Robot) -> dict[str, str]:
    return {
        "source": "int64",  # a Source
        "is_intervention": "bool",  # source is INTERVENTION
        **{f"intervention_{arm}": "bool" for arm in robot.arms},  # a person moved this very arm
        "intervention_id": "int64",  # counts corrections, rewinding included, -1 outside of them
        "segment_id": "int64",  # goes up at every discontinuity: no chunk may reach across
        "chunk_id": "int64",  # ActionChunk.seq of the newest chunk in the plan
        "chunk_step": "int64",  # which of its actions is meant for this moment, -1 if none is
        "chunk_obs_index": "int64",  # frame_index of what it was inferred from, -1 if not here
        "n_ensembled": "int64",  # how many chunks the plan blends
        "latency_ms": "float32",  # from the capture that the newest chunk saw to this command
        "t_mono_ns": "int64",  # the moment that the row is of, on the station's clock
        "t_wall_ns": "int64",  # the same on the wall's, since 1970
        **{f"t_{camera}_ns": "int64" for camera in robot.cameras},  # capture of the image shown
        "gap": "bool",  # an image or a tick that should be newer did not come
        "policy_version": "int64",  # row of policies.json, 0 while nothing of a policy counts
        "safety_flags": "int64",  # SafetyFlag
    }


# Of the episodes file, beside LeRobot's own columns.
EPISODE_COLUMNS: Final = {
    "episode_success": "int64",  # a Success
    "outcome_label": "string",  # success, failure, timeout, aborted; unknown if taken back
    "outcome_s": "float64",  # when it was known, from the episode's begin
    "labelled_by": "string",
    "data_type": "string",  # demo, auto, intervention
    "operator": "string",
    "policy": "string",
    "checkpoint": "string",
    "policy_version": "int64",
    "seed": "int64",
    "note": "string",
    "n_interventions": "int64",
    "intervention_frac": "float64",
    "aborted": "bool",
    "t_start_wall": "string",  # ISO 8601
    "t_begin_ns": "int64",  # on the station's clock, as all stamps
    "journal": "string",  # name of the journal that it was made of
    "frames_lost": "int64",  # images that a camera numbered and nobody has
    "ticks_lost": "int64",
    "records_damaged": "int64",
}


def tick_columns(robot: Robot) -> dict[str, str]:
    """Return the columns of the ticks file and their types, `vector` standing for all joints."""
    return {
        "t_ns": "int64",
        "seq": "int64",
        "late_us": "float64",
        "mode": "string",
        "commander": "string",
        "source": "int64",
        "epoch": "int64",
        "permit": "int64",
        "cursor": "float64",
        "rate": "float64",
        "runway_s": "float64",
        "latency_s": "float64",
        "disagreement_rad": "float64",
        "chunk": "int64",
        "blended": "int64",
        "safety_flags": "int64",
        "command": "vector",  # what the drivers were told
        "measured": "vector",  # the sample nearest to the tick
        **{f"t_{arm}_ns": "int64" for arm in robot.arms},  # when it was taken
        "human": "vector",  # what the person's device says, engaged or not
        "human_valid": "bool",
        "engaged": "bool",
        "policy": "vector",  # what the newest chunk says for this moment, in force or not
        "policy_valid": "bool",
        **{f"intervention_{arm}": "bool" for arm in robot.arms},
        "events": "string",  # what changed since the tick before, in words
    }


def tick_features(robot: Robot) -> dict[str, dict[str, Any]]:
    """Return the columns of the ticks file as `features` describes those of the data files."""
    vector = {"dtype": "float32", "shape": [len(robot.joints)], "names": robot.joints}
    return {
        name: vector if kind == "vector" else _scalar(kind)
        for name, kind in tick_columns(robot).items()
    }


def _scalar(dtype: str) -> dict[str, Any]:
    return {"dtype": dtype, "shape": [1], "names": None}


def _video_feature(height: int, width: int, fps: int) -> dict[str, Any]:
    return {
        "dtype": "video",
        "shape": [height, width, 3],
        "names": ["height", "width", "channels"],
        "info": {
            "video.height": height,
            "video.width": width,
            "video.codec": "h264",
            "video.pix_fmt": "yuv420p",
            "video.is_depth_map": False,
            "video.fps": fps,
            "video.channels": 3,
            "has_audio": False,
        },
    }
