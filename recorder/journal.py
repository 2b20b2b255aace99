"""The folder in which an episode is written down as it happens, and reading it back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from messaging import codec
from messaging.messages import EpisodeState, Message
from messaging.topics import EPISODE_STATE, TOPICS
from recorder import files
from recorder.layout import DISCARDED, JOURNALS
from recorder.log import Reading, records
from runtime.config import StrictModel
from runtime.files import atomic_write_text

STREAM_LOG: Final = "stream.log"
HEADER: Final = "episode.json"
SEALED: Final = "sealed"  # nobody will write to this journal any more
OVER: Final = "over"
RUNNING: Final = "running"

_MESSAGES = {topic.name: topic.message for topic in TOPICS}


class JournalError(ValueError):
    """A journal that cannot be read; says why."""


class Header(StrictModel):
    """What is known of an episode at its begin, and what all its vectors mean."""

    robot: str
    arms: dict[str, tuple[str, ...]]  # with the names of their joints, in order of the vectors
    cameras: tuple[str, ...]  # the first is the one by which images, joints and actions align
    rate_hz: int
    operator: str
    policy: str
    checkpoint: str
    twin: bool
    episode: int  # the station's number, not the dataset's
    seed: int
    instruction: str
    t_begin_ns: int
    wall_begin: str  # ISO 8601
    wall_less_monotonic_ns: int

    @property
    def joints(self) -> list[str]:
        """All joints, in the order of the vectors."""
        return [joint for joints in self.arms.values() for joint in joints]


@dataclass(frozen=True, slots=True)
class Said:
    """A message of a journal, and when it arrived."""

    stream: str
    t_arrival_ns: int
    message: Message


@dataclass(frozen=True, slots=True)
class Journal:
    """A journal on disk."""

    folder: Path

    @property
    def name(self) -> str:
        """What it is called in edits, and in the dataset made of it."""
        return self.folder.name

    @property
    def sealed(self) -> bool:
        """Whether it is ready to be finished."""
        return (self.folder / SEALED).exists()

    def seal(self) -> None:
        """Say that nobody will write to it any more; raises OSError."""
        atomic_write_text(self.folder / SEALED, "")

    def header(self) -> Header:
        """Return what was known at the episode's begin; raises JournalError."""
        path = self.folder / HEADER
        try:
            return Header.model_validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            raise JournalError(f"{path} cannot be read: {error}") from error

    def log_bytes(self) -> int:
        """Return how large the log is, 0 without one."""
        path = self.folder / STREAM_LOG
        return path.stat().st_size if path.exists() else 0

    def said(self, only: str = "", reading: Reading | None = None) -> Iterator[Said]:
        """Yield the messages in the order of their arrival in the journal.

        Args:
            only: of this topic; of all if empty.
            reading: told what was damaged; a message that does not decode is, too.

        Raises:
            JournalError: there is no log, or it was written by another version of the software.
        """
        reading = Reading() if reading is None else reading
        path = self.folder / STREAM_LOG
        try:
            for record in records(path, reading):
                topic = record.stream.partition(".")[0]
                if only not in ("", topic):
                    continue
                if (kind := _MESSAGES.get(topic)) is None:
                    reading.damaged += 1
                    continue
                try:
                    message = codec.decode(record.data, kind)
                except codec.VersionError as error:
                    raise JournalError(f"{path} was written by another version: {error}") from error
                except codec.CodecError:
                    reading.damaged += 1
                    continue
                yield Said(record.stream, record.t_arrival_ns, message)
        except OSError as error:
            raise JournalError(f"{path} cannot be read: {error}") from error

    def end(self) -> EpisodeState | None:
        """Return how the episode ended, None if it was cut off; raises JournalError."""
        number = self.header().episode
        found = None
        for item in self.said(only=EPISODE_STATE.name):
            state = item.message
            if isinstance(state, EpisodeState) and state.phase == OVER and state.episode == number:
                found = state
        return found


def journal_name(moment: datetime) -> str:
    """Return the name of a journal that begins at `moment`; later ones sort behind."""
    return f"episode_{moment:%Y-%m-%d_%H-%M-%S_%f}"


def begun(directory: Path, name: str, header: Header) -> Journal:
    """Make the journal `name` in the recording at `directory`; raises OSError."""
    journal = Journal(directory / JOURNALS / name)
    # A directory that is gone, with its disk perhaps, is not to be made anew somewhere else.
    journal.folder.parent.mkdir(exist_ok=True)
    journal.folder.mkdir()
    atomic_write_text(journal.folder / HEADER, header.model_dump_json(indent=2) + "\n")
    return journal


def journals(directory: Path) -> list[Journal]:
    """Return the journals of the recording at `directory`, oldest first."""
    folders = sorted((directory / JOURNALS).glob("episode_*"))
    return [Journal(folder) for folder in folders if (folder / HEADER).exists()]


def discard(directory: Path, name: str) -> None:
    """Put the journal `name` of the recording at `directory` aside; raises OSError."""
    files.moved(directory / JOURNALS / name, directory / DISCARDED / name)


def restore(directory: Path, name: str) -> None:
    """Put a journal back that was put aside; raises OSError."""
    files.moved(directory / DISCARDED / name, directory / JOURNALS / name)
