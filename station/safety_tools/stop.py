"""`stop`: stops all arms, and tells when each of them has confirmed it."""

from __future__ import annotations

from messaging.messages import CUT, SafetyState
from station.safety_tools.task import Task, ToolError

SWITCH = "USE THE 12 V SWITCH"
_CONFIRMED_S = 1.0


def run(task: Task) -> int:
    """Stop; returns 1 unless every arm confirmed that its goal stands still."""
    if not task.is_launched:
        task.say(f"no launch runs {task.robot} here: nothing to stop. If it moves: {SWITCH}")
        return 1
    try:
        with task.connected() as launch:
            event = launch.request().event
            state = launch.state(lambda now: _is_confirmed(now, event), _CONFIRMED_S)
    except ToolError as error:
        task.say(f"NOT CONFIRMED: {SWITCH}\n{error}")
        return 1
    if state is None or state.event != event:
        task.say(f"stopped, event {event}, but NOT CONFIRMED by any arm: {SWITCH}")
        return 1
    task.say(f"stopped, event {event}")
    done = "torque off" if state.stop == CUT else "holding"
    for arm, after_ms in state.confirmed_ms.items():
        task.say(f"  {arm}: {done}, confirmed after {after_ms:.0f} ms")
    for arm in state.awaited:
        task.say(f"  {arm}: NOT CONFIRMED, {SWITCH}")
    return 1 if state.awaited else 0


def _is_confirmed(state: SafetyState, event: str) -> bool:
    return state.event == event and state.motion == "none" and not state.awaited
