"""A stop in words: what stopped the robot, and what a person does next."""

from __future__ import annotations

from pathlib import Path

from messaging.messages import SafetyState
from runtime.shell import command
from safety import latch
from safety.cause import MOVING

_DEFAULT = "aloha"
_NAMED = {"hold": "stop", "rest_then_off": "stop with a way to rest", "cut": "cut of the torque"}


def stop_in_words(state: SafetyState) -> str:
    """Return which stop is in force and why, empty if there is none."""
    if not state.event:
        return ""
    more = len(state.causes) - 1
    cause = state.causes[0] if state.causes else "no cause is known"
    others = f" (and {more} more)" if more > 0 else ""
    return f"{_NAMED.get(state.stop, state.stop)} {state.event}: {cause}{others}"


def passing_in_words(state: SafetyState) -> list[str]:
    """Return what keeps the robot from going on and passes by itself."""
    return [
        *(f"holds: {why}" for why in state.holds),
        *(f"the policy waits: {why}" for why in state.waits),
    ]


def next_step(state: SafetyState, robot: str) -> str:
    """Return what a person has to do for the robot to go on, empty while it runs."""
    if state.persisting and state.phase in ("stopped", "disarmed"):
        before = "a reset" if state.phase == "stopped" else "arming"
        return f"to be mended before {before}: {state.persisting[0]}"
    words = {"stopped": f"reset {state.event}", "disarmed": "arm", "armed": "run"}.get(state.phase)
    return safety_command(words, robot) if words else ""


def latched_in_words(directory: Path, robot: str) -> list[str]:
    """Return the stop in force that an earlier launch left behind in `directory`, line by line."""
    try:
        found = latch.read(directory / latch.NAME)
    except latch.LatchError as error:
        return [f"STOPPED: {error}"]
    if found is None or not (found.stop or found.phase in MOVING):
        return []
    if found.stop is None:
        return [
            f"STOPPED: the launch before ended without a word while the robot was {found.phase}"
        ]
    stop = found.stop
    causes = "; ".join(cause.text for cause in stop.causes)
    reset = safety_command(f"reset {stop.event}", robot)
    return [
        f"STOPPED: event {stop.event} since {stop.at}, by {stop.by}: {causes}",
        f"it waits for {reset}, then `arm` and `run`; or for the same in the dashboard",
    ]


def safety_command(words: str, robot: str) -> str:
    """Return what to type for `words` to reach `robot`, in backticks."""
    named = [] if robot == _DEFAULT else ["--robot", robot]
    return command(f"python -m safety {words}", *named)
