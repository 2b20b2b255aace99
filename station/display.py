"""Shows a run while it goes on: as a live view, or as lines for a log."""

from __future__ import annotations

import time
from typing import Protocol, Self

from rich.console import Console
from rich.live import Live

from station.view import Snapshot, log_line, render

_VIEW_S = 0.25
_LINE_S = 2.0


class Display(Protocol):
    """Told of the present state many times a second; shows it as often as it sees fit."""

    def show(self, snapshot: Snapshot) -> None:
        """Show the present state."""
        ...


class LiveView:
    """Redraws one screen four times a second."""

    def __init__(self, console: Console) -> None:
        # Nothing but `show` redraws: rich's own refresh thread would wake up for nothing.
        self._live = Live(console=console, auto_refresh=False)
        self._shown_s = 0.0

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, snapshot: Snapshot) -> None:
        """Redraw if it is time."""
        if time.monotonic() - self._shown_s >= _VIEW_S:
            self._shown_s = time.monotonic()
            self._live.update(render(snapshot), refresh=True)


class Lines:
    """Prints each event as it comes, and the state every two seconds."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown_s = 0.0
        self._events = 0
        self._episodes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def show(self, snapshot: Snapshot) -> None:
        """Print what is new."""
        record = snapshot.record
        for event in record.events[self._events :]:
            self._print(f"{event.source}: {event.text}")
        self._events = len(record.events)
        for outcome in record.episodes[self._episodes :]:
            result = "success" if outcome.success else "no success"
            self._print(f"episode {outcome.episode}: {result} after {outcome.duration_s:.1f} s")
        self._episodes = len(record.episodes)
        if time.monotonic() - self._shown_s >= _LINE_S:
            self._shown_s = time.monotonic()
            self._print(log_line(snapshot))

    def _print(self, text: str) -> None:
        self._console.print(text, highlight=False, soft_wrap=True)
