"""The twin's process: physics in real time, behind the messages of the arms' servos."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Final

import mujoco
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from messaging.messages import EpisodeRequest, ServoReading, TaskState, TwinState
from messaging.topics import EPISODE_REQUEST, SERVO_READING, SERVO_TARGET, TASK_STATE, TWIN_STATE
from messaging.transport import Bus
from runtime.process import Context
from runtime.rate import RateKeeper
from simulation import task
from simulation.scene import save_model
from simulation.twin import ARM_JOINTS, HOME, JOINTS, Twin

log = logging.getLogger(__name__)

_STEP_NS: Final = 10_000_000
_MOST_STEPS: Final = 10  # caught up with at once; time beyond that is lost, and counted
_TASK_STATE_NS: Final = round(1e9 / TASK_STATE.rate_hz)
_TWIN_STATE_NS: Final = round(1e9 / TWIN_STATE.rate_hz)


class Config(BaseModel):
    """Where the scene goes, and how the world begins."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model_path: Path  # the scene (.mjb), written for the cameras before this process is ready
    arms: tuple[str, str] = ("left", "right")
    start: tuple[float, ...] = Field(  # where the arms stand, by simulation.twin.JOINTS
        default=tuple(HOME.tolist()), min_length=len(JOINTS), max_length=len(JOINTS)
    )
    seed: int = 0  # of the cube's place before the first episode is asked for


class World:
    """The twin, the clock it follows and the rules of the episode."""

    def __init__(self, twin: Twin, now_ns: int) -> None:
        self.twin = twin
        self.t_ns = now_ns  # up to when physics has come
        self.episode = -1
        self.progress = task.Progress(task.TRANSFER)
        self.lost_steps = 0

    def begin(self, request: EpisodeRequest) -> None:
        """Place the cube anew; the arms stay where they are."""
        self.episode = request.episode
        self.progress = task.Progress(request.instruction)
        self.twin.place_cube(task.FIRST_EVALUATION_SEED + request.seed)

    def catch_up(self, now_ns: int) -> None:
        """Let physics come as close to `now_ns` as whole steps allow."""
        behind = max((now_ns - self.t_ns) // _STEP_NS, 0)
        lost = max(behind - _MOST_STEPS, 0)
        self.lost_steps += lost
        self.t_ns += lost * _STEP_NS
        for _ in range(behind - lost):
            self.twin.step(_STEP_NS * 1e-9)
            self.t_ns += _STEP_NS
            self.progress = task.advanced(
                self.progress, self.twin.contacts, float(self.twin.cube[2]), _STEP_NS * 1e-9
            )


class Servos:
    """The two arms' servos on the bus."""

    def __init__(self, arms: tuple[str, str], start: NDArray[np.float64], bus: Bus) -> None:
        self._targets = {arm: bus.subscriber(SERVO_TARGET, arm) for arm in arms}
        self._readings = {arm: bus.publisher(SERVO_READING, arm) for arm in arms}
        self._rows = {arm: slice(7 * i, 7 * i + 7) for i, arm in enumerate(arms)}
        self._position = start.copy()

    def take(self, twin: Twin) -> None:
        """Hand the newest targets to the twin; one that no servo would accept is left out."""
        for arm, subscriber in self._targets.items():
            target = subscriber.receive()
            if target is None:
                continue
            if target.position.shape != (len(ARM_JOINTS),):
                log.error("target for %s of shape %s left out", arm, target.position.shape)
            elif np.isfinite(target.position).all():
                self._position[self._rows[arm]] = target.position
        twin.write(self._position)

    def report(self, twin: Twin, t_ns: int) -> None:
        """Publish where the joints are."""
        position, velocity = twin.position, twin.velocity
        for arm, publisher in self._readings.items():
            rows = self._rows[arm]
            publisher.send(ServoReading(arm, t_ns, position[rows], velocity[rows]))


def main(config: Config, context: Context) -> None:
    """Keep the twin's time equal to the clock's until told to stop."""
    context.beat(ready=False, note="builds the scene")
    save_model(config.model_path)
    start = np.array(config.start)
    twin = Twin(mujoco.MjModel.from_binary_path(str(config.model_path)))
    twin.reset(config.seed, start)
    servos = Servos(config.arms, start, context.bus)
    requests = context.bus.subscriber(EPISODE_REQUEST)
    twin_states = context.bus.publisher(TWIN_STATE)
    task_states = context.bus.publisher(TASK_STATE)
    rate = RateKeeper(1e9 / _STEP_NS)
    # Half a step behind the beats, or the jitter of waking up decides whether a step fits in.
    world = World(twin, time.monotonic_ns() - _STEP_NS // 2)
    twin_state_ns = task_state_ns = 0
    while not context.stopping:
        request = requests.receive()
        if request is not None and request.episode != world.episode:
            world.begin(request)
        servos.take(twin)
        world.catch_up(rate.wait())
        servos.report(twin, world.t_ns)
        if world.t_ns >= twin_state_ns:
            twin_state_ns = max(twin_state_ns, world.t_ns - _TWIN_STATE_NS) + _TWIN_STATE_NS
            twin_states.send(TwinState(world.t_ns, world.episode, twin.qpos))
        if world.t_ns >= task_state_ns:
            task_state_ns = max(task_state_ns, world.t_ns - _TASK_STATE_NS) + _TASK_STATE_NS
            now = world.progress
            task_states.send(TaskState(world.t_ns, world.episode, now.reward, now.success))
        context.beat(
            late_ns=rate.late_ns,
            counters={"lost_steps": world.lost_steps},
            note=f"episode {world.episode}, reward {world.progress.reward}",
        )
