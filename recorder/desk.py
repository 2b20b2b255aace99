"""What people may ask of the recorder: to discard, to undo, to note, to name a subtask.

Pure: it decides, and returns what shall be done; the recorder does it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from messaging.messages import Request
from recorder.edits import DISCARD, LABEL, NOTE, RESTORE, SUBTASK, UNLABEL

UNDO: Final = "undo"
KINDS: Final = (DISCARD, UNDO, NOTE, SUBTASK)


@dataclass(frozen=True, slots=True)
class Decision:
    """What comes of a request.

    Attributes:
        accepted: whether anything does.
        said: to who asked.
        kind: of the edit to write down, empty if none.
        episode: name of the journal that it is about.
        text: of the edit.
    """

    accepted: bool
    said: str
    kind: str = ""
    episode: str = ""
    text: str = ""


@dataclass
class Desk:
    """Knows which episode runs, which was the last, and what can be undone."""

    running: str = ""  # name of its journal, empty while no episode is recorded
    last: str = ""  # of the last one that ended, empty if that was not recorded
    doomed: bool = False  # the running one is discarded, and put aside when it ends
    _done: list[tuple[str, str]] = field(default_factory=list)  # kind and episode, undone backwards

    def begin(self, episode: str, *, doomed: bool = False) -> None:
        """An episode began to be recorded, or is gone on with, which may be discarded already."""
        self.running, self.doomed = episode, doomed

    def skip(self) -> None:
        """An episode began that is not recorded: what is said now is not about the one before."""
        self.last = ""

    def end(self, outcome: str) -> bool:
        """The episode ended; returns whether its journal is to be put aside."""
        self.last, self.running = self.running, ""
        if outcome:
            self._done.append((LABEL, self.last))
        doomed, self.doomed = self.doomed, False
        if doomed:
            self._done.append((DISCARD, self.last))
        return doomed

    def decide(self, request: Request) -> Decision:
        """Return what comes of a request."""
        text = request.reason.strip()
        if request.kind == DISCARD:
            return self._discard()
        if request.kind == UNDO:
            return self._undo()
        if request.kind not in KINDS:
            return Decision(False, f"no request {request.kind!r}; there are {', '.join(KINDS)}")
        episode = self.running or (self.last if request.kind == NOTE else "")
        if not episode:
            return Decision(False, f"no episode is recorded that a {request.kind} could be about")
        if not text and request.kind == NOTE:
            return Decision(False, "a note without text: give it as the request's reason")
        said = f"{request.kind}: {text}" if text else "no subtask any more"
        return Decision(True, said, request.kind, episode, text)

    def _discard(self) -> Decision:
        if self.running:
            if self.doomed:
                return Decision(False, "the running episode is discarded already")
            self.doomed = True
            said = "the running episode is discarded: it is put aside when it ends"
            return Decision(True, said, DISCARD, self.running)
        if not self.last:
            return Decision(False, "no episode was recorded that could be discarded")
        if (DISCARD, self.last) in self._done:
            return Decision(False, f"{self.last} is discarded already")
        self._done.append((DISCARD, self.last))
        return Decision(True, f"{self.last} discarded; undo brings it back", DISCARD, self.last)

    def _undo(self) -> Decision:
        if self.doomed:
            self.doomed = False
            return Decision(True, "the running episode is kept", RESTORE, self.running)
        if not self._done:
            return Decision(False, "nothing to undo")
        kind, episode = self._done.pop()
        if kind == DISCARD:
            return Decision(True, f"{episode} is back", RESTORE, episode)
        said = f"the label of {episode} is taken back: its outcome is unknown"
        return Decision(True, said, UNLABEL, episode)
