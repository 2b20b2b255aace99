"""A launched robot, as a user starts it in a terminal: watched, asked and ended over its bus."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Mapping
from functools import cache
from itertools import takewhile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks.live import processes
from benchmarks.stopping.record import MOVING_RAD_S, States, speed_rad_s
from benchmarks.stopping.terminal import Terminal
from drivers.dynamixel.profile import Profile
from messaging.messages import (
    ControlStatus,
    Heartbeat,
    JointState,
    Permit,
    Request,
    SafetyState,
)
from messaging.topics import (
    CONTROL_STATUS,
    HEARTBEAT,
    JOINT_STATE,
    PERMIT,
    SAFETY_STATE,
    Keep,
)
from messaging.transport import Bus, Subscriber, Waiter
from station.asking import new_request
from station.config import load, robot_file
from station.lock import make_private

ROOT = Path(__file__).parent.parent.parent
ROBOT = "aloha"
ARMS = ("left", "right")
WHO = "benchmark"
FAULT = "safety"  # who stopped the robot where nobody asked for it
START_S = 90.0
MOVE_S = 60.0  # to reset, arm and run again, while a policy may have to be loaded
_END_S = 20.0
_ASK_NS = 100_000_000  # between two requests for the same
_LATELY_NS = 100_000_000  # in which speed is taken
_LOOK_NS = 200_000_000  # between two looks at who is alive
_KEPT = 6000  # states of an arm: a minute
_SLICE_S = 0.02

# What a person would ask for next on the way to a running policy.
_NEXT = {"stopped": "reset", "disarmed": "arm", "armed": "run"}


class RobotError(RuntimeError):
    """The robot did not do what a measurement needs; says what was waited for."""


class Robot:
    """`python launch.py --robot aloha` in a terminal of its own, with directories of its own.

    Attributes:
        folder: of its sockets, state, tokens and reports.
        environment: in which other programs find it.
        states: what each arm's driver said lately, the oldest first.
        statuses: what the controller said lately.
        permits: what safety permitted lately.
        safeties: what it thought lately.
    """

    def __init__(self, *settings: str) -> None:
        """Prepare to launch with `settings` over its config, such as `dashboard.port=8361`."""
        self.folder = Path(tempfile.mkdtemp(prefix="eh-"))
        self.environment = {
            **os.environ,
            "XDG_RUNTIME_DIR": str(self.folder),
            "XDG_STATE_HOME": str(self.folder / "state"),
            "XDG_CONFIG_HOME": str(self.folder / "config"),
        }
        self.states: dict[str, deque[JointState]] = {arm: deque(maxlen=_KEPT) for arm in ARMS}
        self.statuses: deque[ControlStatus] = deque(maxlen=_KEPT)
        self.permits: deque[Permit] = deque(maxlen=_KEPT)
        self.safeties: deque[SafetyState] = deque(maxlen=_KEPT)
        self._settings = settings
        self._alive: dict[str, int] = {}
        self._looked_ns = 0  # when it was looked who is alive

    def __enter__(self) -> Self:
        # Whoever comes first makes the sockets' directory, and the launch insists on a private one.
        for directory in (self.bus_directory.parent, self.bus_directory):
            make_private(directory)
        settings = (f"runs={self.folder / 'runs'}", *self._settings)
        command = [sys.executable, "launch.py", "--robot", ROBOT]
        command += [word for setting in settings for word in ("--set", setting)]
        self.terminal = Terminal(command, ROOT, self.environment)
        self.popen = self.terminal.program
        self._bus = Bus(self.bus_directory)
        bus = self._bus
        self._arms = {arm: bus.subscriber(JOINT_STATE, arm, Keep.ALL) for arm in ARMS}
        self._statuses = bus.subscriber(CONTROL_STATUS, keep=Keep.ALL)
        self._permits = bus.subscriber(PERMIT, keep=Keep.ALL)
        self._safety = bus.subscriber(SAFETY_STATE, keep=Keep.ALL)
        self._beats: dict[str, Subscriber[Heartbeat]] = {}
        self._client = bus.client("safety")
        self._waiter = Waiter([self._permits, self._safety, *self._arms.values()])
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()
        self._bus.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    # -- what it does -----------------------------------------------------------------------------

    def poll(self, timeout_s: float = _SLICE_S) -> None:
        """Wait for news, and write it down."""
        self._waiter.wait(timeout_s)
        for arm, states in self._arms.items():
            self.states[arm] += states.drain()
        self.statuses += self._statuses.drain()
        self.permits += self._permits.drain()
        self.safeties += self._safety.drain()
        for beats in self._beats.values():
            beats.receive()

    def until(
        self, happened: Callable[[], Any], what: str, timeout_s: float, *, alive: bool = True
    ) -> None:
        """Poll until something has happened.

        Args:
            happened: says whether it has.
            what: is waited for, in words.
            timeout_s: how long.
            alive: whether the launch has to live meanwhile.

        Raises:
            RobotError: it did not happen in time, or the launch ended.
        """
        end = time.monotonic() + timeout_s
        while not happened():
            ended = alive and self.popen.poll() is not None
            if ended or time.monotonic() > end:
                why = "the launch ended" if ended else f"waited {timeout_s:g} s in vain"
                raise RobotError(
                    f"{why} for {what}; safety says {self.safety}\n{self.terminal.said}"
                )
            self.poll()

    def during(self, seconds: float) -> None:
        """Poll for so long."""
        end = time.monotonic() + seconds
        while (left_s := end - time.monotonic()) > 0:
            self.poll(min(left_s, _SLICE_S))

    def set_in_motion(self) -> None:
        """Reset the stop in force, arm, run, and wait until the arms move."""
        asked: tuple[str, int] = ("", 0)

        def moves() -> bool:
            nonlocal asked
            now_ns = time.monotonic_ns()
            phase = self.safety.phase if self.safety else ""
            if phase in _NEXT and (phase != asked[0] or now_ns - asked[1] > _ASK_NS):
                asked = (phase, now_ns)
                self.send(_NEXT[phase])
            return phase == "running" and self.moving

        # The station arms and runs by itself after its start: be no faster than a person would.
        self.until(lambda: self.safety and self.ready, "all processes to be ready", START_S)
        self.until(moves, "the arms to move", MOVE_S)

    def send(self, kind: str) -> Request:
        """Ask safety for something without waiting; returns what was asked."""
        event = self.safety.event if self.safety and kind == "reset" else ""
        request = new_request(kind, WHO, event=event)
        self._client.send(request)
        while self._client.receive():
            pass  # what comes of it is told by the safety state
        return request

    def signal(self, process: str, number: signal.Signals) -> int:
        """Send a signal to one of its processes; returns when. Raises RobotError without one."""
        pid = self.pids.get(process)
        if pid is None:
            raise RobotError(f"there is no process {process}")
        now_ns = time.monotonic_ns()
        os.kill(pid, number)
        return now_ns

    # -- what it says -----------------------------------------------------------------------------

    @property
    def safety(self) -> SafetyState | None:
        """What the safety process said last."""
        return self.safeties[-1] if self.safeties else None

    @property
    def pids(self) -> dict[str, int]:
        """Process ids of its processes by name."""
        return processes(self.popen.pid)

    @property
    def ready(self) -> bool:
        """Whether every process is there and has said that it is ready."""
        now_ns = time.monotonic_ns()
        if now_ns - self._looked_ns > _LOOK_NS:
            self._looked_ns, self._alive = now_ns, self.pids
            for name in self._alive.keys() - self._beats.keys():
                self._beats[name] = self._bus.subscriber(HEARTBEAT, name)
        beats = {name: beats.newest for name, beats in self._beats.items()}
        return bool(beats) and all(
            beat is not None and beat.ready and beat.pid == self._alive.get(name)
            for name, beat in beats.items()
        )

    def quiet_s(self, process: str) -> float:
        """How long a process has said that it may be silent by the nature of its work."""
        beats = self._beats.get(process)
        return beats.newest.quiet_s if beats and beats.newest else 0.0

    @property
    def moving(self) -> bool:
        """Whether some joint is told to move, faster than a creep."""
        lately_ns = time.monotonic_ns() - _LATELY_NS
        return max(map(speed_rad_s, self.since(lately_ns).values())) > MOVING_RAD_S

    @property
    def bus_directory(self) -> Path:
        """Where its sockets are."""
        return self.folder / "evenhand" / ROBOT

    def since(self, t_ns: int) -> Mapping[str, States]:
        """Return what each arm's driver said of its cycles from `t_ns` on."""
        return {
            arm: list(takewhile(lambda state: state.t_written_ns >= t_ns, reversed(states)))[::-1]
            for arm, states in self.states.items()
        }

    def revoked(self, since_ns: int) -> Permit | None:
        """Return the first permit since then that allows no motion."""
        newest = takewhile(lambda permit: permit.t_ns >= since_ns, reversed(self.permits))
        return next((permit for permit in list(newest)[::-1] if permit.motion == "none"), None)

    def first_cause(self, since_ns: int) -> str:
        """Return for what safety first stopped the robot since then, nothing if it did not."""
        said = (state for state in self.safeties if state.t_ns >= since_ns and state.causes)
        return next((state.causes[0] for state in said), "")

    # -- its life ---------------------------------------------------------------------------------

    def _end(self) -> None:
        """Ask once to come to rest, and then insist; leaves no process behind."""
        left = list(self.pids.values()) if self.popen.poll() is None else []
        for number in (signal.SIGINT, signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            if self.popen.poll() is None:
                self.popen.send_signal(number)
            try:
                self.popen.wait(_END_S)
                break
            except subprocess.TimeoutExpired:
                continue
        self.terminal.close()
        for pid in left:
            _kill(pid)


@cache
def profile(arm: str) -> Profile:
    """Return the servos of one of its arms."""
    options = load(robot_file(ROBOT), []).arms[arm].config
    return Profile.model_validate_json(json.dumps(options))


def _kill(pid: int) -> None:
    """Kill what a launch that was killed itself has left, stopped processes above all."""
    try:
        if "runtime.process" in Path(f"/proc/{pid}/cmdline").read_text("utf-8", "replace"):
            os.kill(pid, signal.SIGKILL)
    except (FileNotFoundError, ProcessLookupError):
        return
