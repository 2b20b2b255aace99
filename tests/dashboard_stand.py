"""A dashboard before a station that is not there: what it hears, and what answers its questions."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import dashboard_scene as scene
from dashboard_scene import ARMS, CAMERAS, JOINTS, PROCESSES

from dashboard.main import Config, main
from dashboard.tokens import Tokens, tokens_in
from messaging.messages import (
    Frame,
    Reply,
    Request,
    SafetyState,
)
from messaging.topics import (
    ACTION_CHUNK,
    CONTROL_STATUS,
    EPISODE_STATE,
    FRAME,
    HEARTBEAT,
    HUMAN_COMMAND,
    JOINT_COMMAND,
    JOINT_STATE,
    MOTOR_STATES,
    SAFETY_STATE,
)
from messaging.transport import Bus, Waiter
from runtime.process import Context
from safety.audit import Audit, Entry

EVENT = "4821"
CUT_CODE = "7310"
START_S = 20.0
_SLICE_S = 0.02


@dataclass
class Script:
    """How the station behaves; a test changes it while it runs."""

    answers: bool = True
    speaks: bool = True
    confirms: tuple[str, ...] = ARMS
    persisting: tuple[str, ...] = ()
    confirm_s: float = 0.02
    motor_errors: dict[str, str] = field(default_factory=dict)
    commander: str = "policy"
    arms: tuple[str, ...] = ARMS  # that the person moves
    engaged: bool = False
    doing: str = "correct"
    recorder: dict[str, Any] = field(default_factory=dict)  # of its heartbeat, changed


class Station:
    """The other side of the bus, in a thread of its own."""

    def __init__(self, bus: Bus) -> None:
        self.script = Script()
        self.requests: list[Request] = []
        self.ending = False
        self.safety = SafetyState(
            0, "disarmed", 1, "none", 1.0, "", note="press Arm to test the stop path"
        )
        self._seq = 0
        self._begun_ns = 0  # the episode
        self._due: list[tuple[float, Callable[[], None]]] = []
        names = ("safety", "station", "teleop", "recorder")
        self._services = [bus.service(name) for name in names]
        self._waiter = Waiter(self._services)
        self._human = bus.publisher(HUMAN_COMMAND)
        self._episodes = bus.publisher(EPISODE_STATE)
        self._safety = bus.publisher(SAFETY_STATE)
        self._control = bus.publisher(CONTROL_STATUS)
        self._command = bus.publisher(JOINT_COMMAND)
        self._chunk = bus.publisher(ACTION_CHUNK)
        self._states = {arm: bus.publisher(JOINT_STATE, arm) for arm in ARMS}
        self._motors = {arm: bus.publisher(MOTOR_STATES, arm) for arm in ARMS}
        self._frames = {name: bus.publisher(FRAME, name) for name in CAMERAS}
        self._beats = {
            name: bus.publisher(HEARTBEAT, name) for name in PROCESSES if name != "dashboard"
        }

    def kinds(self) -> list[str]:
        """What was asked so far."""
        return [request.kind for request in self.requests]

    def live(self) -> None:
        """Answer and publish until told to end."""
        while not self.ending:
            self._waiter.wait(_SLICE_S)
            for service in self._services:
                while asked := service.receive():
                    self.requests.append(asked.request)
                    if self.script.answers:
                        service.answer(asked, self._answer(asked.request))
            self._do_what_is_due()
            if self.script.speaks:
                self._publish()

    def become(self, **changes: object) -> None:
        """Change what safety says."""
        self.safety = replace(self.safety, **changes)  # type: ignore[arg-type]

    def stop(self, cause: str, by: str) -> None:
        """Stop with this cause; the arms confirm a little later."""
        if self.safety.event:
            return
        self.become(
            phase="stopped",
            motion="none",
            commander="",
            event=EVENT,
            stop="hold",
            stopped_at="2026-03-04T15:26:07+01:00",
            by=by,
            causes=(cause,),
            persisting=self.script.persisting,
            confirmed_ms={},
            awaited=ARMS,
            note="",
        )
        for place, arm in enumerate(ARMS):
            if arm in self.script.confirms:
                self._later(self.script.confirm_s, partial(self._confirm, arm, place))

    def _answer(self, request: Request) -> Reply:
        if request.kind == "cut" and not request.event:
            return Reply(request.id, True, "confirm with this code within 10 s", CUT_CODE)
        act = getattr(self, f"_on_{request.kind}", None)
        said = act(request) if act else ""
        return Reply(request.id, not said, said, self.safety.event)

    def tell_episode(self, number: int, outcome: str = "") -> None:
        """Tell that an episode runs, or is over."""
        now_ns = time.monotonic_ns()
        self._begun_ns = self._begun_ns if outcome else now_ns
        self._episodes.send(scene.episode(number, self._begun_ns, now_ns, outcome))

    def _on_takeover(self, _: Request) -> str:
        self.script.engaged, self.script.commander = True, "human"
        return ""

    def _on_hand_back(self, _: Request) -> str:
        self.script.engaged, self.script.commander = False, "policy"
        return ""

    def _on_rewind(self, _: Request) -> str:
        self.script.engaged, self.script.commander = True, "human"
        self.script.doing = "rewind"
        return ""

    def _on_stop(self, request: Request) -> str:
        self.stop(f"stop by {request.who}", request.who)
        return ""

    def _on_reset(self, request: Request) -> str:
        if request.event != self.safety.event:
            return f"event {request.event} is not the stop in force, which is {self.safety.event}"
        if self.script.persisting:
            return f"still there: {self.script.persisting[0]}"
        self.become(
            phase="disarmed", event="", stop="", causes=(), persisting=(), confirmed_ms={},
            awaited=(), by="", stopped_at="",
        )  # fmt: skip
        return ""

    def _on_arm(self, _: Request) -> str:
        self.become(phase="testing", note="self-test of the stop path")
        self._later(0.2, lambda: self.become(phase="armed", motion="poses", note=""))
        return ""

    def _on_run(self, _: Request) -> str:
        if self.safety.phase != "armed":
            return f"running needs to be armed, the robot is {self.safety.phase}"
        self.become(phase="running", motion="all", commander="policy")
        return ""

    def _on_pause(self, _: Request) -> str:
        self.become(phase="armed", motion="poses", commander="")
        return ""

    def _on_speed(self, request: Request) -> str:
        self.become(speed=request.value)
        return ""

    def _confirm(self, arm: str, place: int) -> None:
        confirmed = {**self.safety.confirmed_ms, arm: 21.4 + 1.7 * place}
        awaited = tuple(name for name in self.safety.awaited if name != arm)
        self.become(confirmed_ms=confirmed, awaited=awaited)

    def _later(self, wait_s: float, act: Callable[[], None]) -> None:
        self._due.append((time.monotonic() + wait_s, act))

    def _do_what_is_due(self) -> None:
        now = time.monotonic()
        due = [act for when, act in self._due if when <= now]
        self._due = [entry for entry in self._due if entry[0] > now]
        for act in due:
            act()

    def _publish(self) -> None:
        now_ns = time.monotonic_ns()
        self._seq += 1
        self._safety.send(replace(self.safety, t_ns=now_ns))
        self._publish_motion(now_ns)
        for name, beat in self._beats.items():
            said = scene.beat(name, now_ns, self._seq)
            beat.send(replace(said, **self.script.recorder) if name == "recorder" else said)
        if self._seq % 5 == 0:
            for number, (name, frames) in enumerate(self._frames.items()):
                image = scene.picture(self._seq, number)
                frames.send(Frame(name, self._seq, now_ns - 20_000_000, now_ns, image))
            for arm, motors in self._motors.items():
                motors.send(scene.motor_states(arm, now_ns, self.script.motor_errors))

    def _publish_motion(self, now_ns: int) -> None:
        moves = self.safety.phase == "running"
        t_s = now_ns * 1e-9 if moves else 0.0
        self._command.send(scene.command(self._seq, now_ns, t_s))
        for arm, states in self._states.items():
            states.send(scene.joint_state(arm, self._seq, now_ns, t_s))
        script = self.script
        self._control.send(scene.control(self._seq, now_ns, moves, script.commander))
        self._human.send(
            scene.human(now_ns, script.arms, engaged=script.engaged, doing=script.doing)
        )
        if moves and self._seq % 5 == 0:
            self._chunk.send(scene.chunk(self._seq, now_ns))


@dataclass(frozen=True)
class Stand:
    """A dashboard that serves, and what it serves."""

    station: Station
    port: int
    tokens: Tokens
    audit: Path

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{self.port}"

    def wait_for(self, what: Callable[[], bool], wait_s: float = 5.0) -> None:
        """Wait until `what` holds; raises AssertionError when it does not come to that."""
        end = time.monotonic() + wait_s
        while not what():
            assert time.monotonic() < end, "it did not come to that"
            time.sleep(0.005)

    def wait_for_request(self, kind: str) -> Request:
        """Return the first request of this kind, once it came."""
        self.wait_for(lambda: kind in self.station.kinds())
        return next(request for request in self.station.requests if request.kind == kind)


def page_config(directory: Path, host: str, port: int) -> Config:
    """Return the config of a dashboard whose files are in `directory`."""
    return Config(
        robot="aloha",
        title="aloha: no arms here, driving the emulated servos by policy flow",
        arms=ARMS,
        joints=JOINTS,
        cameras=CAMERAS,
        processes=PROCESSES,
        host=host,
        port=port,
        tokens=directory / "tokens",
        audit=directory / "audit.jsonl",
        run_directory=directory,
        device="leader",
        records=True,
    )


@contextmanager
def standing(directory: Path, host: str = "127.0.0.1", port: int = 0) -> Iterator[Stand]:
    """Run a dashboard before such a station, until the `with` block ends."""
    port = port or free_port()
    audit = directory / "audit.jsonl"
    _write_audit(audit)
    config = page_config(directory, host, port)
    with Bus(directory / "bus") as outer, Bus(directory / "bus") as inner:
        station, context = Station(outer), Context("dashboard", inner)
        failed: list[BaseException] = []
        threads = [
            threading.Thread(target=station.live),
            threading.Thread(target=_running, args=(config, context, failed)),
        ]
        for thread in threads:
            thread.start()
        try:
            stand = Stand(station, port, tokens_in(directory / "tokens"), audit)
            stand.wait_for(lambda: bool(failed) or _answers(port), START_S)
            assert not failed, failed
            yield stand
        finally:
            context.stop()
            threads[1].join()
            station.ending = True
            threads[0].join()


def _running(config: Config, context: Context, failed: list[BaseException]) -> None:
    try:
        main(config, context)
    except OSError as error:
        failed.append(error)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """Return a port that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _write_audit(path: Path) -> None:
    said = [
        ("launch", "arm", "testing the stop path", "disarmed", "testing"),
        ("safety", "armed", "", "testing", "armed"),
        ("launch", "run", "running", "armed", "running"),
    ]
    audit = Audit(path)
    audit.append([Entry(f"2026-03-04T15:2{at}:00", at, *entry) for at, entry in enumerate(said)])
    audit.close()
