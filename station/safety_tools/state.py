"""`state`: what may move, or what stopped it and what to do next."""

from __future__ import annotations

from messaging.messages import SafetyState
from station.remedy import latched_in_words, next_step, passing_in_words
from station.safety_tools.task import Task


def run(task: Task) -> int:
    """Print it; returns 1 if nobody knows."""
    if not task.is_launched:
        task.say(f"no launch runs {task.robot} here")
        latched = latched_in_words(task.state_directory, task.robot)
        for line in latched or ["no stop is in force: the next launch begins disarmed"]:
            task.say(line)
        return 0
    with task.connected() as launch:
        state = launch.state()
    if state is None:
        task.say("the safety process is silent: nothing may move")
        return 1
    for line in lines(state, task.robot):
        task.say(line)
    return 0


def lines(state: SafetyState, robot: str) -> list[str]:
    """Return a state as a person reads it."""
    told = [f"{state.phase}: motion {state.motion}, at most {state.speed:.0%} of the usual speed"]
    if state.event:
        told.append(f"event {state.event} ({state.stop}) since {state.stopped_at}, by {state.by}")
        told += [f"cause: {cause}" for cause in state.causes]
    told += [f"persists: {cause}" for cause in state.persisting]
    told += passing_in_words(state)
    told += [f"warning: {warning}" for warning in state.warnings]
    told += [f"arm {arm} has not confirmed the stop" for arm in state.awaited]
    if state.note:
        told.append(state.note)
    if step := next_step(state, robot):
        told.append(f"next: {step}")
    return told
