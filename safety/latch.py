"""What outlives the safety process: the stop in force, or that something was allowed to move."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from messaging.messages import PHASES, STOPS
from runtime.files import atomic_write_text
from safety.cause import MOVING, Cause
from safety.facts import HOLD, Facts, Stop
from safety.state import CODES, State, stopped

NAME = "latch.json"
_MOST_BYTES = 1_000_000


class LatchError(RuntimeError):
    """A latch that cannot be read; says why."""


@dataclass(frozen=True, slots=True)
class Latched:
    """What the file says."""

    phase: str
    stop: Stop | None
    speed: float
    drawn: int


_FORMAT = TypeAdapter(Latched)


def latched(state: State) -> Latched:
    """Return what of `state` has to outlive the process."""
    # How far the arms have come is theirs to say, and would write the file anew at each step.
    stop = replace(state.stop, stage="", confirmed_ms=(), seq=0) if state.stop else None
    return Latched(state.phase, stop, state.speed, state.drawn)


def write(path: Path, content: Latched) -> None:
    """Put `content` at `path`: after a power failure there is the old or the new, whole.

    Raises:
        OSError: it cannot be written; what was there is still there.
    """
    atomic_write_text(path, json.dumps(asdict(content)), private=True)


def read(path: Path) -> Latched | None:
    """Return what was written at `path`, None if nothing ever was.

    Raises:
        LatchError: there is a file, and it cannot be read or does not make sense.
    """
    try:
        with path.open("rb") as file:
            content = _FORMAT.validate_json(file.read(_MOST_BYTES))
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise LatchError(f"latch file damaged: {path}: {str(error).splitlines()[0]}") from error
    if not _makes_sense(content):
        raise LatchError(f"latch file damaged: {path}: phase {content.phase!r} with that stop")
    return content


def restored(path: Path, fresh: State, facts: Facts) -> State:
    """Return the state to begin in: `fresh` and disarmed, or stopped by what `path` tells."""
    try:
        content = read(path)
    except LatchError as error:
        text = f"{error}; nobody knows how it was left: look at the robot"
        return stopped(fresh, (Cause(6, "latch", text),), HOLD, facts)
    if content is None:
        return fresh
    state = replace(fresh, speed=content.speed, drawn=content.drawn)
    if content.stop:
        # Torque that was cut or let go stays off by itself; nobody is told so again, who may by
        # now stand somewhere else.
        stop = replace(content.stop, t_ns=facts.now_ns, seq=state.seq + 1)
        return replace(state, phase="stopped", stop=stop)
    if content.phase in MOVING:
        text = f"the safety process died while the robot was {content.phase}: see its log"
        return stopped(state, (Cause(6, "safety", text),), HOLD, facts)
    return state


def _makes_sense(content: Latched) -> bool:
    if content.phase not in PHASES or (content.phase == "stopped") != (content.stop is not None):
        return False
    if not 0 < content.speed <= 1 or not 0 <= content.drawn < CODES:
        return False
    return content.stop is None or (content.stop.kind in STOPS and bool(content.stop.event))
