"""What people say about episodes besides what was recorded: appended, never changed.

Discarding and undoing, notes, labels given or taken back, the beginnings of subtasks. Whoever
reads the dataset applies the edits that came after an episode was finished.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from recorder.layout import EDITS
from runtime.config import StrictModel

DISCARD: Final = "discard"
RESTORE: Final = "restore"  # takes a discard back
NOTE: Final = "note"
SUBTASK: Final = "subtask"
LABEL: Final = "label"
UNLABEL: Final = "unlabel"  # takes the last label back


class Edit(StrictModel):
    """One line of the file."""

    at: str  # wall-clock time, ISO 8601
    t_ns: int  # the same on the station's clock
    who: str
    kind: str  # one of the constants above
    episode: str  # name of its journal
    text: str = ""  # of a note or a subtask; a label


@dataclass(frozen=True, slots=True)
class Opinion:
    """What the edits say about one episode."""

    outcome: str | None = None  # None: as it was recorded; empty: taken back
    labelled_by: str = ""
    note: str = ""
    subtasks: tuple[tuple[int, str], ...] = ()  # from when on, in ns, and what


def append(directory: Path, edit: Edit) -> None:
    """Append `edit` to those of the recording at `directory`; raises OSError."""
    path = directory / EDITS
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        size = file.tell()
        torn = size and os.pread(file.fileno(), 1, size - 1) != b"\n"
        file.write((b"\n" if torn else b"") + edit.model_dump_json().encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def read(directory: Path) -> list[Edit]:
    """Return all edits of the recording at `directory`, oldest first, without torn lines."""
    try:
        lines = (directory / EDITS).read_bytes().splitlines()
    except FileNotFoundError:
        return []
    found = []
    for line in lines:
        try:
            found.append(Edit.model_validate_json(line))
        except ValidationError:
            continue  # a power failure tore it
    return found


def discarded(edits: list[Edit]) -> set[str]:
    """Return the names of the journals of episodes that are discarded by the last word on each."""
    last = {edit.episode: edit.kind for edit in edits if edit.kind in (DISCARD, RESTORE)}
    return {episode for episode, kind in last.items() if kind == DISCARD}


def opinion(edits: list[Edit], episode: str) -> Opinion:
    """Return what `edits` say about the episode whose journal is called `episode`."""
    own = [edit for edit in edits if edit.episode == episode]
    last = next((edit for edit in reversed(own) if edit.kind in (LABEL, UNLABEL)), None)
    outcome = None if last is None else last.text if last.kind == LABEL else ""
    return Opinion(
        outcome=outcome,
        labelled_by=last.who if last else "",
        note="\n".join(edit.text for edit in own if edit.kind == NOTE),
        subtasks=tuple((edit.t_ns, edit.text) for edit in own if edit.kind == SUBTASK),
    )
