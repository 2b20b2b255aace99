"""What a crash left behind: journals without an end, which are told of and kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from recorder import edits
from recorder.journal import STREAM_LOG, Journal, JournalError, discard, journals
from recorder.log import Reading, records


def cut_off(directory: Path) -> Iterator[str]:
    """Yield a line about each journal at `directory` that somebody did not end as is proper."""
    discarded = edits.discarded(edits.read(directory))
    for journal in journals(directory):
        if journal.sealed:
            continue
        if journal.name in discarded:
            yield f"{journal.name} is discarded, to be put aside"
            continue
        try:
            yield _told(journal)
        except (OSError, JournalError) as error:
            yield f"{journal.name} cannot be read: {error}"


def resumable(directory: Path) -> dict[tuple[int, int], Journal]:
    """Return the unfinished journals at `directory` by episode number and begin.

    A recorder that is started again in the middle of an episode goes on in its journal.
    """
    found = {}
    for journal in journals(directory):
        if not journal.sealed:
            with suppress(JournalError):
                header = journal.header()
                found[header.episode, header.t_begin_ns] = journal
    return found


def seal_all(directory: Path, spare: str = "") -> None:
    """Have the journals at `directory` finished that nobody will write to any more.

    One that was discarded while it ran is put aside, since its recorder did not live to do it.

    Args:
        directory: of the recording.
        spare: name of the journal that is still written to, if there is one.

    Raises:
        OSError: something cannot be written.
    """
    discarded = edits.discarded(edits.read(directory))
    for journal in journals(directory):
        if journal.sealed or journal.name == spare:
            continue
        if journal.name in discarded:
            discard(directory, journal.name)
        else:
            journal.seal()


def _told(journal: Journal) -> str:
    """Return what is there of a journal; raises OSError or JournalError."""
    if end := journal.end():
        return f"{journal.name}: {end.outcome}, to be finished"
    header, reading = journal.header(), Reading()
    last_ns, count = header.t_begin_ns, 0
    for record in records(journal.folder / STREAM_LOG, reading):
        last_ns, count = record.t_arrival_ns, count + 1
    damaged = f", {reading.damaged} damaged places" if reading.damaged else ""
    return (
        f"{journal.name} was cut off: saved its first {(last_ns - header.t_begin_ns) * 1e-9:.2f} s"
        f" ({count} records{damaged}), to be finished as aborted"
    )
