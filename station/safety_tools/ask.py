"""`arm`, `run`, `pause`, `reset`, `speed`, `rest` and `cut`: requests, and what is answered."""

from __future__ import annotations

from messaging.messages import Reply, SafetyState
from station.remedy import stop_in_words
from station.safety_tools.task import Task, ToolError

_SELF_TEST_S = 3.0


def run(task: Task) -> int:
    """Ask for what needs no further words; returns 1 if it is refused."""
    with task.connected() as launch:
        return _told(task, launch.request())


def arm(task: Task) -> int:
    """Ask to arm, and wait for the outcome of the self-test."""
    with task.connected() as launch:
        reply = launch.request()
        if not reply.accepted:
            return _told(task, reply)
        return _after_the_test(task, launch.state(_is_tested, _SELF_TEST_S))


def reset(task: Task) -> int:
    """End the stop that the argument names."""
    with task.connected() as launch:
        return _told(task, launch.request(event=task.argument))


def speed(task: Task) -> int:
    """Cap the speed."""
    try:
        value = float(task.argument)
    except ValueError:
        raise ToolError(f"speed is a number from 0.05 to 1, got {task.argument!r}") from None
    with task.connected() as launch:
        return _told(task, launch.request(value=value))


def cut(task: Task) -> int:
    """Take torque off now, after a code was read and typed."""
    with task.connected() as launch:
        drawn = launch.request()
        if not drawn.accepted:
            return _told(task, drawn)
        code = task.ask(f"{drawn.said}\ncode: ").strip()
        if not code:
            raise ToolError("no code was typed: torque is as it was")
        return _told(task, launch.request(event=code))


def _is_tested(state: SafetyState) -> bool:
    return state.phase != "testing"


def _after_the_test(task: Task, state: SafetyState | None) -> int:
    if state is None or state.phase == "testing":
        raise ToolError("the self-test of the stop path has no end: see the safety process's log")
    task.say(f"{state.phase}  {stop_in_words(state)}".strip())
    return 0 if state.phase in ("armed", "running") else 1


def _told(task: Task, reply: Reply) -> int:
    task.say(reply.said if reply.accepted else f"refused: {reply.said}")
    return 0 if reply.accepted else 1
