"""Starts the processes of a station in order, sees them die or hang, restarts or reports them."""

from __future__ import annotations

import logging
import math
import os
import signal
import subprocess
import time
from collections.abc import Container, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path

from messaging.messages import Heartbeat
from messaging.topics import HEARTBEAT
from messaging.transport import Bus, Subscriber, Waiter
from runtime.last_words import cause_of_death
from runtime.plugins import UnknownNameError
from runtime.process import END_SIGNAL, OnDeath, ProcessSpec, spawned

log = logging.getLogger(__name__)

_SLICE_S = 0.05  # between two looks: 260 heartbeats a second wake nobody, a death does at once
_BACKOFF_S = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0)
_FORGIVEN_AFTER_S = 30.0  # a process that lived this long starts again at the first backoff
_TERM_S = 3.0
_ABSENT_S = 0.5  # a supervisor suspended for longer has no right to call its children silent
_QUIET_BEFORE_HUNG = 4  # this many times as quiet as it said that it may be, it hangs
_HURRIED_S = 0.05  # after a longer pause, what was said meanwhile may not have got through yet

# Set before torch is imported: its threads would otherwise spin against the other processes.
CHILD_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    # A frame is a megabyte, for which glibc would map and unmap memory page by page each time.
    "MALLOC_MMAP_THRESHOLD_": str(32 * 2**20),
    "MALLOC_TRIM_THRESHOLD_": str(128 * 2**20),
    "PYTHONUNBUFFERED": "1",
    "PYTHONIOENCODING": "utf-8",  # of the logs, whatever the terminal's is
}


class Phase(Enum):
    """Where in its life a process is."""

    WAITING = "waiting"  # for those it needs, or for its backoff to pass
    STARTING = "starting"
    READY = "ready"
    STALLED = "stalled"
    DEAD = "dead"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a process."""

    t_ns: int
    process: str
    phase: Phase
    detail: str = ""


@dataclass
class Child:
    """A process under supervision; a remote one is only watched, and has no `popen`."""

    spec: ProcessSpec
    heartbeats: Subscriber[Heartbeat]
    phase: Phase = Phase.WAITING
    popen: subprocess.Popen[bytes] | None = None
    pidfd: int = -1
    restarts: int = 0
    failures: int = 0
    started_ns: int = 0
    start_after_ns: int = 0
    heard_ns: int = 0
    heartbeat: Heartbeat | None = None
    condemned: str = ""  # why the supervisor killed it

    @property
    def alive(self) -> bool:
        """Whether its operating system process exists."""
        return self.popen is not None and self.popen.poll() is None

    @property
    def quiet_s(self) -> float:
        """How long it said that it may be silent."""
        return self.heartbeat.quiet_s if self.heartbeat else 0.0

    @property
    def stall_s(self) -> float:
        """After which silence people are told."""
        return max(self.spec.stall_s, self.quiet_s)

    @property
    def hang_s(self) -> float:
        """After which silence it is as good as dead."""
        return max(self.spec.hang_s, _QUIET_BEFORE_HUNG * self.quiet_s)


@dataclass
class Supervisor:
    """Looks after `specs`; call `poll` often, it waits without burning time.

    Args:
        specs: the processes, each after those it needs.
        bus: the station's bus.
        run_directory: gets `specs/<name>.json` and `logs/<name>.log`.
    """

    specs: Sequence[ProcessSpec]
    bus: Bus
    run_directory: Path
    children: dict[str, Child] = field(init=False)
    stopping: bool = field(default=False, init=False)
    _waiter: Waiter = field(default_factory=Waiter, init=False)
    _looked_ns: int = field(default_factory=time.monotonic_ns, init=False)

    def __post_init__(self) -> None:
        """Subscribe to every heartbeat before the first process exists."""
        for place, spec in enumerate(self.specs):
            for name in spec.needs:
                earlier = [other.name for other in self.specs[:place]]
                if name not in earlier:
                    raise UnknownNameError(
                        f"process before {spec.name!r}, which needs", name, earlier
                    )
        self.children = {
            spec.name: Child(spec, self.bus.subscriber(HEARTBEAT, spec.name)) for spec in self.specs
        }
        for folder in ("specs", "logs"):
            (self.run_directory / folder).mkdir(parents=True, exist_ok=True)
        # Written once and now: a disk that fills up later must not keep a process from restarting.
        for spec in self.specs:
            self._spec_path(spec).write_text(spec.model_dump_json(indent=1), encoding="utf-8")

    @property
    def ready(self) -> bool:
        """Whether every process is ready."""
        return all(child.phase is Phase.READY for child in self.children.values())

    def poll(self, timeout_s: float) -> list[Event]:
        """Start what is due, then wait for news; returns within about `timeout_s`.

        A death is seen as soon as it happens, a stall as soon as its limit is reached.
        """
        deadline_ns = time.monotonic_ns() + int(timeout_s * 1e9)
        while True:
            events = self._started()
            remaining_s = (deadline_ns - time.monotonic_ns()) * 1e-9
            slice_s = min(remaining_s, _SLICE_S, self._next_stall_s())
            events += self._news(self._waiter.wait(0.0 if events else max(0.0, slice_s)))
            if events or remaining_s <= 0:
                return events

    def stop(self, names: Sequence[str]) -> list[Event]:
        """End the named processes together: ask, and after three seconds insist."""
        going = [child for name in names if (child := self.children[name]).popen]
        for child in going:
            for number in (END_SIGNAL, signal.SIGCONT):
                child.popen.send_signal(number)  # type: ignore[union-attr] # chosen by having one
        events = []
        deadline = time.monotonic() + _TERM_S
        for child in going:
            detail = self._waited(child, max(0.05, deadline - time.monotonic()))
            events.append(self._become(child, Phase.STOPPED, detail))
            self._forget(child)
        for name in names:
            self.children[name].phase = Phase.STOPPED
        return events

    def _waited(self, child: Child, timeout_s: float) -> str:
        popen = child.popen
        if popen is None:
            return ""
        try:
            return f"exit {popen.wait(timeout_s)}"
        except subprocess.TimeoutExpired:
            log.warning("%s did not stop when asked and was killed", child.spec.name)
            popen.kill()
            return f"killed, {popen.wait()}"

    def _next_stall_s(self) -> float:
        """Return how long from now the first process will have been silent for too long."""
        limits_ns = [
            child.heard_ns + round(child.stall_s * 1e9)
            for child in self.children.values()
            if child.phase is Phase.READY
        ]
        return (min(limits_ns) - time.monotonic_ns()) * 1e-9 if limits_ns else math.inf

    def _started(self) -> list[Event]:
        now_ns = time.monotonic_ns()
        events = []
        for child in self.children.values():
            if child.phase is not Phase.WAITING or now_ns < child.start_after_ns:
                continue
            if all(self.children[name].phase is Phase.READY for name in child.spec.needs):
                where = "on another machine" if child.spec.remote else self._start(child)
                events.append(self._become(child, Phase.STARTING, where))
        return events

    def _start(self, child: Child) -> str:
        spec = child.spec
        with self._log(child).open("ab") as output:
            child.popen = spawned(
                self._spec_path(spec), output, {**os.environ, **CHILD_ENVIRONMENT}
            )
        child.pidfd = os.pidfd_open(child.popen.pid)
        child.started_ns = child.heard_ns = time.monotonic_ns()
        child.heartbeat = None
        child.condemned = ""
        self._waiter.add(child.pidfd)
        return f"pid {child.popen.pid}"

    def _spec_path(self, spec: ProcessSpec) -> Path:
        return self.run_directory / "specs" / f"{spec.name}.json"

    def _log(self, child: Child) -> Path:
        return self.run_directory / "logs" / f"{child.spec.name}.log"

    def _news(self, ended: Container[object]) -> list[Event]:
        """Return what happened, by the processes that `ended` and by what was said or not."""
        events = []
        now_ns = time.monotonic_ns()
        pause_s = (now_ns - self._looked_ns) * 1e-9
        if pause_s > _ABSENT_S:
            for child in self.children.values():
                child.heard_ns = now_ns
        self._looked_ns = now_ns
        for child in self.children.values():
            event = self._heard(child)
            if event is None and child.pidfd in ended:
                event = self._died(child)
            if event is None and pause_s < _HURRIED_S:
                event = self._stalled(child)
            if event:
                events.append(event)
        return events

    def _heard(self, child: Child) -> Event | None:
        heartbeat = child.heartbeats.receive()
        if heartbeat is None:
            return None
        if child.spec.remote:
            # Another machine has another clock.
            heartbeat = replace(heartbeat, t_ns=time.monotonic_ns())
        elif child.popen is None or heartbeat.pid != child.popen.pid:
            return None
        child.heartbeat = heartbeat
        child.heard_ns = max(child.heard_ns, heartbeat.t_ns)
        if heartbeat.ready and child.phase in (Phase.STARTING, Phase.STALLED):
            return self._become(child, Phase.READY)
        return None

    def _died(self, child: Child) -> Event | None:
        if child.popen is None or child.popen.poll() is None or child.phase is Phase.STOPPED:
            return None
        code = child.popen.returncode
        cause = child.condemned or cause_of_death(code, self._log(child))
        event = self._become(child, Phase.DEAD, cause)
        self._forget(child)
        self._plan_restart(child)
        return event

    def _stalled(self, child: Child) -> Event | None:
        now_ns = time.monotonic_ns()
        # A process that still starts has no loop yet that could make progress.
        if child.phase is Phase.STARTING and now_ns - child.started_ns > child.spec.start_s * 1e9:
            self._condemn(child, f"not ready {child.spec.start_s:g} s after its start, killed")
        if child.phase not in (Phase.READY, Phase.STALLED):
            return None
        silent_s = (now_ns - child.heard_ns) * 1e-9
        if silent_s > child.hang_s:
            self._condemn(child, f"silent for {child.hang_s:g} s, killed")
        if child.phase is Phase.READY and silent_s > child.stall_s:
            return self._become(child, Phase.STALLED, f"silent for {silent_s * 1e3:.0f} ms")
        return None

    def _condemn(self, child: Child, why: str) -> None:
        if child.popen is not None and not child.condemned:
            child.condemned = why
            child.popen.kill()

    def _plan_restart(self, child: Child) -> None:
        if child.spec.on_death is not OnDeath.RESTART or self.stopping:
            return
        now_ns = time.monotonic_ns()
        if now_ns - child.started_ns > _FORGIVEN_AFTER_S * 1e9:
            child.failures = 0
        delay_s = _BACKOFF_S[min(child.failures, len(_BACKOFF_S) - 1)]
        child.failures += 1
        child.restarts += 1
        child.start_after_ns = now_ns + int(delay_s * 1e9)
        child.phase = Phase.WAITING

    def _forget(self, child: Child) -> None:
        if child.pidfd >= 0:
            self._waiter.remove(child.pidfd)
            os.close(child.pidfd)
        child.popen, child.pidfd = None, -1

    def _become(self, child: Child, phase: Phase, detail: str = "") -> Event:
        child.phase = phase
        log.info("%s: %s %s", child.spec.name, phase.value, detail)
        return Event(time.monotonic_ns(), child.spec.name, phase, detail)
