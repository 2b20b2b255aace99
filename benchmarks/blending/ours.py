"""This project's controller as one of the rules, and what is measured of it alone."""

from __future__ import annotations

import time

import numpy as np

from benchmarks.blending.rules import ActAligned
from benchmarks.blending.stream import JOINTS, TICK_S, Array, Chunk, Latency, Motion
from benchmarks.blending.trial import moving, play
from controller.config import ControllerConfig
from controller.core import Controller
from messaging.messages import ActionChunk, ControlStatus
from motion.limits import JointLimits, LimitsConfig

NAME = "ours"
TICK_NS = round(1e9 * TICK_S)
T_START_NS = 1_000_000_000
NAMES = tuple(f"{arm}_joint{number}" for arm in ("left", "right") for number in range(JOINTS // 2))
SAME_RATE = ControllerConfig(rate_hz=50)
_REACH = np.full(JOINTS, np.pi)
NORMAL = JointLimits.build(NAMES, -_REACH, _REACH, LimitsConfig())
UNLIMITED = NORMAL.scaled(1e6)


class Ours:
    """The controller, told of its own cursor as a worker would be."""

    name = NAME

    def __init__(
        self,
        position: Array,
        config: ControllerConfig = SAME_RATE,
        limits: JointLimits = NORMAL,
    ) -> None:
        """Stand at `position` (JOINTS,), ready to run."""
        pose = np.zeros(JOINTS)
        self.merges_ms: list[float] = []
        self._controller = Controller(config, NAMES, limits, pose, pose)
        self._ticks = config.rate_hz * TICK_NS // 1_000_000_000
        self._status: ControlStatus | None = None
        self._seq = 0
        self._controller.observe(position)
        self._controller.direct("run")

    @property
    def cursor(self) -> float:
        """Plan tick of the next command, from the newest status, in the stream's ticks."""
        status = self._status
        return 0.0 if status is None else (status.cursor + status.rate) / self._ticks

    def receive(self, chunk: Chunk, tick: int) -> None:
        """Hand the chunk over as a message, and note the processor time of the merge."""
        self._seq += 1
        message = ActionChunk(
            policy="stream",
            seq=self._seq,
            t_obs_ns=T_START_NS + chunk.capture_tick * TICK_NS,
            cursor=chunk.cursor * self._ticks,
            epoch=self._controller.epoch,
            dt_ns=TICK_NS,
            joints=NAMES,
            actions=chunk.actions,
            stages_ms={},
        )
        begin_ns = time.thread_time_ns()
        self._controller.receive(message, T_START_NS + tick * TICK_NS)
        self.merges_ms.append(1e-6 * (time.thread_time_ns() - begin_ns))

    def command(self, tick: int) -> Array:
        """Return the command of this tick; the controller always has one."""
        now_ns = T_START_NS + tick * TICK_NS
        command, self._status = self._controller.tick(now_ns)
        position = command.position
        for between in range(1, self._ticks):
            late_ns = between * TICK_NS // self._ticks
            _, self._status = self._controller.tick(now_ns + late_ns)
        return position


def merges_ms() -> list[float]:
    """Return the time of each merge, in ms, at the default rate and 100 ms of latency."""
    motion = Motion.drawn(0)
    start = motion.at(np.zeros(1))[0]
    rule = Ours(start, ControllerConfig())
    play(rule, moving(motion), Latency(0.1), 3000, start, 0)
    return rule.merges_ms


def act_max_error() -> float:
    """Return the largest difference in rad between `act` mode and ACT's formula.

    Zero latency, a chunk every tick, no splice, and limits and mode switch out of the way.
    """
    motion = Motion.drawn(0)
    config = ControllerConfig(rate_hz=50, ensemble="act", splice="none", mode_floor_rad=6.3)
    start = motion.at(np.zeros(1))[0]
    traces = [
        play(rule, moving(motion), Latency(0.0), 500, start, 0)
        for rule in (Ours(start, config, UNLIMITED), ActAligned())
    ]
    return float(np.abs(traces[0].commands - traces[1].commands).max())
