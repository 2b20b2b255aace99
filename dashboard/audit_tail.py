"""The last lines of the audit file, for people."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

_TAIL_BYTES = 32 * 1024
_LINES = 40
_LONGEST = 1000  # characters of a line that is not JSON


class AuditTail:
    """Reads a growing file's end again when it has grown."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._size = -1

    def news(self) -> list[dict[str, Any]] | None:
        """Return the last lines, oldest first, or None if nothing has changed."""
        try:
            size = self._path.stat().st_size
            if size == self._size:
                return None
            with self._path.open("rb") as file:
                file.seek(max(0, size - _TAIL_BYTES), os.SEEK_SET)
                data = file.read(_TAIL_BYTES)
        except OSError:
            return None  # nothing was written yet
        self._size = size
        lines = data.decode(errors="replace").splitlines()
        whole = lines if size <= _TAIL_BYTES else lines[1:]
        return [_entry(line) for line in whole[-_LINES:]]


def _entry(line: str) -> dict[str, Any]:
    try:
        entry = json.loads(line)
    except ValueError:
        return {"damaged": line[:_LONGEST]}
    return entry if isinstance(entry, dict) else {"damaged": line[:_LONGEST]}
