"""How a run lies on disk: rows of fixed size behind a one-line header, and lines of JSON."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.void]

_HELD_ROWS = 2000  # several seconds of any stream; fuller than that, they are written at once


def command_fields(joints: int) -> np.dtype[np.void]:
    """Return the row of a JointCommand of so many joints."""
    return np.dtype(
        [("t_ns", "<i8"), ("seq", "<i8"), ("epoch", "<i4"), ("position", "<f4", (joints,))]
    )


def state_fields(joints: int) -> np.dtype[np.void]:
    """Return the row of a JointState of so many joints."""
    return np.dtype(
        [
            ("t_ns", "<i8"),
            ("seq", "<i8"),
            ("t_command_ns", "<i8"),
            ("held", "?"),
            ("position", "<f4", (joints,)),
            ("written", "<f4", (joints,)),
        ]
    )


STATUS_FIELDS: np.dtype[np.void] = np.dtype(
    [
        ("t_ns", "<i8"),
        ("seq", "<i8"),
        ("dt_ns", "<i8"),
        ("late_us", "<f4"),
        ("mode", "S12"),
        ("epoch", "<i4"),
        ("cursor", "<f8"),
        ("rate", "<f4"),
        ("runway_s", "<f4"),
        ("latency_s", "<f4"),
        ("disagreement_rad", "<f4"),
        ("jerk", "<f4"),
        ("chunks", "<i4"),
        ("commander", "S8"),
        ("permit", "<i8"),
    ]
)

TASK_FIELDS: np.dtype[np.void] = np.dtype(
    [("t_ns", "<i8"), ("episode", "<i4"), ("reward", "<i4"), ("success", "?")]
)


class Appender:
    """Appends whole records to a file; what cannot be written is counted as lost, not raised."""

    def __init__(self, path: Path, lost: Counter[str], kind: str, header: bytes = b"") -> None:
        self._path = path
        self._lost = lost
        self._kind = kind
        self._header = header
        self._descriptor: int | None = None
        self._size = 0

    def write(self, data: bytes, records: int) -> None:
        """Append `data`, which holds so many records, entirely or not at all."""
        try:
            if self._descriptor is None:
                self._descriptor, self._size = self._opened()
            written = _write_all(self._descriptor, self._header + data if not self._size else data)
            self._size += written
        except OSError:
            self._lost[self._kind] += records
            self._undo()

    def close(self) -> None:
        """Close the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _opened(self) -> tuple[int, int]:
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        return descriptor, os.fstat(descriptor).st_size

    def _undo(self) -> None:
        # Half a row in the middle of the file would shift all that follow.
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, self._size)


class RowAppender:
    """Collects rows of one kind and appends them at `flush`; holds a bounded number of them."""

    def __init__(
        self,
        path: Path,
        lost: Counter[str],
        fields: np.dtype[np.void],
        joints: Sequence[str] = (),
    ) -> None:
        header = json.dumps({"fields": fields.descr, "joints": list(joints)}).encode() + b"\n"
        _drop_partial_row(path, len(header), fields.itemsize)
        self._appender = Appender(path, lost, path.stem, header)
        self._rows = np.zeros(_HELD_ROWS, fields)
        self._count = 0

    def add(self, *values: Any) -> None:
        """Take one row, its values in the order of the fields."""
        if self._count == len(self._rows):
            self.flush()
        self._rows[self._count] = values
        self._count += 1

    def flush(self) -> None:
        """Write what was collected."""
        if self._count:
            self._appender.write(self._rows[: self._count].tobytes(), self._count)
            self._count = 0

    def close(self) -> None:
        """Write what was collected and close the file."""
        self.flush()
        self._appender.close()


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of one file; `joints` names the columns of its joint vectors."""

    joints: tuple[str, ...]
    rows: Rows


def read_rows(path: Path, fields: np.dtype[np.void]) -> Table:
    """Return all whole rows of a file; none, with `fields`, if it is missing or unreadable."""
    try:
        with path.open("rb") as file:
            header = json.loads(file.readline())
            described = [tuple(_tupled(part) for part in field) for field in header["fields"]]
            # A path of its own: numpy looks at the descriptor, past Python's read-ahead.
            offset, row = file.tell(), np.dtype(described)
        count = max(0, path.stat().st_size - offset) // row.itemsize
        rows = np.fromfile(path, row, count, offset=offset)
        if row.names != fields.names:
            raise ValueError(f"{path} has fields {row.names}, expected {fields.names}")
    except (OSError, ValueError, KeyError, TypeError):
        return Table((), np.zeros(0, fields))
    return Table(tuple(header["joints"]), rows)


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Return the objects in a file of JSON lines, without those that were cut off."""
    try:
        text = path.read_text(errors="replace", encoding="utf-8")
    except OSError:
        return []
    entries = []
    for line in text.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict):
            entries.append(entry)
    return entries


def _tupled(part: Any) -> Any:
    return tuple(part) if isinstance(part, list) else part


def _drop_partial_row(path: Path, header: int, row: int) -> None:
    """Cut off the last row of a writer that died within it."""
    try:
        size = path.stat().st_size
        if size > 0:
            os.truncate(path, 0 if size < header else size - (size - header) % row)
    except OSError:
        return


def _write_all(descriptor: int, data: bytes) -> int:
    """Write all of `data`; a full disk takes part of it first and refuses only then."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
    return len(data)
