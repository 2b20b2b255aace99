"""A run from launch to report: start all, conduct the episodes, show them, stop all, tell."""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import FrameType

from messaging.messages import ControlStatus
from messaging.transport import Bus
from runtime.process import OnDeath
from runtime.supervisor import Event, Phase, Supervisor
from station.conductor import Conductor, Course, News, Orders, Stage
from station.config import StationConfig
from station.display import Display
from station.lock import StationLock
from station.processes import network, process_table
from station.record import RunEvent, RunRecord
from station.view import ProcessView, Snapshot
from station.wire import Wire

_POLL_S = 0.05
_REST_TIMEOUT_S = 15.0
_HOLD = Orders("hold", 0, "", None)
_HOLD_NS = 1_000_000_000

# Commands end before those who carry them out, and whoever writes it all down goes last.
_STOP_ORDER = ("policy_worker", "controller", "camera.", "arm.", "twin", "journal")


@dataclass(frozen=True, slots=True)
class Options:
    """What a launch was asked for."""

    seed: int
    episodes: int | None
    duration_s: float | None
    launched_ns: int


class Station:
    """One run of a robot."""

    def __init__(self, config: StationConfig, options: Options) -> None:
        self._config = config
        self._options = options
        started = datetime.now().astimezone()
        self.run_directory = config.runs.absolute() / started.strftime("%Y-%m-%d_%H-%M-%S")
        self.record = RunRecord(
            robot=config.robot,
            policy=config.policy,
            seed=options.seed,
            started=started.strftime("%Y-%m-%d %H:%M:%S"),
            started_ns=options.launched_ns,
        )
        self._conductor = Conductor(
            Course(
                instructions=[config.task.instruction],
                seed=options.seed,
                timeout_s=config.task.timeout_s,
                episodes=options.episodes,
                duration_s=options.duration_s,
                judged=config.is_twin,
            )
        )
        self.report: Path | None = None  # the page, once it is written
        self._failed = False
        self._interrupts = 0

    def run(self, display: Display) -> int:
        """Run until everything is done or somebody stops it; returns the exit code."""
        purpose = f"started {self.record.started}, writing {self.run_directory}"
        with StationLock(self._config.robot, purpose) as lock:
            self.run_directory.mkdir(parents=True)
            with Bus(lock.directory, network(self._config)) as bus:
                supervisor = Supervisor(
                    process_table(self._config, lock.directory, self.run_directory),
                    bus,
                    self.run_directory,
                )
                for number in (signal.SIGINT, signal.SIGTERM):
                    signal.signal(number, self._interrupt)
                try:
                    self._conduct(Wire(bus), supervisor, display)
                finally:
                    self._stop(supervisor)
        # Its plotting libraries are slow to load: not before the arms are at rest.
        from station.report.write import write_report

        self.report = write_report(self.run_directory, self.record)
        return 1 if self._failed else 0

    def _conduct(self, wire: Wire, supervisor: Supervisor, display: Display) -> None:
        rest_by_ns = 0
        while self._conductor.stage is not Stage.DONE and not self._failed and self._interrupts < 2:
            for event in supervisor.poll(_POLL_S):
                self._note(event, supervisor)
            now_ns = time.monotonic_ns()
            wire.listen()
            orders = self._conductor.step(News(now_ns, supervisor.ready, wire.status, wire.task))
            wire.say(orders, now_ns)
            self._note_first_command(wire.status, now_ns)
            self.record.episodes = self._conductor.outcomes
            display.show(self._snapshot(wire, supervisor))
            if self._conductor.stage is Stage.RESTING:
                rest_by_ns = rest_by_ns or now_ns + int(_REST_TIMEOUT_S * 1e9)
                if now_ns > rest_by_ns:
                    self._fail("the arms did not come to rest in time; they hold where they are")
        self._hold(wire, supervisor)
        self.record.ending = self.record.ending or "complete"

    def _hold(self, wire: Wire, supervisor: Supervisor) -> None:
        """Let arms that a failure or a second interrupt left in motion slow down."""
        end_ns = time.monotonic_ns() + _HOLD_NS
        while self._conductor.stage is not Stage.DONE and time.monotonic_ns() < end_ns:
            wire.say(_HOLD, time.monotonic_ns())
            supervisor.poll(_POLL_S)
            wire.listen()
            if wire.status is None or (wire.status.mode == _HOLD.mode and wire.status.arrived):
                return

    def _note(self, event: Event, supervisor: Supervisor) -> None:
        text = f"{event.phase.value} {event.detail}".strip()
        self.record.events.append(RunEvent(event.t_ns, event.process, text))
        child = supervisor.children[event.process]
        self.record.restarts[event.process] = child.restarts
        if event.phase is not Phase.DEAD:
            return
        was_ready = child.heartbeat is not None and child.heartbeat.ready
        if self._conductor.stage is Stage.STARTING and not was_ready:
            self._fail(f"{event.process} did not start: {event.detail}")
        elif child.spec.on_death is OnDeath.END_RUN:
            self._fail(f"{event.process} died ({event.detail}); the arms hold")

    def _fail(self, why: str) -> None:
        self.record.ending = why
        self._failed = True

    def _note_first_command(self, status: ControlStatus | None, now_ns: int) -> None:
        if self.record.first_command_s is None and status and status.chunks:
            self.record.first_command_s = (now_ns - self._options.launched_ns) * 1e-9

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        """Come to rest first; asked a second time, stop where the arms are, which hold."""
        self._interrupts += 1
        self.record.ending = "stopped by the operator"
        self._conductor.stop()

    def _stop(self, supervisor: Supervisor) -> None:
        supervisor.stopping = True
        for prefix in _STOP_ORDER:
            names = [name for name in supervisor.children if name.startswith(prefix)]
            supervisor.stop(names)

    def _snapshot(self, wire: Wire, supervisor: Supervisor) -> Snapshot:
        return Snapshot(
            title=self._config.title,
            t_ns=time.monotonic_ns(),
            processes={
                name: ProcessView(child.phase, child.heartbeat, child.restarts)
                for name, child in supervisor.children.items()
            },
            record=self.record,
            status=wire.status,
            chunk_arrival_ns=wire.chunk_arrival_ns,
            inference_ms=list(wire.inference_ms),
            task=wire.task,
            instruction=self._conductor.instruction,
        )
