"""Who asked for what, and what came of it: lines of JSON that nobody can change unnoticed.

Each line carries the hash of the line before it, so that a line that was changed, taken out or put
in breaks the chain there. A line that a power failure tore is kept, and the next one names it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from messaging import file_lock

NAME = "audit.jsonl"
FIRST = "0" * 64  # what the first line says of the line before it
LONGEST = 500  # characters of a text

_TAIL_BYTES = 65_536  # holds the longest line


class AuditError(RuntimeError):
    """An audit that cannot be written, or that another process writes; says what to do."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that happened.

    Attributes:
        at: when, on the wall's clock.
        t_ns: when, on the station's.
        who: asked for it, or found it.
        what: the kind of request, or of event.
        said: details, and what came of it.
        before: phase before it.
        after: phase after it.
        event: the stop in force after it.
    """

    at: str
    t_ns: int
    who: str
    what: str
    said: str
    before: str
    after: str
    event: str = ""


class Audit:
    """Appends to the file at `path`, whose one writer it is; makes it, and folders, if need be.

    Raises:
        AuditError: it cannot be written, or another process writes it.
        OSError: it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise AuditError(
                f"cannot write {path}, where stops are kept ({error.strerror}): make it writable, "
                "or choose another place with `--set safety.directory=DIRECTORY`"
            ) from error
        if not self._is_ours(path):
            os.close(self._file)
            raise AuditError(f"another safety process writes {path}: end that launch first")
        self._size, self._open_line, self._torn = 0, False, b""
        self._seq, self._hash = 0, FIRST
        self._resume()

    def append(self, entries: Sequence[Entry]) -> None:
        """Write and sync `entries`, all of them or none.

        Raises:
            OSError: they cannot be written; what was there is as it was.
        """
        if not entries:
            return
        if os.fstat(self._file).st_size != self._size:
            self._resume()
        seq, before, torn = self._seq, self._hash, self._torn
        lines = [b""] if self._open_line else []
        for entry in entries:
            seq += 1
            line = _line(seq, before, entry, torn)
            lines.append(line)
            before, torn = _hash(line), b""
        data = b"\n".join(lines) + b"\n"
        try:
            _write_all(self._file, data)
            os.fsync(self._file)
        except OSError:
            os.ftruncate(self._file, self._size)
            raise
        self._seq, self._hash = seq, before
        self._open_line, self._torn = False, b""
        self._size += len(data)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _is_ours(self, path: Path) -> bool:
        try:
            return file_lock.taken(self._file, path)
        except file_lock.NoLocksError as error:
            os.close(self._file)
            raise AuditError(f"{error}, with `--set safety.directory=DIRECTORY`") from error

    def _resume(self) -> None:
        """Go on after the last whole line."""
        self._size = os.fstat(self._file).st_size
        begin = max(0, self._size - _TAIL_BYTES)
        lines = os.pread(self._file, _TAIL_BYTES, begin).split(b"\n")
        self._open_line = bool(lines[-1])
        # A line may lack nothing but its end.
        self._torn = b"" if _parsed(lines[-1]) else lines[-1]
        for line in reversed(lines):
            if parsed := _parsed(line):
                self._seq, self._hash = parsed["seq"], _hash(line)
                return


def verified(path: Path) -> list[str]:
    """Return what is wrong with the audit at `path`, nothing if it is as it was written.

    Raises:
        OSError: it cannot be read.
    """
    problems = []
    seq, before, torn = 0, FIRST, b""
    with path.open("rb") as file:
        for number, ended in enumerate(file, 1):
            line = ended.rstrip(b"\n")
            parsed = _parsed(line)
            if parsed is None:
                if torn:
                    problems.append(f"line {number - 1} is no entry")
                torn = line
                continue
            if parsed.get("torn", "") != (_hash(torn) if torn else ""):
                problems.append(f"before line {number} something was torn out or put in")
            if parsed["previous"] != before or parsed["seq"] != seq + 1:
                problems.append(f"line {number} does not follow the one before it")
            seq, before, torn = parsed["seq"], _hash(line), b""
    if torn:
        problems.append("the last line is torn: the next entry will say so")
    return problems


def _line(seq: int, previous: str, entry: Entry, torn: bytes) -> bytes:
    fields: dict[str, Any] = {"seq": seq, "previous": previous, **asdict(entry)}
    fields |= {key: text[:LONGEST] for key, text in fields.items() if isinstance(text, str)}
    if torn:
        fields["torn"] = _hash(torn)
    return json.dumps(fields).encode()


def _parsed(line: bytes) -> dict[str, Any] | None:
    """Return the entry that `line` is, None if it is none."""
    try:
        fields = json.loads(line)
    except ValueError:
        return None
    wanted = {"seq": int, "previous": str}
    whole = isinstance(fields, dict) and all(
        isinstance(fields.get(key), kind) for key, kind in wanted.items()
    )
    return fields if whole else None


def _hash(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()


def _write_all(file: int, data: bytes) -> None:
    while data:
        data = data[os.write(file, data) :]
