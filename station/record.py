"""What is remembered of a run: its episodes, its events, and what it lost."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

EVENTS_FILE = "events.jsonl"  # in the folder of a run: every event, whole

_FIRST_EVENTS = 200
_LAST_EVENTS = 800


@dataclass(frozen=True, slots=True)
class EpisodeOutcome:
    """How one episode ended."""

    episode: int
    seed: int
    instruction: str
    success: bool
    duration_s: float


@dataclass(frozen=True, slots=True)
class RunEvent:
    """Something worth telling about a run, at `t_ns` of the station's monotonic clock."""

    t_ns: int
    source: str  # a process, or "station"
    text: str
    routine: bool = False  # part of every start: no news


@dataclass(slots=True)
class RunRecord:
    """A run from launch to its end."""

    robot: str
    policy: str
    seed: int
    started: str  # local date and time, for people
    started_ns: int
    first_command_s: float | None = None  # launch to the first command of the policy
    episodes: list[EpisodeOutcome] = field(default_factory=list)
    events: list[RunEvent] = field(default_factory=list)  # the first and the last of very many
    forgotten_events: int = 0
    tally: Counter[tuple[str, str]] = field(default_factory=Counter)  # kind and outcome: how often
    restarts: dict[str, int] = field(default_factory=dict)
    losses: list[str] = field(default_factory=list)  # what could not be recorded, in words
    ending: str = ""  # why the run ended

    def note(self, event: RunEvent) -> None:
        """Remember an event; of very many, those in the middle are only counted."""
        self.events.append(event)
        if len(self.events) > _FIRST_EVENTS + _LAST_EVENTS:
            del self.events[_FIRST_EVENTS]
            self.forgotten_events += 1

    @property
    def noted_events(self) -> int:
        """Number of all events so far, forgotten ones included."""
        return len(self.events) + self.forgotten_events

    @property
    def successes(self) -> int:
        """Number of successful episodes."""
        return sum(outcome.success for outcome in self.episodes)


def clock(elapsed_ns: int) -> str:
    """Return the time since a launch for people: `02:31`, from an hour on `1:02:31`."""
    seconds = max(0, elapsed_ns // 1_000_000_000)
    hours, minutes = seconds // 3600, f"{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return f"{hours}:{minutes}" if hours else minutes
