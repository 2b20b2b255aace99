"""What a tool is asked to do, for which robot, and how it reaches that robot's launch."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from messaging.messages import Reply, SafetyState
from messaging.topics import SAFETY_STATE
from messaging.transport import Bus, Waiter
from station.asking import new_request
from station.lock import LOCK, bus_directory, is_held
from station.shell_user import shell_user

ANSWER_S = 1.0


class ToolError(RuntimeError):
    """A tool that cannot do its work; says why and what to do."""


@dataclass(frozen=True, slots=True)
class Task:
    """One call of a tool.

    Attributes:
        command: its name.
        argument: what it was given, empty if it takes nothing.
        robot: whom it is about.
        reason: in the words of who called it.
        console: where results go.
        ask: puts a question to a person and returns the line that was typed.
    """

    command: str
    argument: str
    robot: str
    reason: str
    console: Console
    ask: Callable[[str], str]

    def say(self, text: str) -> None:
        """Print plain text."""
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    @property
    def state_directory(self) -> Path:
        """Where the robot's latch and its audit lie."""
        # Not on the way of a stop: they take their time.
        from station.config import safety_config
        from station.robot import state_directory

        return state_directory(safety_config(self.robot), self.robot)

    @property
    def is_launched(self) -> bool:
        """Whether a launch runs the robot on this machine, for this user."""
        return is_held(bus_directory(self.robot) / LOCK)

    @contextmanager
    def connected(self) -> Iterator[Launch]:
        """Reach the launch that runs the robot; raises ToolError if there is none."""
        if not self.is_launched:
            raise ToolError(f"no launch runs {self.robot} here: nothing was asked of it")
        with Bus(bus_directory(self.robot)) as bus:
            yield Launch(self, bus)


class Launch:
    """A running launch, from outside."""

    def __init__(self, task: Task, bus: Bus) -> None:
        self._task = task
        self._client = bus.client("safety")
        self._states = bus.subscriber(SAFETY_STATE)

    def request(self, *, event: str = "", value: float = 0.0) -> Reply:
        """Ask for what the task is about; raises ToolError if the safety process is silent."""
        task = self._task
        request = new_request(
            task.command, shell_user(), event=event, value=value, reason=task.reason
        )
        reply = self._client.ask(request, ANSWER_S)
        if reply is None:
            raise ToolError(
                "the safety process does not answer: without its leave nothing moves; if something "
                "does all the same, use the 12 V switch"
            )
        return reply

    def state(
        self, wanted: Callable[[SafetyState], bool] = lambda _: True, timeout_s: float = ANSWER_S
    ) -> SafetyState | None:
        """Wait for a `wanted` state; returns the newest, wanted or not, None if none came."""
        waiter = Waiter([self._states])
        end = time.monotonic() + timeout_s
        while (left_s := end - time.monotonic()) > 0:
            if waiter.wait(left_s) and (state := self._states.receive()) and wanted(state):
                break
        return self._states.newest
