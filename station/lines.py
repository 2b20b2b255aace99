"""A run as lines for a log: what happened as it happens, and now and then how it goes."""

from __future__ import annotations

import re
import textwrap
import time
from typing import Self

from rich.console import Console

from messaging.messages import ControlStatus
from runtime.supervisor import Phase
from station.collected import commander, finishing_in_words, kept_in_words, recorder_in_words
from station.record import EVENTS_FILE, EpisodeOutcome, RunEvent, clock
from station.view import Snapshot, counted, quantile

_WIDTH = 100  # where no terminal says another
_MOST_LINES = 3  # that an event may take
_INDENT = " " * 6  # of what does not fit the first, as wide as a time
_CUT = f" … ({EVENTS_FILE} has it whole)"
_STATE_S = 10.0
_SAME_STATE_S = 60.0
_REPEATED_S = 30.0  # in which the same event is not told again
_MOST_TROUBLE = 60  # characters
_LATE_MS = 1.0
_FULL_RATE = 0.999
_NAMED = 3  # processes that are waited for


class Lines:
    """Prints each event as it comes; the state every ten seconds, or when it is handed over."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._width = console.width if console.is_terminal else _WIDTH
        self._events = 0
        self._episodes = 0
        self._told_s: dict[tuple[str, str], float] = {}  # event without its numbers -> when
        self._left_out = 0
        self._led_by = ""
        self._state = ""
        self._state_s = -_SAME_STATE_S

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def show(self, snapshot: Snapshot) -> None:
        """Print what is new."""
        record = snapshot.record
        fresh = record.noted_events - self._events
        for event in record.events[-fresh:] if fresh else ():
            if self._is_news(event):
                at = clock(event.t_ns - record.started_ns)
                self._print(f"{at} {event.source}: {event.text}")
        self._events = record.noted_events
        for index in range(self._episodes, len(record.episodes)):
            of = f" of {snapshot.episodes}" if snapshot.episodes else ""
            told = _in_words(record.episodes[: index + 1])
            self._print(f"{_now(snapshot)} episode {index + 1}{of}: {told}")
        self._episodes = len(record.episodes)
        self._show_state(snapshot)

    def _is_news(self, event: RunEvent) -> bool:
        """Return whether to print an event: not what every start brings, nor the same for ever."""
        if event.routine:
            return False
        if event.source in ("safety", "station"):
            return True
        key = event.source, re.sub(r"[\d.]+", "#", event.text)
        now_s = time.monotonic()
        if now_s - self._told_s.get(key, -_REPEATED_S) < _REPEATED_S:
            self._left_out += 1
            return False
        self._told_s[key] = now_s
        return True

    def _show_state(self, snapshot: Snapshot) -> None:
        now_s = time.monotonic()
        led_by = snapshot.status.commander if snapshot.status else ""
        is_handed_over = {led_by, self._led_by} == {"policy", "human"}
        self._led_by = led_by if led_by in ("policy", "human") else self._led_by
        if now_s - self._state_s < _STATE_S and not is_handed_over:
            return
        finishing = snapshot.finishing
        room = self._width - len(_now(snapshot)) - 1
        state = finishing_in_words(finishing) if finishing else state_line(snapshot, room)
        if state == self._state and now_s - self._state_s < _SAME_STATE_S:
            return
        self._state, self._state_s = state, now_s
        if self._left_out:
            repeated = f"{self._left_out} events that repeat those above"
            self._print(f"{_now(snapshot)} {repeated} are in {EVENTS_FILE}")
            self._left_out = 0
        self._print(f"{_now(snapshot)} {state}")

    def _print(self, text: str) -> None:
        for line in fitted(text, self._width):
            self._console.print(line, highlight=False, markup=False, emoji=False, soft_wrap=True)


def fitted(text: str, width: int) -> list[str]:
    """Return `text` in at most three lines of `width` characters; what is cut off is marked."""
    return textwrap.wrap(
        text,
        width,
        subsequent_indent=_INDENT,
        max_lines=_MOST_LINES,
        placeholder=_CUT,
        break_on_hyphens=False,
    )


def state_line(snapshot: Snapshot, width: int = _WIDTH) -> str:
    """Return how the run goes, what matters most first, as far as it fits `width` characters."""
    parts = [_stage(snapshot), *_troubles(snapshot), *_control(snapshot)]
    line = ""
    for part in filter(None, parts):
        longer = f"{line}  {part}" if line else part
        if len(longer) <= width:
            line = longer
    return line


def _stage(snapshot: Snapshot) -> str:
    state = snapshot.safety
    waiting = [name for name, shown in snapshot.processes.items() if shown.phase is not Phase.READY]
    if waiting:
        more = f" and {len(waiting) - _NAMED} more" if len(waiting) > _NAMED else ""
        waits = f"waits for {', '.join(waiting[:_NAMED])}{more}"
        return f"stopped {state.event}  {waits}" if state and state.event else waits
    if state is None:
        return "safety is silent: nothing may move"
    if state.event:
        return f"{snapshot.stage or state.phase} by event {state.event}"
    return snapshot.stage or state.phase


def _troubles(snapshot: Snapshot) -> list[str]:
    restarts = sum(process.restarts for process in snapshot.processes.values())
    troubles = snapshot.recording.troubles if snapshot.recording else ()
    shortened = (textwrap.shorten(trouble, _MOST_TROUBLE, placeholder=" …") for trouble in troubles)
    return [*shortened, f"restarts {restarts}" if restarts else ""]


def _control(snapshot: Snapshot) -> list[str]:
    status = snapshot.status
    led = status is not None and status.commander in ("policy", "human")
    parts = [f"{commander(status, snapshot.human)} commands" if led else "", _kept(snapshot)]
    if snapshot.recording:
        parts.append(recorder_in_words(snapshot.recording))
    if status is None:
        return parts
    if led:
        late_ms = status.late_us * 1e-3
        parts += [
            f"inference {quantile(snapshot.inference_ms, 50):.0f} ms",
            f"runway {status.runway_s:.1f} s",
            f"rate {status.rate:.2f}" if status.rate < _FULL_RATE else "",
            f"jerk {status.jerk:.1f}",
            f"late {late_ms:.1f} ms" if late_ms > _LATE_MS else "",
        ]
    return [*parts, *_counts(status)]


def _kept(snapshot: Snapshot) -> str:
    record = snapshot.record
    if snapshot.collects and (words := kept_in_words(record.tally)):
        return words
    return f"{record.successes} of {len(record.episodes)} succeeded" if record.episodes else ""


def _counts(status: ControlStatus) -> list[str]:
    counts = {name: counted(status, f"{name}.") for name in ("dropped", "limit")}
    return [f"{name} {count}" for name, count in counts.items() if count]


def _in_words(outcomes: list[EpisodeOutcome]) -> str:
    """Return how the last of `outcomes` ended, and how many of all succeeded."""
    last = outcomes[-1]
    result = "success" if last.success else "no success"
    successes = sum(outcome.success for outcome in outcomes)
    return f"{result} in {last.duration_s:.1f} s ({successes} of {len(outcomes)})"


def _now(snapshot: Snapshot) -> str:
    return clock(snapshot.t_ns - snapshot.record.started_ns)
