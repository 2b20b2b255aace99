"""How soon a person's command is in effect: a real controller process on a real bus."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.takeover.trial import ACTION_S, ARM, GRIPS, JOINTS, START
from controller.config import ControllerConfig
from controller.main import Config
from messaging.messages import (
    ActionChunk,
    ControlStatus,
    Directive,
    HumanCommand,
    JointState,
    Permit,
)
from messaging.topics import (
    ACTION_CHUNK,
    CONTROL_STATUS,
    DIRECTIVE,
    HUMAN_COMMAND,
    JOINT_COMMAND,
    JOINT_STATE,
    PERMIT,
    Keep,
)
from messaging.transport import Bus, Waiter
from motion.limits import LimitsConfig
from runtime.process import END_SIGNAL, ProcessSpec, spawned

Array = NDArray[np.float64]

ARMS = ("left", "right")
MOVED_RAD = 1e-4  # from where the policy stands still: the person's doing
STILL_RAD = 1e-6
REACH_S = 30.0  # within which whatever is waited for happens
_STILL_TICKS = 10
_PERIOD_NS = 10_000_000
_CHUNK_ROUNDS = 10  # rounds between two chunks
_HORIZON = 50
_CONTROLLER_PRIORITY = 80
_SWING_RAD, _SWING_HZ = 0.15, 0.5  # of the person's hand, which always moves


class LateError(RuntimeError):
    """The controller did not do what was waited for."""


def latencies_ms(trials: int, seed: int = 0) -> Array:
    """Return the times (trials,) from a trigger on the bus to the person's command, in ms."""
    with _rig(seed) as rig:
        rig.until(rig.standing)
        measured = np.empty(trials)
        for trial in range(trials):
            measured[trial] = rig.takeover_ms()
        return measured


@contextmanager
def _rig(seed: int) -> Iterator[Rig]:
    with tempfile.TemporaryDirectory(prefix="eh-") as folder:
        directory = Path(folder)
        spec = directory / "controller.json"
        spec.write_text(_spec(directory / "bus").model_dump_json(), encoding="utf-8")
        with Bus(directory / "bus") as bus, (directory / "log").open("wb") as log:
            child = spawned(spec, log, {**os.environ, "OMP_NUM_THREADS": "1"})
            try:
                yield Rig(bus, child, seed)
            finally:
                child.send_signal(END_SIGNAL)
                child.wait()


def _spec(directory: Path) -> ProcessSpec:
    ranges = {
        name: (0.0, 1.0) if grip else (-np.pi, np.pi)
        for name, grip in zip(JOINTS, GRIPS, strict=True)
    }
    pose = tuple(START.tolist())
    config = Config(
        arms=ARMS,
        ranges=ranges,
        limits=LimitsConfig(),
        home=pose,
        rest=pose,
        controller=ControllerConfig(),
    )
    return ProcessSpec(
        name="controller",
        module="controller.main",
        config=config.model_dump(),
        directory=directory,
        realtime_priority=_CONTROLLER_PRIORITY,
    )


class Rig:
    """All that a controller listens to: arms that stand, a policy that holds, a person."""

    def __init__(self, bus: Bus, child: subprocess.Popen[bytes], seed: int) -> None:
        """Say nothing yet.

        Args:
            bus: of the controller's process.
            child: the controller's process.
            seed: of the moments at which the person takes over.
        """
        self._random = np.random.default_rng(seed)
        self._child = child
        self._states = {arm: bus.publisher(JOINT_STATE, arm) for arm in ARMS}
        self._permits = bus.publisher(PERMIT)
        self._directives = bus.publisher(DIRECTIVE)
        self._chunks = bus.publisher(ACTION_CHUNK)
        self._people = bus.publisher(HUMAN_COMMAND)
        self._commands = bus.subscriber(JOINT_COMMAND, keep=Keep.ALL)
        self._statuses = bus.subscriber(CONTROL_STATUS, keep=Keep.ALL)
        self._waiter = Waiter([self._commands])
        self._position = START
        self._epoch = 0
        self._stand, self._stands_since = START, 0
        self._effect_ns = 0  # when the person's command was first in effect
        self._engaged = False
        self._still = 0  # commands in a row
        self._round = 0
        self._due_ns = time.monotonic_ns()

    @property
    def commander(self) -> str:
        """Who commands, empty before the controller has spoken."""
        status = self._statuses.newest
        return status.commander if status else ""

    def takeover_ms(self) -> float:
        """Let the person take over and hand back; returns how long the former took."""
        # Two loops of the same rate keep their phase: let the person come at any moment.
        time.sleep(self._random.uniform(0.0, _PERIOD_NS * 1e-9))
        self._due_ns = time.monotonic_ns()
        self._engaged, self._effect_ns = True, 0
        trigger_ns = self._say()
        self.until(lambda: self._effect_ns > 0)
        self.during(0.1)
        self._engaged, self._still = False, 0
        self.until(self.standing)
        return (self._effect_ns - trigger_ns) * 1e-6

    def standing(self) -> bool:
        """Return whether a policy commands, and has stood still for a while."""
        return self.commander == "policy" and self._still > _STILL_TICKS

    def during(self, seconds: float) -> None:
        """Go on for so long."""
        end_ns = time.monotonic_ns() + round(seconds * 1e9)
        while time.monotonic_ns() < end_ns:
            self._listen()

    def until(self, happened: Callable[[], bool]) -> None:
        """Go on until something has `happened`; raises LateError if it does not."""
        end_ns = time.monotonic_ns() + round(REACH_S * 1e9)
        while not happened():
            if self._child.poll() is not None:
                raise LateError(f"the controller's process ended with {self._child.returncode}")
            if time.monotonic_ns() > end_ns:
                raise LateError(f"waited {REACH_S:g} s in vain; {self.commander!r} commands")
            self._listen()

    def _listen(self) -> None:
        """Hear the controller until the next thing is to be said."""
        while (left_ns := self._due_ns - time.monotonic_ns()) > 0:
            self._waiter.wait(left_ns * 1e-9)
            now_ns = time.monotonic_ns()
            for command in self._commands.drain():
                gone_rad = np.abs(command.position - self._position).max()
                if self._engaged and not self._effect_ns and command.epoch > self._epoch:
                    self._effect_ns = now_ns if gone_rad > MOVED_RAD else 0
                if not self._engaged:
                    self._still = self._still + 1 if gone_rad < STILL_RAD else 0
                    self._position, self._epoch = command.position, command.epoch
            self._statuses.drain()
        self._say()

    def _say(self) -> int:
        """Say what everybody says in a period; returns when the person spoke."""
        now_ns = time.monotonic_ns()
        self._round += 1
        hand = _SWING_RAD * np.exp(2j * np.pi * _SWING_HZ * now_ns * 1e-9)
        pose = np.where(np.arange(len(JOINTS)) % 2, hand.real, hand.imag)
        self._people.send(
            HumanCommand("hand", self._round, now_ns, JOINTS, pose, self._engaged, relative=True)
        )
        for index, arm in enumerate(ARMS):
            self._states[arm].send(self._state(arm, index, now_ns))
        self._permits.send(Permit(1, self._round, now_ns, "all", 1.0))
        self._directives.send(Directive(self._round, "run", 1, "stand still"))
        status = self._statuses.newest
        if status and self._round % _CHUNK_ROUNDS == 0 and self._settled(status):
            self._chunks.send(self._chunk(status))
        self._due_ns += _PERIOD_NS
        return now_ns

    def _state(self, arm: str, index: int, now_ns: int) -> JointState:
        here = self._position[index * len(ARM) : (index + 1) * len(ARM)]
        nothing = np.empty(0)
        return JointState(
            arm=arm,
            seq=self._round,
            t_sample_ns=now_ns,
            joints=tuple(f"{arm}_{joint}" for joint in ARM),
            position=here,
            velocity=np.zeros(len(ARM)),
            current=nothing,
            temperature=nothing,
            voltage=nothing,
            age_s=nothing,
            errors=(),
            warnings=(),
            written=here,
            t_written_ns=now_ns,
            t_command_ns=now_ns,
            holding="",
        )

    def _settled(self, status: ControlStatus) -> bool:
        return status.epoch == self._stands_since or (
            status.rate == 0.0 and status.epoch == self._epoch and self._still > 0
        )

    def _chunk(self, status: ControlStatus) -> ActionChunk:
        """Return a chunk that stands where the arms came to rest in this epoch."""
        if status.epoch != self._stands_since:
            self._stands_since, self._stand = status.epoch, self._position
        return ActionChunk(
            policy="stand",
            seq=self._round,
            t_obs_ns=status.t_ns,
            cursor=status.cursor,
            epoch=status.epoch,
            dt_ns=round(ACTION_S * 1e9),
            joints=JOINTS,
            actions=np.repeat(self._stand[None], _HORIZON, axis=0),
            stages_ms={},
        )
