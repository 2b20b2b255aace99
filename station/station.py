"""A run from launch to report: start all, conduct the episodes, show them, stop all, tell."""

from __future__ import annotations

import logging
import signal
import time
from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from drivers.main import stopping_s
from messaging.desk import Desk
from messaging.messages import ControlStatus
from messaging.transport import Bus
from runtime.process import OnDeath
from runtime.realtime import cores_awake, realtime_permitted
from runtime.supervisor import Event, Phase, Supervisor
from station.chronicle import Chronicle
from station.collision import write_model
from station.conductor import Conductor
from station.course import Course, News, Orders
from station.display import Display
from station.ending import FINISHER, Ending, Progress, finished, stop_all, unfinished
from station.exit_code import ExitCode
from station.keys import Keys, keys_of
from station.lock import StationLock
from station.process_rows import ProcessView
from station.processes import process_table
from station.record import EVENTS_FILE, RunRecord
from station.robot import StationConfig
from station.rows import STOP_PRIORITY, network
from station.run_folder import made, untaken
from station.scene import write_scene
from station.stage import Stage
from station.ticks import Appender
from station.view import Snapshot
from station.wire import Wire

log = logging.getLogger(__name__)

_POLL_S = 0.05
_HOLD = Orders("hold", 0, "", None)


@dataclass(frozen=True, slots=True)
class Options:
    """What a launch was asked for."""

    seed: int
    episodes: int | None
    duration_s: float | None
    launched_ns: int
    keyboard: int | None = None  # file descriptor of the terminal whose keys are heeded
    stop_wait_s: float | None = None  # for which a run that cannot go on waits, None for ever


class Station:
    """One run of a robot."""

    def __init__(self, config: StationConfig, options: Options) -> None:
        self._config = config
        self._options = options
        started = datetime.now().astimezone()
        self.run_directory = untaken(config.run_folder / started.strftime("%Y-%m-%d_%H-%M-%S"))
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
                reset_s=config.task.reset_s,
                stop_wait_s=options.stop_wait_s,
            )
        )
        self.report: Path | None = None  # the page, once it is written
        self.energised: tuple[str, ...] = ()  # arms whose torque the run leaves on
        self._unkept: Counter[str] = Counter()  # events that the run's folder did not take
        self._events = Appender(self.run_directory / EVENTS_FILE, self._unkept, "events")
        self._chronicle = Chronicle(
            self.record, options.launched_ns, lambda line: self._events.write(line, 1)
        )
        self._ending = Ending(self.record, self._conductor)

    def run(self, display: Display) -> ExitCode:
        """Run until everything is done, or somebody or something ends it."""
        self._heed_signals()
        purpose = f"started {self.record.started}, writing {self.run_directory}"
        with (
            StationLock(self._config.robot, purpose) as lock,
            Bus(lock.directory, network(self._config), _io_priority()) as bus,
            cores_awake(),
        ):
            supervisor = self._supervisor(lock.directory, bus)
            wire = Wire(bus, list(self._config.arms))
            desk = Desk(bus.service("station"), lambda request, _: self._ending.wish(request))
            clients = {name: bus.client(name) for name in self._services}
            with Keys(clients, self._options.keyboard, lock.directory) as keys:
                self._drive(wire, supervisor, desk, keys, display)
        self._events.close()
        self._report()
        return self._ending.exit_code

    @property
    def _services(self) -> list[str]:
        """Whom a key in this terminal can ask."""
        optional = {"teleop": self._config.teleop.device, "recorder": self._config.recorder}
        return ["safety", "station", *(name for name, there in optional.items() if there)]

    def _supervisor(self, bus_directory: Path, bus: Bus) -> Supervisor:
        try:
            self.run_directory = made(self.run_directory)
            table = process_table(self._config, bus_directory, self.run_directory)
            write_model(self._config, bus_directory)
            write_scene(self._config, bus_directory)
            return Supervisor(table, bus, self.run_directory)
        except OSError as error:
            raise RuntimeError(
                f"cannot write {error.filename or self.run_directory} ({error.strerror}): make "
                "room, or choose another place, for runs with `--set runs=DIRECTORY`, for sockets "
                "with XDG_RUNTIME_DIR"
            ) from error

    def _heed_signals(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._ending.interrupt)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup wants it
            signal.signal(signal.SIGHUP, self._ending.interrupt)

    def _drive(
        self, wire: Wire, supervisor: Supervisor, desk: Desk, keys: Keys, display: Display
    ) -> None:
        """Conduct the run; whatever ends it, let the arms come to a stop before their drivers."""
        try:
            self._conduct(wire, supervisor, desk, keys, display)
        except OSError as error:
            self._ending.fail(f"the station could not go on ({error}); the arms hold")
        finally:
            self._conductor.abort()
            wire.tell(self._conductor.state())
            self._hold(wire)
            self.energised = wire.energised
            self._ending.conclude(wire.safety)
            stop_all(supervisor)
        self._finish(wire, supervisor, display)
        if self._unkept:
            self.record.losses.append(f"{self._unkept.total()} events are not in {EVENTS_FILE}")
        if self.record.forgotten_events:
            self.record.losses.append(
                f"{self.record.forgotten_events} events in the middle of the run are left out here"
                f", and are in {EVENTS_FILE}"
            )

    def _report(self) -> None:
        # Its plotting libraries are slow to load: not before the arms are at rest.
        from station.report.write import write_report

        try:
            self.report = write_report(self.run_directory, self.record)
        except OSError as error:
            log.warning("there is no report, as no folder takes it: %s", error)
            self._ending.failed = True

    def _finish(self, wire: Wire, supervisor: Supervisor, display: Display) -> None:
        """Wait for the dataset, unless somebody does not want to, and note what it lacks."""
        recorder, before = self._config.recorder, self._ending.interrupts
        if recorder is None:
            return
        directory = recorder.place
        for finishing in finished(supervisor, directory, lambda: self._ending.interrupts > before):
            display.show(replace(self._snapshot(wire, supervisor), finishing=finishing))
        self._hear_recording(supervisor, time.monotonic_ns())
        supervisor.stop([FINISHER])
        self._chronicle.tell_losses()
        if left := unfinished(directory):
            self.record.losses.append(left)

    def _conduct(
        self, wire: Wire, supervisor: Supervisor, desk: Desk, keys: Keys, display: Display
    ) -> None:
        progress = Progress()
        while self._conductor.stage is not Stage.DONE and not self._ending.is_urgent:
            for event in supervisor.poll(_POLL_S):
                self._note(event, supervisor, wire)
            now_ns = time.monotonic_ns()
            self._listen(wire, supervisor, now_ns)
            for wish in [*desk.serve(now_ns), *keys.told()]:
                self._chronicle.wish(wish, now_ns)
            wire.say(self._conductor.step(self._news(wire, supervisor, now_ns)), now_ns)
            wire.tell(self._conductor.state())
            self.record.episodes = self._conductor.outcomes
            self.record.tally = self._conductor.tally
            display.show(self._snapshot(wire, supervisor))
            resting = self._conductor.stage is Stage.RESTING
            if resting and progress.is_stuck(wire.status, now_ns):
                trouble = self._chronicle.trouble
                why = f": {trouble}" if trouble else ""
                self._ending.fail(f"the arms hold where they are, stuck on their way to rest{why}")

    def _listen(self, wire: Wire, supervisor: Supervisor, now_ns: int) -> None:
        for refusal in wire.listen():
            self._chronicle.refused(refusal, now_ns)
        self._chronicle.safety(wire.safety, now_ns)
        children = supervisor.children
        self._chronicle.controller(children["controller"].heartbeat, now_ns)
        self._hear_recording(supervisor, now_ns)
        self._chronicle.first_command(wire.status, now_ns)

    def _hear_recording(self, supervisor: Supervisor, now_ns: int) -> None:
        children = [supervisor.children.get(name) for name in ("recorder", FINISHER)]
        beats = [child.heartbeat for child in children if child]
        self._chronicle.recording(beats, now_ns)

    @staticmethod
    def _news(wire: Wire, supervisor: Supervisor, now_ns: int) -> News:
        recorder = supervisor.children.get("recorder")
        return News(
            now_ns,
            supervisor.ready,
            wire.status,
            wire.task,
            wire.safety,
            wire.energised,
            recorded=recorder is None or recorder.phase in (Phase.READY, Phase.STALLED),
        )

    def _hold(self, wire: Wire) -> None:
        """Let arms that a failure or a second interrupt left in motion slow down."""
        if self._conductor.stage is Stage.DONE:
            return
        end_ns = time.monotonic_ns() + int(stopping_s(self._config.limits) * 1e9)
        while time.monotonic_ns() < end_ns and self._ending.interrupts < 3:
            # A safety process that ends while something may move takes that for a fault.
            phase = wire.safety.phase if wire.safety else ""
            ask = {"running": "pause", "armed": "off"}.get(phase, "")
            holds = _holds(wire.status)
            wire.say(replace(_HOLD, ask=ask if holds else ""), time.monotonic_ns())
            time.sleep(_POLL_S)
            wire.listen()
            if holds and not ask and not wire.is_awaiting:
                return

    def _note(self, event: Event, supervisor: Supervisor, wire: Wire) -> None:
        child = supervisor.children[event.process]
        self._chronicle.process(event, child.restarts)
        if event.phase is not Phase.DEAD:
            return
        was_ready = child.heartbeat is not None and child.heartbeat.ready
        if self._conductor.stage is Stage.STARTING and not was_ready:
            self._ending.fail(f"{event.process} did not start: {event.detail}")
            return
        wire.tell_death(event.process, event.detail)
        if event.process == "recorder":
            self._chronicle.recorder_died(event.detail, event.t_ns)
        if child.spec.on_death is OnDeath.END_RUN:
            self._ending.fail(f"{event.process} died ({event.detail}); the arms hold")

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
            safety=wire.safety,
            human=wire.human,
            keys=None if self._options.keyboard is None else keys_of(self._services),
            stage=self._conductor.in_words,
            instruction=self._conductor.instruction,
            episodes=self._options.episodes,
        )


def _io_priority() -> int:
    # A stop by key or signal leaves through this process.
    return STOP_PRIORITY if realtime_permitted(STOP_PRIORITY) else 0


def _holds(status: ControlStatus | None) -> bool:
    return status is None or (status.mode == _HOLD.mode and status.arrived)
