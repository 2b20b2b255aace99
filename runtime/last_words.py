"""Why a process died, out of its log, as one sentence for people."""

from __future__ import annotations

import re
import signal
from pathlib import Path

_TRACEBACK = "Traceback (most recent call last):"
_IGNORED = "Exception ignored in"  # raised while Python tidied up: never why the process died
_LOG_LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
_NO_NEWS = "For further information visit"
_MOST_CHARACTERS = 600


def cause_of_death(code: int, log: Path) -> str:
    """Return why a process that ended with `code` died: the signal, or what it logged at last."""
    if code < 0:
        return f"by signal {signal.Signals(-code).name}"
    words = last_words(log.read_text(errors="replace", encoding="utf-8")) if log.exists() else ""
    return f"exit {code}: {words}" if words else f"exit {code}"


def last_words(log: str) -> str:
    """Return the last exception in `log` with its whole message, else the last line."""
    lines = log.strip().splitlines()
    starts = [
        place
        for place, line in enumerate(lines)
        if line == _TRACEBACK and not lines[max(place - 1, 0)].startswith(_IGNORED)
    ]
    told = _exception(lines[starts[-1] + 1 :]) if starts else lines[-1:]
    return " ".join(told)[:_MOST_CHARACTERS]


def _exception(lines: list[str]) -> list[str]:
    """Return the message under a traceback's frames, which are indented."""
    told: list[str] = []
    for line in lines:
        if not told and (line.startswith(" ") or not line):
            continue
        if told and (_LOG_LINE.match(line) or line.startswith(_IGNORED)):
            break
        if line.strip() and not line.strip().startswith(_NO_NEWS):
            told.append(line.strip())
    if told:
        kind, colon, text = told[0].partition(":")
        told[0] = kind.rpartition(".")[2] + colon + text
    return told
