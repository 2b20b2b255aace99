"""What a run shall be, what is heard on its way, and what is ordered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from messaging.messages import ControlStatus, EpisodeRequest, SafetyState, TaskState


@dataclass(frozen=True, slots=True)
class Course:
    """What a run shall be.

    Attributes:
        instructions: what to do, taken in turn.
        seed: of the first episode's scene; the next has the next seed.
        timeout_s: after which an episode has failed; a person's corrections take no time.
        episodes: how many, None for no end.
        duration_s: how long at most from the first episode on, None for no end.
        judged: whether somebody reports the task's state; else an episode lasts its time.
        reset_s: how long people have to set the scene before each episode.
        stop_wait_s: how long at a time a run that cannot go on waits for a person, None for ever.
    """

    instructions: Sequence[str]
    seed: int
    timeout_s: float
    episodes: int | None
    duration_s: float | None
    judged: bool
    reset_s: float = 0.0
    stop_wait_s: float | None = None


@dataclass(frozen=True, slots=True)
class News:
    """What the conductor hears."""

    now_ns: int
    ready: bool  # every process is ready
    status: ControlStatus | None
    task: TaskState | None
    safety: SafetyState | None  # None while the safety process is silent
    energised: Sequence[str] = ()  # arms that do not say that their torque is off
    recorded: bool = True  # whoever shall record does, or nobody shall


@dataclass(frozen=True, slots=True)
class Orders:
    """What the conductor wants done."""

    mode: str
    episode: int
    instruction: str
    request: EpisodeRequest | None
    ask: str = ""  # what to ask of the safety process, again and again until it comes true
