"""Writes the latch and the audit in a thread of its own: a slow disk delays no permit."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from safety import latch
from safety.audit import Audit, Entry
from safety.latch import Latched

log = logging.getLogger(__name__)

_TRY_AGAIN_S = 1.0
_MOST_WAITING = 1000  # entries kept in memory while the disk takes none


class Scribe:
    """Takes what has to be written, and tells when it was.

    Args:
        latch_path: of the latch.
        audit: the open audit, closed with the scribe.
    """

    def __init__(self, latch_path: Path, audit: Audit) -> None:
        self.news = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)  # readable when more is done
        self.done = 0  # ticket of the last job that was written, or could not be
        self.troubles: dict[str, str] = {}  # what could not be written -> why
        self._latch_path = latch_path
        self._audit = audit
        self._given = 0
        self._latched: Latched | None = None
        self._entries: list[Entry] = []
        self._dropped = 0
        self._ending = False
        self._wake = threading.Condition()
        self._thread = threading.Thread(target=self._live, name="scribe", daemon=True)
        self._thread.start()

    def write(self, latched: Latched | None, entries: Sequence[Entry]) -> int:
        """Have the latch, if it changed, and `entries` written; returns the job's ticket."""
        with self._wake:
            self._latched = latched or self._latched
            room = _MOST_WAITING - len(self._entries)
            self._entries += entries[:room]
            self._dropped += len(entries[room:])
            self._given += 1
            self._wake.notify()
            return self._given

    def acknowledge(self) -> None:
        """Make `news` unreadable until there are more."""
        try:
            os.eventfd_read(self.news)
        except BlockingIOError:
            return

    def close(self) -> None:
        """Write what is left, as far as the disk takes it."""
        with self._wake:
            self._ending = True
            self._wake.notify()
        self._thread.join()
        self._audit.close()
        os.close(self.news)

    def _live(self) -> None:
        ending = False
        while not ending:
            with self._wake:
                self._wake.wait_for(self._is_due, _TRY_AGAIN_S if self.troubles else None)
                ending, ticket = self._ending, self._given
                latched, entries = self._latched, list(self._entries)
            if latched is not None:
                self._tried("latch", partial(self._write_latch, latched))
            if entries:
                self._tried("audit", partial(self._append, entries))
            self.done = ticket
            os.eventfd_write(self.news, 1)

    def _is_due(self) -> bool:
        return self._ending or self._given > self.done

    def _tried(self, what: str, write: Callable[[], None]) -> None:
        try:
            write()
        except OSError as error:
            if what not in self.troubles:
                log.exception("cannot write the %s", what)
            why = os.strerror(error.errno) if error.errno else str(error)
            self.troubles = {**self.troubles, what: why}
        else:
            self.troubles = {key: why for key, why in self.troubles.items() if key != what}

    def _write_latch(self, content: Latched) -> None:
        latch.write(self._latch_path, content)
        with self._wake:
            if self._latched is content:
                self._latched = None

    def _append(self, entries: list[Entry]) -> None:
        if self._dropped:
            said = f"{self._dropped} entries found no room"
            entries = [*entries, replace(entries[-1], who="safety", what="lost", said=said)]
        self._audit.append(entries)
        with self._wake:
            del self._entries[: len(entries)]
            self._dropped = 0
