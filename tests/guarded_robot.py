"""A robot of two arms as the safety process hears it, and that process in a thread."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from messaging.messages import ControlStatus, Heartbeat, JointState, Permit, Reply, Request
from messaging.messages import SafetyState as Said
from messaging.topics import CONTROL_STATUS, HEARTBEAT, JOINT_STATE, PERMIT, SAFETY_STATE, Keep
from messaging.transport import Bus, Waiter
from runtime.process import Context
from safety import latch
from safety.config import SafetyConfig
from safety.main import Config, main

ARMS = ("left", "right")
JOINTS = ("waist", "gripper")
RANGES = {f"{arm}_{joint}": (-1.0, 1.0) for arm in ARMS for joint in JOINTS}
PROCESSES = {
    "arm.left": 0.5,
    "arm.right": 0.5,
    "controller": 0.5,
    "policy_worker": 0.5,
    "camera.cam_high": 0.5,
    "journal": 0.5,
    "dashboard": 0.5,
}
TICK_NS = 10_000_000
_TICKS_PER_BEAT = 5

# A test's machine may be busy for longer than a robot's ever should.
PATIENT = SafetyConfig(
    arm_silent_s=2.0, controller_silent_s=2.0, camera_age_s=5.0, self_test_s=5.0, overruns=1000
)
WAIT_S = 10.0

_ids = itertools.count()


def joint_state(arm: str = "left", **changes: Any) -> JointState:
    """Return what a healthy arm says that stands still."""
    state = JointState(
        arm=arm,
        seq=1,
        t_sample_ns=0,
        joints=tuple(f"{arm}_{joint}" for joint in JOINTS),
        position=np.zeros(2),
        velocity=np.zeros(2),
        current=np.zeros(2),
        temperature=np.full(2, 30.0),
        voltage=np.full(2, 12.0),
        age_s=np.full(2, 0.005),
        errors=(),
        warnings=(),
        written=np.zeros(2),
        t_written_ns=0,
        t_command_ns=0,
        holding="",
        t_frozen_ns=1,
    )
    return replace(state, **changes)


def control_status(**changes: Any) -> ControlStatus:
    """Return what a healthy controller says."""
    status = ControlStatus(
        seq=1,
        t_ns=0,
        late_us=5.0,
        mode="run",
        epoch=1,
        cursor=0.0,
        rate=1.0,
        upcoming=np.zeros((1, 4)),
        dt_ns=TICK_NS,
        runway_s=0.5,
        latency_s=0.05,
        disagreement_rad=0.0,
        jerk=0.0,
        chunks=1,
        counters={},
    )
    return replace(status, **changes)


def heartbeat(process: str, **changes: Any) -> Heartbeat:
    """Return what a healthy process says of itself."""
    note = "OK: stamped by arrival" if process.startswith("camera.") else ""
    beat = Heartbeat(process, 100, 0, True, 1, 50.0, 0.0, 10.0, note=note)
    return replace(beat, **changes)


def request(kind: str, **changes: Any) -> Request:
    """Return a new request of this moment."""
    asked = Request(f"{kind}-{next(_ids)}", kind, "test", time.monotonic_ns())
    return replace(asked, **changes)


@dataclass
class Robot:
    """Speaks for arms, controller and processes at 100 Hz; what it says can be changed."""

    bus: Bus
    deaf: set[str] = field(default_factory=set)  # arms that hear no permits
    dumb: set[str] = field(default_factory=set)  # arms, processes that say nothing
    arms: dict[str, dict[str, Any]] = field(default_factory=dict)
    status: dict[str, Any] = field(default_factory=dict)
    beats: dict[str, dict[str, Any]] = field(default_factory=dict)
    permit: Permit | None = None
    permits: list[tuple[int, Permit]] = field(default_factory=list)  # with times of arrival

    def __post_init__(self) -> None:
        self._ending = threading.Event()
        self._came = threading.Condition()
        self._thread = threading.Thread(target=self._live)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()

    def until(self, meant: Callable[[Permit], object]) -> tuple[int, Permit]:
        """Return the first permit of which `meant` is true, and the time of its arrival."""

        def found() -> tuple[int, Permit] | None:
            return next((one for one in self.permits if meant(one[1])), None)

        with self._came:
            came = self._came.wait_for(found, WAIT_S)
        assert came, f"no such permit; the last: {self.permit}"
        return came

    def _live(self) -> None:
        bus = self.bus
        permits = bus.subscriber(PERMIT, keep=Keep.ALL)
        states = {arm: bus.publisher(JOINT_STATE, arm) for arm in ARMS}
        statuses = bus.publisher(CONTROL_STATUS)
        beats = {name: bus.publisher(HEARTBEAT, name) for name in PROCESSES}
        waiter = Waiter([permits])
        frozen_ns = dict.fromkeys(ARMS, time.monotonic_ns())
        seq = 0
        while not self._ending.is_set():
            waiter.wait(0.01)
            now_ns = time.monotonic_ns()
            for permit in permits.drain():
                self.permit = permit
                with self._came:
                    self.permits.append((now_ns, permit))
                    self._came.notify()
            seq += 1
            heard = self.permit.seq if self.permit else 0
            for arm in {*ARMS} - self.dumb:
                usual: dict[str, Any] = {
                    "seq": seq,
                    "t_sample_ns": now_ns,
                    "t_written_ns": now_ns,
                    "permit": 0 if arm in self.deaf else heard,
                    "t_frozen_ns": frozen_ns[arm],
                }
                states[arm].send(joint_state(arm, **usual | self.arms.get(arm, {})))
            if "controller" not in self.dumb:
                statuses.send(control_status(**{"seq": seq, "t_ns": now_ns} | self.status))
            for name in {*PROCESSES} - self.dumb if seq % _TICKS_PER_BEAT == 0 else ():
                usual = {"t_ns": now_ns, "loops": seq}
                beats[name].send(heartbeat(name, **usual | self.beats.get(name, {})))


def safety_config(directory: Path, thresholds: SafetyConfig = PATIENT) -> Config:
    """Return what the robot's safety process is told."""
    return Config(
        arms=ARMS,
        ranges=RANGES,
        processes=PROCESSES,
        needed_cameras=("cam_high",),
        safety=thresholds,
        directory=directory,
        latch=directory / latch.NAME,
    )


class Person:
    """Somebody who asks the safety process, and hears what it says."""

    def __init__(self, sockets: Path) -> None:
        self._bus = Bus(sockets)
        self._said = self._bus.subscriber(SAFETY_STATE)
        self._waiter = Waiter([self._said])
        self._client = self._bus.client("safety")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bus.close()

    def ask(self, kind: str, **changes: Any) -> Reply:
        """Ask and return the answer."""
        return self.send(request(kind, **changes))

    def send(self, asked: Request) -> Reply:
        """Ask this very request and return the answer."""
        reply = self._client.ask(asked, WAIT_S)
        assert reply is not None, f"no answer to {asked}"
        return reply

    def until(self, told: Callable[[Said], object]) -> Said:
        """Return the first word of the process of which `told` is true."""
        end = time.monotonic() + WAIT_S
        newest = None
        while (left_s := end - time.monotonic()) > 0:
            if self._waiter.wait(left_s) and (newest := self._said.receive()) and told(newest):
                return newest
        raise AssertionError(f"never said; the last: {newest}")

    def phase(self, phase: str) -> Said:
        """Wait for a phase."""
        return self.until(lambda said: said.phase == phase)

    def run(self) -> None:
        """Arm and run."""
        self.until(lambda said: not said.persisting)
        assert self.ask("arm").accepted
        self.phase("armed")
        assert self.ask("run").accepted
        self.phase("running")


class SafetyThread(Person):
    """The process's main in a thread, and somebody who asks it."""

    def __init__(self, sockets: Path, directory: Path, thresholds: SafetyConfig = PATIENT) -> None:
        super().__init__(sockets)
        self.config = safety_config(directory, thresholds)
        self._process_bus = Bus(sockets)
        self._context = Context("safety", self._process_bus)
        self._thread = threading.Thread(target=main, args=(self.config, self._context))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._context.stop()
        self._thread.join()
        self._process_bus.close()
        super().__exit__(kind, error, trace)
