"""The real processes of a station under a real supervisor, driven and recorded by a test."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from written import Written

from messaging.messages import ControlStatus, EpisodeRequest, SafetyState
from messaging.topics import CONTROL_STATUS, JOINT_STATE, Keep
from messaging.transport import Bus
from runtime.process import ProcessSpec
from runtime.supervisor import Child, Event, Phase, Supervisor
from station.collision import write_model
from station.config import load, robot_file
from station.course import Orders
from station.hardware import decided
from station.processes import process_table
from station.robot import StationConfig
from station.wire import Wire

HERE = Path(__file__).parent
INSTRUCTION = "transfer the cube to the left arm"
START_S = 60.0
REACH_S = 20.0  # to come to a pose
_SLICE_S = 0.01


class Stack:
    """A station without its conductor: the test says what to do, and sees all that happens."""

    def __init__(
        self, config: StationConfig, specs: Sequence[ProcessSpec], bus: Bus, run_directory: Path
    ) -> None:
        self.config = config
        self.bus = bus
        self.events: list[Event] = []
        self.refusals: list[str] = []
        self.statuses: list[ControlStatus] = []
        self.written = {arm: Written(config, arm) for arm in config.arms}
        self.supervisor = Supervisor(specs, bus, run_directory)
        self._states = {arm: bus.subscriber(JOINT_STATE, arm, Keep.ALL) for arm in config.arms}
        self._statuses = bus.subscriber(CONTROL_STATUS, keep=Keep.ALL)
        self._wire = Wire(bus, list(config.arms))
        self._episode = 0
        self._orders = Orders("idle", 0, INSTRUCTION, None)

    def poll(self) -> None:
        """Let the supervisor look after its processes, repeat the orders, write down the news."""
        events = self.supervisor.poll(_SLICE_S)
        for event in events:
            if event.phase is Phase.DEAD:
                self._wire.tell_death(event.process, event.detail)
        self.events += events
        self._wire.say(self._orders, time.monotonic_ns())
        self.refusals += self._wire.listen()
        self.statuses += self._statuses.drain()
        for arm, states in self._states.items():
            self.written[arm].add(states.drain())

    def until(self, happened: Callable[[], Any], what: str, timeout_s: float = REACH_S) -> None:
        """Poll until something has `happened`; fail with `what` was waited for if it does not."""
        end = time.monotonic() + timeout_s
        while not happened():
            assert time.monotonic() < end, (
                f"waited {timeout_s:g} s in vain for {what}; "
                f"{self._wire.safety}; so far {self.events}"
            )
            self.poll()

    def during(self, seconds: float) -> None:
        """Poll for so long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.poll()

    def order(self, mode: str) -> None:
        """Direct the controller to `mode`, and a twin to set the scene for the episode."""
        request = EpisodeRequest(self._episode, 0, INSTRUCTION)
        self._orders = Orders(mode, self._episode, INSTRUCTION, request)
        self._wire.say(self._orders, time.monotonic_ns())

    def start(self) -> None:
        """Wait until every process is ready, and let the robot move."""
        self.until(lambda: self.supervisor.ready, "all processes to be ready", START_S)
        self.go_on()

    def go_on(self) -> None:
        """Do what a person does for a robot to move: reset what stopped it, arm, and run."""
        end = time.monotonic() + START_S
        while (phase := self.phase) != "running":
            assert time.monotonic() < end, f"cannot go on: {self.safety}; {self.refusals[-3:]}"
            asks = {"stopped": "reset", "disarmed": "arm", "armed": "run"}
            if phase in asks:
                self._wire.ask(asks[phase], self.safety.event)
            self.during(0.1)

    @property
    def safety(self) -> SafetyState:
        """What the safety process says, once it says something."""
        self.until(lambda: self._wire.safety, "the safety process to speak")
        state = self._wire.safety
        assert state is not None
        return state

    @property
    def phase(self) -> str:
        """Phase of the safety process."""
        return self.safety.phase

    def stopped_by(self, words: str) -> SafetyState:
        """Wait for a stop whose causes have `words` in them; returns it."""
        self.until(lambda: self.phase == "stopped", "the robot to be stopped")
        state = self.safety
        assert words in " ".join(state.causes), state
        return state

    def home(self) -> None:
        """Bring the arms home, for another episode."""
        self._episode += 1
        self.order("home")
        self.until(lambda: self.arrived("home"), "the arms to be home")

    def run(self) -> None:
        """Let the policy move the arms, and wait until it has got them moving."""
        before = self.status.chunks
        self.order("run")
        self.until(lambda: self.status.chunks > before + 3, "chunks to be merged")
        self.until(self.moving, "the arms to move")

    @property
    def status(self) -> ControlStatus:
        """The controller's newest state."""
        return self.statuses[-1]

    def arrived(self, mode: str) -> bool:
        """Return whether the controller is at the end of `mode`."""
        return bool(self.statuses) and self.status.mode == mode and self.status.arrived

    def stop_after(self, t_ns: int) -> ControlStatus:
        """Wait until plan and arms stand; returns the first state since `t_ns` in which they do."""
        self.until(lambda: self.status.t_ns > t_ns and self.status.rate == 0.0, "the plan to stop")
        self.until(self.standing, "the arms to stand")
        return next(state for state in self.statuses if state.t_ns > t_ns and state.rate == 0.0)

    def assert_resumes(self) -> None:
        """Check that chunks move the arms again, and that all since the start went smoothly."""
        merged = self.status.chunks
        self.until(lambda: self.status.chunks > merged + 3, "chunks to be merged again")
        self.until(self.moving, "the arms to move again")
        self.during(0.5)
        self.assert_smooth()

    def moving(self) -> bool:
        """Return whether some joint was told to move lately, faster than a creep."""
        return max(written.speed() for written in self.written.values()) > 0.05

    def standing(self) -> bool:
        """Return whether all joints have been told to stay where they are for a while."""
        return max(written.speed() for written in self.written.values()) == 0.0

    def child(self, name: str) -> Child:
        """Return a process as its supervisor sees it."""
        return self.supervisor.children[name]

    def signal(self, name: str, number: signal.Signals) -> int:
        """Send a signal to a process; returns when."""
        popen = self.child(name).popen
        assert popen is not None
        os.kill(popen.pid, number)
        return time.monotonic_ns()

    def delay_restart(self, name: str) -> None:
        """Let a process come back after two seconds, as if it had failed before."""
        self.child(name).failures = 3

    def event(self, name: str, phase: Phase, since_ns: int) -> Event:
        """Wait for something to happen to a process; returns the first such event."""

        def found() -> list[Event]:
            return [
                event
                for event in self.events
                if (event.process, event.phase) == (name, phase) and event.t_ns >= since_ns
            ]

        self.until(found, f"{name} to be {phase.value}", START_S)
        return found()[0]

    def counters(self, name: str) -> dict[str, int]:
        """Return what a process counted, by its newest heartbeat."""
        heartbeat = self.child(name).heartbeat
        return heartbeat.counters if heartbeat else {}

    def assert_smooth(self) -> None:
        """Check everything that was written to either arm's servos since the start."""
        for written in self.written.values():
            written.assert_smooth()


def stand_in(module: str, spec: ProcessSpec, **config: Any) -> ProcessSpec:
    """Return `spec` carried out by a module of tests/processes, with further options."""
    return spec.model_copy(update={"module": module, "config": {**spec.config, **config}})


def station_config(*settings: str, cameras: Sequence[str] = ()) -> StationConfig:
    """Return ALOHA's config with only the given cameras, no page, and no servos between.

    A bus of emulated servos keeps its time no better than a busy machine lets it, and late answers
    stop the robot; what is looked at here lies above it.
    """
    bare = ["dashboard.enabled=false", "hardware=twin", "twin.safety.patience=3.0"]
    config = decided(load(robot_file("aloha"), [*bare, *settings]))
    kept = {name: config.cameras[name] for name in cameras}
    return config.model_copy(update={"cameras": kept})


def _watched(rows: Sequence[ProcessSpec]) -> list[ProcessSpec]:
    """Return the rows, in which the safety process watches only what is there."""
    names = {row.name for row in rows}
    watched = []
    for row in rows:
        if row.name == "safety":
            stalls = row.config["processes"]
            there = {name: stalls[name] for name in stalls if name in names}
            row = row.model_copy(update={"config": {**row.config, "processes": there}})
        watched.append(row)
    return watched


@contextmanager
def stack(
    config: StationConfig,
    replace: Callable[[ProcessSpec], ProcessSpec | None] = lambda spec: spec,
) -> Iterator[Stack]:
    """Run a station's processes, all but the journal, as `replace` leaves them, and let it move."""
    # Not pytest's own directory: the paths of sockets must be short.
    directory = Path(tempfile.mkdtemp(prefix="evenhand-test-"))
    path = os.environ.get("PYTHONPATH", "")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(HERE / "processes"), path]))
    kept = config.safety.model_copy(update={"directory": directory / "state"})
    config = config.model_copy(update={"safety": kept})
    table = process_table(config, directory / "bus", directory / "run")
    rows = [replace(spec) for spec in table if spec.name != "journal"]
    try:
        with Bus(directory / "bus") as bus:
            write_model(config, directory / "bus")
            running = Stack(config, _watched([row for row in rows if row]), bus, directory / "run")
            try:
                running.start()
                yield running
            finally:
                running.supervisor.stopping = True
                running.supervisor.stop([row.name for row in running.supervisor.specs][::-1])
    finally:
        os.environ["PYTHONPATH"] = path
        shutil.rmtree(directory)
