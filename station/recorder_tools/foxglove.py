"""MCAP files for Foxglove: images, joints and what was said, on one clock."""

from __future__ import annotations

import base64
import heapq
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recorder import layout
from recorder.dataset import Dataset, vectors
from recorder.structure import EpisodeRow
from station.recorder_tools.events import events
from station.recorder_tools.task import ToolError

if TYPE_CHECKING:
    from mcap.writer import Writer

_JPEG_QUALITY: Final = 90
_INFO_LEVEL: Final = 2  # of foxglove.Log
_TIME: Final = {
    "type": "object",
    "title": "time",
    "properties": {"sec": {"type": "integer"}, "nsec": {"type": "integer"}},
}
_TOPICS: Final = {layout.STATE: "/joints/measured", layout.ACTION: "/joints/command"}
_TEXT: Final = {"type": "string"}
_NUMBER: Final = {"type": "number"}
_JOINT: Final = {
    "type": "object",
    "properties": {"name": _TEXT, "position": _NUMBER, "velocity": _NUMBER},
}
# Foxglove knows a schema by its name; these are the fields of it that are filled.
_SCHEMAS: Final[dict[str, dict[str, Any]]] = {
    "foxglove.CompressedImage": {
        "frame_id": _TEXT,
        "data": {"type": "string", "contentEncoding": "base64"},
        "format": _TEXT,
    },
    "foxglove.JointStates": {"joints": {"type": "array", "items": _JOINT}},
    "foxglove.Log": {"level": {"type": "integer"}, "message": _TEXT, "name": _TEXT},
    "evenhand.Control": {
        "source": _TEXT,
        "person_moves": {"type": "array", "items": _TEXT},
        "gap": {"type": "boolean"},
    },
}


def write(dataset: Dataset, episode: int, path: Path) -> None:
    """Write one episode to `path`: images when they were captured, joints at every control tick.

    Raises:
        ToolError: the library is not installed.
        DatasetError: there is no such episode, or it cannot be read.
    """
    try:
        from mcap.writer import Writer
    except ImportError as error:
        raise ToolError("MCAP needs its library: pip install 'evenhand[mcap]'") from error
    row = dataset.row(episode)
    table = dataset.table(episode)
    with path.open("wb") as file:
        writer = Writer(file)
        writer.start(profile="", library="evenhand")
        writer.add_metadata("episode", _facts(row))
        sink = _Sink(writer)
        told = [_images(dataset, row, table, camera) for camera in dataset.info.cameras]
        told += [_control(dataset, table), _joints(dataset, row, table), _log(dataset, row, table)]
        for message in heapq.merge(*told, key=lambda message: message.t_ns):
            sink.write(message)
        writer.finish()  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True)
class _Message:
    """What is written, when it happened on the wall's clock, and by which schema."""

    t_ns: int
    topic: str
    schema: str
    fields: dict[str, Any]


class _Sink:
    """Writes messages, and tells the file of a topic before the first one of it."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._schemas: dict[str, int] = {}
        self._channels: dict[str, int] = {}

    def write(self, message: _Message) -> None:
        """Append a message."""
        seconds, nanoseconds = divmod(message.t_ns, 1_000_000_000)
        fields = {"timestamp": {"sec": seconds, "nsec": nanoseconds}, **message.fields}
        self._writer.add_message(
            channel_id=self._channel(message),
            log_time=message.t_ns,
            publish_time=message.t_ns,
            data=json.dumps(fields, separators=(",", ":")).encode(),
        )

    def _channel(self, message: _Message) -> int:
        if message.topic not in self._channels:
            if message.schema not in self._schemas:
                self._schemas[message.schema] = self._writer.register_schema(
                    message.schema, "jsonschema", _json_schema(message.schema)
                )
            self._channels[message.topic] = self._writer.register_channel(
                message.topic, "json", self._schemas[message.schema]
            )
        return self._channels[message.topic]


def _json_schema(name: str) -> bytes:
    properties = {"timestamp": _TIME, **_SCHEMAS[name]}
    return json.dumps({"title": name, "type": "object", "properties": properties}).encode()


def _facts(row: EpisodeRow) -> dict[str, str]:
    """Return what is known of the episode, as texts."""
    said = {name: value for name, value in row.raw.items() if "/" not in name and value is not None}
    return {
        name: "; ".join(value) if name == "tasks" else str(value) for name, value in said.items()
    }


def _images(dataset: Dataset, row: EpisodeRow, table: pa.Table, camera: str) -> Iterator[_Message]:
    """Yield each image once, when it was captured."""
    captured_ns = wall_ns(dataset, table, f"t_{camera}_ns")
    before_ns = -1
    for t_ns, image in zip(captured_ns, dataset.frames(row.episode, camera), strict=True):
        if t_ns == before_ns:
            continue
        before_ns = t_ns
        fields = {"frame_id": camera, "format": "jpeg", "data": _jpeg(image)}
        yield _Message(t_ns, f"/camera/{camera}", "foxglove.CompressedImage", fields)


def _joints(dataset: Dataset, row: EpisodeRow, table: pa.Table) -> Iterator[_Message]:
    """Yield what was measured and what was commanded, at every control tick if those were kept."""
    ticks = dataset.ticks(row.episode)
    if ticks is None:
        stamps_ns = wall_ns(dataset, table, "t_mono_ns")
        columns = {key: table[key] for key in _TOPICS if dataset.info.vector(key)}
    else:
        offset_ns = _clock_offset_ns(table)
        stamps_ns = [t_ns + offset_ns for t_ns in ticks["t_ns"].to_pylist()]
        columns = {layout.STATE: ticks["measured"], layout.ACTION: ticks["command"]}
    values = {key: vectors(column).tolist() for key, column in columns.items()}
    for tick, t_ns in enumerate(stamps_ns):
        for key, rows in values.items():
            joints = [
                {"name": name, "position": position}
                for name, position in zip(dataset.info.features[key].names, rows[tick], strict=True)
                if math.isfinite(position)
            ]
            yield _Message(t_ns, _TOPICS[key], "foxglove.JointStates", {"joints": joints})


def _control(dataset: Dataset, table: pa.Table) -> Iterator[_Message]:
    """Yield who commanded, and which arms a person moved."""
    if not dataset.info.recorded:
        return
    source = layout.RECAP + "source"
    arm = layout.RECAP + "intervention_"
    arms = [name for name in table.column_names if name.startswith(arm) and name != arm + "id"]
    columns = table.select([source, layout.RECAP + "gap", *arms]).to_pylist()
    for t_ns, row in zip(wall_ns(dataset, table, "t_mono_ns"), columns, strict=True):
        fields = {
            "source": _source(row[source]),
            "person_moves": [name.removeprefix(arm) for name in arms if row[name]],
            "gap": row[layout.RECAP + "gap"],
        }
        yield _Message(t_ns, "/control", "evenhand.Control", fields)


def _source(number: int) -> str:
    known = number in layout.Source.__members__.values()
    return layout.Source(number).name.lower() if known else f"source {number}"


def _log(dataset: Dataset, row: EpisodeRow, table: pa.Table) -> Iterator[_Message]:
    """Yield what was said."""
    stamps_ns = wall_ns(dataset, table, "t_mono_ns")
    for frame, text in events(dataset, row, table):
        fields = {"level": _INFO_LEVEL, "message": text, "name": "episode"}
        yield _Message(stamps_ns[frame], "/log", "foxglove.Log", fields)


def wall_ns(dataset: Dataset, table: pa.Table, name: str) -> list[int]:
    """Return a stamp of each frame on the wall's clock; frames evenly from 0 if it was not kept."""
    if not dataset.info.recorded:
        return [round(frame * 1e9 / dataset.info.fps) for frame in range(len(table))]
    offset_ns = _clock_offset_ns(table)
    return [int(t_ns) + offset_ns for t_ns in table[layout.RECAP + name].to_pylist()]


def _clock_offset_ns(table: pa.Table) -> int:
    wall, monotonic = (layout.RECAP + name for name in ("t_wall_ns", "t_mono_ns"))
    return int(table[wall][0].as_py()) - int(table[monotonic][0].as_py())


def _jpeg(image: NDArray[np.uint8]) -> str:
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return base64.b64encode(data.tobytes()).decode()
