"""The twin's process: physics in real time, and the arms' servos in front of it.

An arm has emulated servos on a port of its own, which the driver of the real arms opens, or
none: then its driver sends goals and gets readings as messages.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import mujoco
import numpy as np
from pydantic import Field, model_validator

from drivers.dynamixel.profile import Profile
from messaging.messages import EpisodeRequest, ServoReading, TaskState, TwinState
from messaging.topics import EPISODE_REQUEST, SERVO_READING, SERVO_TARGET, TASK_STATE, TWIN_STATE
from messaging.transport import Bus
from runtime.config import Radians, Seed, StrictModel
from runtime.process import Context
from simulation import task
from simulation.scene import save_model
from simulation.servos.adapter import Direct
from simulation.servos.line import Line
from simulation.servos.ports import Ports
from simulation.servos.servo import servos_of
from simulation.twin import ARM_JOINTS, HOME, JOINTS, Twin
from simulation.twin_plant import SLACK_NS, STEP_NS, TwinPlant

log = logging.getLogger(__name__)

_MESSAGE_STEP_NS: Final = 10_000_000
_MOST_NS: Final = 100_000_000  # caught up with at once; time beyond that is lost, and counted
_JUDGE_NS: Final = 10_000_000  # of physics between two looks at the rules of the task, at least
_TASK_STATE_NS: Final = round(1e9 / TASK_STATE.rate_hz)
_TWIN_STATE_NS: Final = round(1e9 / TWIN_STATE.rate_hz)


class Config(StrictModel):
    """Where the scene goes, and how the world begins."""

    model_path: Path  # the scene (.mjb), written for the cameras before this process is ready
    arms: tuple[str, str] = ("left", "right")
    start: tuple[Radians, ...] = Field(  # where the arms stand, by simulation.twin.JOINTS
        default=tuple(HOME.tolist()), min_length=len(JOINTS), max_length=len(JOINTS)
    )
    seed: Seed = 0  # of the cube's place before the first episode is asked for
    servos: dict[str, Profile] = Field(default_factory=dict)  # of arms behind emulated servos

    @model_validator(mode="after")
    def _servos_belong_to_arms(self) -> Config:
        for arm in self.servos:
            if arm not in self.arms:
                raise ValueError(f"servos of an arm {arm!r}; there are {', '.join(self.arms)}")
        return self

    def rows(self, arm: str) -> slice:
        """Return where an arm's joints stand among `JOINTS`."""
        first = self.arms.index(arm) * len(ARM_JOINTS)
        return slice(first, first + len(ARM_JOINTS))


class World:
    """The twin, the clock it follows and the rules of the episode."""

    def __init__(
        self,
        twin: Twin,
        now_ns: int,
        step_ns: int = _MESSAGE_STEP_NS,
        plants: Sequence[TwinPlant] = (),
    ) -> None:
        self.twin = twin
        self.t_ns = now_ns  # up to when physics has come
        self.step_ns = step_ns
        self.plants = plants
        self.episode = -1
        self.progress = task.Progress(task.TRANSFER)
        self.lost_steps = 0
        self._unjudged_ns = 0

    def begin(self, request: EpisodeRequest) -> None:
        """Place the cube anew; the arms stay where they are."""
        self.episode = request.episode
        self.progress = task.Progress(request.instruction)
        self.twin.place_cube(task.FIRST_EVALUATION_SEED + request.seed)

    @property
    def next_ns(self) -> int:
        """When the next step of physics is due."""
        return self.t_ns + self.step_ns

    def catch_up(self, now_ns: int) -> None:
        """Let physics come as close to `now_ns` as whole steps allow."""
        behind = max((now_ns - self.t_ns) // self.step_ns, 0)
        lost = max(behind - _MOST_NS // self.step_ns, 0)
        self.lost_steps += lost
        self.t_ns += lost * self.step_ns
        for _ in range(behind - lost):
            self._step()

    def _step(self) -> None:
        self.twin.step(self.step_ns * 1e-9)
        self.t_ns += self.step_ns
        for plant in self.plants:
            plant.stepped(self.t_ns)
        self._unjudged_ns += self.step_ns
        if self._unjudged_ns >= _JUDGE_NS:
            passed_s, self._unjudged_ns = self._unjudged_ns * 1e-9, 0
            self.progress = task.advanced(
                self.progress, self.twin.contacts, float(self.twin.cube[2]), passed_s
            )


class MessageArms:
    """The arms without servos of their own: goals and readings are messages."""

    def __init__(self, rows: dict[str, slice], bus: Bus) -> None:
        self._rows = rows
        self._targets = {arm: bus.subscriber(SERVO_TARGET, arm) for arm in rows}
        self._readings = {arm: bus.publisher(SERVO_READING, arm) for arm in rows}

    def take(self, twin: Twin) -> None:
        """Hand the newest targets to the twin; one that no servo would accept is left out."""
        for arm, subscriber in self._targets.items():
            target = subscriber.receive()
            if target is None:
                continue
            if target.position.shape != (len(ARM_JOINTS),):
                log.error("target for %s of shape %s left out", arm, target.position.shape)
            elif np.isfinite(target.position).all():
                for joint, position in enumerate(target.position.tolist()):
                    twin.drive(self._rows[arm].start + joint, position)

    def report(self, twin: Twin, t_ns: int) -> None:
        """Publish where the joints are."""
        if not self._rows:
            return
        position, velocity = twin.position, twin.velocity
        for arm, publisher in self._readings.items():
            rows = self._rows[arm]
            publisher.send(ServoReading(arm, t_ns, position[rows], velocity[rows]))


class Station:
    """What the station asks of the world, and what it is told of it, each at its own rate."""

    def __init__(self, bus: Bus) -> None:
        self._requests = bus.subscriber(EPISODE_REQUEST)
        self._states, self._tasks = bus.publisher(TWIN_STATE), bus.publisher(TASK_STATE)
        self._state_ns = self._task_ns = 0  # when the next is due

    def attend(self, world: World) -> None:
        """Publish what is due; begin an episode that was asked for."""
        t_ns = world.t_ns
        if t_ns >= self._state_ns:
            self._state_ns = max(self._state_ns, t_ns - _TWIN_STATE_NS) + _TWIN_STATE_NS
            self._states.send(TwinState(t_ns, world.episode, world.twin.qpos))
        if t_ns >= self._task_ns:
            self._task_ns = max(self._task_ns, t_ns - _TASK_STATE_NS) + _TASK_STATE_NS
            request = self._requests.receive()
            if request is not None and request.episode != world.episode:
                world.begin(request)
            now = world.progress
            self._tasks.send(TaskState(t_ns, world.episode, now.reward, now.success))


def main(config: Config, context: Context) -> None:
    """Keep the twin's time equal to the clock's until told to stop."""
    context.beat(ready=False, note="builds the scene")
    save_model(config.model_path)
    twin = Twin(mujoco.MjModel.from_binary_path(str(config.model_path)))
    twin.reset(config.seed, np.array(config.start))
    plants = {
        arm: TwinPlant(twin, config.arms.index(arm), profile)
        for arm, profile in config.servos.items()
    }
    lines = {
        arm: Line(servos_of(profile), plants[arm], Direct())
        for arm, profile in config.servos.items()
    }
    addresses = {arm: profile.port for arm, profile in config.servos.items()}
    rows = {arm: config.rows(arm) for arm in config.arms if arm not in config.servos}
    step_ns = STEP_NS if plants else _MESSAGE_STEP_NS
    arms, station = MessageArms(rows, context.bus), Station(context.bus)
    # Ports last: who finds one there expects to be answered at once.
    with Ports(lines, addresses) as ports:
        world = World(twin, time.monotonic_ns(), step_ns, tuple(plants.values()))
        _live(world, ports, arms, station, context)


def _live(
    world: World, ports: Ports, arms: MessageArms, station: Station, context: Context
) -> None:
    """Serve the servos until the next step of physics is due, and again."""
    while not context.stopping:
        arms.take(world.twin)
        due_ns = world.next_ns
        ports.serve(due_ns, SLACK_NS)
        now_ns = time.monotonic_ns()
        world.catch_up(now_ns)
        arms.report(world.twin, world.t_ns)
        station.attend(world)
        context.beat(
            late_ns=max(now_ns - due_ns - SLACK_NS, 0),
            counters={"lost_steps": world.lost_steps},
            note=f"episode {world.episode}, reward {world.progress.reward}",
        )
