"""The last lines of the audit file, for people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_TAIL_BYTES = 32 * 1024
_LINES = 40
_LONGEST = 1000  # characters of a line that is not JSON


class AuditTail:
    """Reads a growing file's end again when it has grown."""

    def __init__(self, path: Path) -> None:
        self.lines: list[dict[str, Any]] = []  # the last ones, oldest first
        self._path = path
        self._size = -1

    def read(self) -> bool:
        """Look at the file; returns whether `lines` are others than before."""
        try:
            size = self._path.stat().st_size
            if size == self._size:
                return False
            with self._path.open("rb") as file:
                file.seek(max(0, size - _TAIL_BYTES))
                data = file.read(_TAIL_BYTES)
        except OSError:
            return False  # nothing was written yet
        lines = data.decode(errors="replace").splitlines()
        whole = lines if size <= _TAIL_BYTES else lines[1:]
        self.lines = [_entry(line) for line in whole[-_LINES:]]
        self._size = size
        return True


def _entry(line: str) -> dict[str, Any]:
    try:
        entry = json.loads(line)
    except ValueError:
        return {"damaged": line[:_LONGEST]}
    return entry if isinstance(entry, dict) else {"damaged": line[:_LONGEST]}
