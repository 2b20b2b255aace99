"""Shows a run while it goes on, for as long as anybody can see it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import Protocol, Self

from rich.console import Console
from rich.live import Live

from station.view import Snapshot, render

_VIEW_S = 0.25

# What printing raises on a full disk or a dead terminal; rich exits where a pipe is broken.
LOST_OUTPUT = (OSError, SystemExit)


class Display(Protocol):
    """Told of the present state many times a second; shows it as often as it sees fit."""

    def show(self, snapshot: Snapshot) -> None:
        """Show the present state."""
        ...


class ExpendableDisplay:
    """Another display while it works: no run may end because nobody can see it."""

    def __init__(
        self, display: AbstractContextManager[Display], tell_loss: Callable[[str], None]
    ) -> None:
        """Show by `display`; what becomes of it when it fails is told once, in words."""
        self._opened = display
        self._shown_by: Display | None = None
        self._tell_loss = tell_loss

    def __enter__(self) -> Self:
        try:
            self._shown_by = self._opened.__enter__()
        except LOST_OUTPUT as error:
            self._lose(error)
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(*LOST_OUTPUT):
            self._opened.__exit__(None, None, None)

    def show(self, snapshot: Snapshot) -> None:
        """Show the present state, if that is still possible."""
        if self._shown_by is None:
            return
        try:
            self._shown_by.show(snapshot)
        except LOST_OUTPUT as error:
            self._lose(error)

    def _lose(self, error: BaseException) -> None:
        self._shown_by = None
        reason = error if isinstance(error, OSError) else "nobody reads it any more"
        self._tell_loss(f"the display was switched off: {reason}")


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
