"""The robot's own code and the twin in one process, faster than real time.

Controller, guard and policy are those of a real run; only the clock and the wires are missing.
Time is virtual, so a slow machine gives the same result as a fast one.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from controller.config import ControllerConfig
from controller.core import Controller
from controller.mode import HUMAN
from drivers.guard import Guard
from messaging.messages import MOTIONS, ActionChunk, ControlStatus, HumanCommand
from motion.clearance import Clearance
from motion.limits import JointLimits, LimitsConfig
from perception.rendering import SceneRenderer
from policy_worker.main import Worker
from policy_worker.policy import Observation, Policy
from policy_worker.senses import Seen
from simulation.collision_model import collision_model
from simulation.task import Progress, advanced
from simulation.twin import ARM_JOINTS, HOME, JOINTS, Twin

_ARMS: Final = (slice(0, len(ARM_JOINTS)), slice(len(ARM_JOINTS), len(JOINTS)))
_TRAIL_HZ: Final = 10


@dataclass(frozen=True, slots=True)
class Timing:
    """How long things take in the virtual world."""

    inference_s: float = 0.1  # from looking to the chunk's arrival at the controller
    period_s: float = 0.1  # from one look to the next, at least
    camera_hz: float = 30.0
    limit_s: float = 12.0  # an episode without success ends here


@dataclass(frozen=True, slots=True)
class Moment:
    """What a camera caught, and where everything was then."""

    t_ns: int
    qpos: NDArray[np.float64]
    position: NDArray[np.float64]
    command: NDArray[np.float64]
    status: ControlStatus
    hand_backs: int  # by a person, so far


class Person(Protocol):
    """Somebody who watches, and may command."""

    def says(self, episode: int, instruction: str, moment: Moment) -> HumanCommand | None:
        """Return a device's next command, engaged or not, a tick after `moment`."""
        ...


@dataclass(frozen=True, slots=True)
class EpisodeResult:
    """How an episode went."""

    seed: int
    instruction: str
    success: bool
    duration_s: float  # until success, or the limit
    best_reward: int
    counters: dict[str, int] = field(repr=False)  # the controller's, and the guards' holds
    commands: NDArray[np.float64] = field(repr=False)  # (T, 14) what went to the servos
    trail: NDArray[np.float64] = field(repr=False)  # (N, nq) the world, ten times a second
    commanders: tuple[str, ...] = field(repr=False)  # (T,) who gave each command


class Lockstep:
    """Runs episodes of one policy, each from the same home pose with the cube placed anew."""

    def __init__(
        self,
        twin: Twin,
        policy: Policy,
        config: ControllerConfig | None = None,
        limits: LimitsConfig | None = None,
        timing: Timing | None = None,
        person: Person | None = None,
    ) -> None:
        self.person = person
        self._twin = twin
        self._policy = policy
        self._config = config or ControllerConfig()
        self._limits = twin.limits(limits or LimitsConfig())
        self._timing = timing or Timing()
        margins = self._config.margin_m, self._config.touching_m
        self._clearance = Clearance(collision_model(), JOINTS, *margins)
        self._renderer = SceneRenderer(twin.model) if policy.spec.cameras else None
        self._worker = Worker(policy)
        self._episodes = 0

    def run(self, seed: int, instruction: str) -> EpisodeResult:
        """Return how the policy does in the world that `seed` makes.

        Raises:
            ValueError: the instruction has no rule, or the policy does not know it.
        """
        self._episodes += 1
        self._twin.reset(seed)
        return _Run(self, seed, instruction).finished()

    @property
    def twin(self) -> Twin:
        """The world in which the episodes happen."""
        return self._twin

    @property
    def timing(self) -> Timing:
        """How long things take."""
        return self._timing

    @property
    def limits(self) -> JointLimits:
        """The limits that controller and guards keep."""
        return self._limits

    def controller(self) -> Controller:
        """Return a controller that has just begun to run, in the twin's present pose."""
        controller = Controller(self._config, JOINTS, self._limits, HOME, HOME, self._clearance)
        controller.observe(self._twin.position)
        controller.direct("run")
        return controller

    def look(self, moment: Moment, instruction: str, now_ns: int) -> ActionChunk:
        """Return the policy's answer, asked at `now_ns`, to what was to be seen at `moment`."""
        images = {}
        for camera in self._policy.spec.cameras:
            if self._renderer is not None:
                images[camera] = self._renderer.render(moment.qpos, camera)
        status = moment.status
        observation = Observation(
            t_obs_ns=moment.t_ns,
            plan_time_s=status.cursor * status.dt_ns * 1e-9,
            episode=self._episodes,
            instruction=instruction,
            images=images,
            position=moment.position,
            upcoming=status.upcoming,
            twin_qpos=moment.qpos,
        )
        seen = Seen(observation, status.cursor, status.epoch, hand_backs=moment.hand_backs)
        return self._worker.answer(seen, now_ns)

    def hear(self, moment: Moment, instruction: str) -> HumanCommand | None:
        """Return what the person says who saw `moment`, None if nobody is there."""
        person = self.person
        return person.says(self._episodes, instruction, moment) if person else None


class _Run:
    """One episode under way."""

    def __init__(self, lockstep: Lockstep, seed: int, instruction: str) -> None:
        self._lockstep = lockstep
        self._seed = seed
        self._progress = Progress(instruction)
        self._controller = lockstep.controller()
        self._dt_ns = self._controller.dt_ns
        start = lockstep.twin.position
        self._guards = [
            Guard(lockstep.limits.of(JOINTS[rows]), self._dt_ns, start[rows]) for rows in _ARMS
        ]
        self._frame: Moment | None = None
        self._under_way: tuple[int, ActionChunk] | None = None  # when it arrives, and what
        self._next_look_ns = 0
        self._now: Moment | None = None
        self._best_reward = 0
        self._holds: Counter[str] = Counter()
        self._commands: list[NDArray[np.float64]] = []
        self._trail: list[NDArray[np.float64]] = []
        self._commanders: list[str] = []

    def finished(self) -> EpisodeResult:
        """Run to success or to the time limit."""
        limit_ns = round(self._lockstep.timing.limit_s * 1e9)
        now_ns = 0
        while now_ns < limit_ns and not self._progress.success:
            self._infer(now_ns)
            self._command(now_ns)
            now_ns += self._dt_ns
        return EpisodeResult(
            seed=self._seed,
            instruction=self._progress.instruction,
            success=self._progress.success,
            duration_s=now_ns * 1e-9,
            best_reward=self._best_reward,
            counters={**self._controller.counters, **self._holds},
            commands=np.array(self._commands),
            trail=np.array(self._trail),
            commanders=tuple(self._commanders),
        )

    def _infer(self, now_ns: int) -> None:
        """Deliver the chunk that is due; look again when the worker is free."""
        if self._under_way and now_ns >= self._under_way[0]:
            self._controller.receive(self._under_way[1], now_ns)
            self._under_way = None
        if self._under_way is None and self._frame and now_ns >= self._next_look_ns:
            timing = self._lockstep.timing
            chunk = self._lockstep.look(self._frame, self._progress.instruction, now_ns)
            self._under_way = (now_ns + round(timing.inference_s * 1e9), chunk)
            self._next_look_ns = now_ns + round(timing.period_s * 1e9)

    def _command(self, now_ns: int) -> None:
        """One control period: command, guard, servos, physics, rules."""
        twin = self._lockstep.twin
        position = twin.position
        self._controller.feel(position)
        self._listen(now_ns)
        command, status = self._controller.tick(now_ns)
        self._commanders.append(status.commander)
        before, back = self._now, 0
        if before:
            back = before.hand_backs + (before.status.mode == HUMAN != status.mode)
        self._now = Moment(now_ns, twin.qpos, position, command.position, status, back)
        self._capture(self._now)
        written = np.empty(len(JOINTS))
        for rows, guard in zip(_ARMS, self._guards, strict=True):
            guarded = guard.checked(command.position[rows], command.seq, now_ns, now_ns)
            written[rows] = guarded.position
            if guarded.holding:
                self._holds[f"guard.{guarded.holding}"] += 1
        self._commands.append(written)
        twin.write(written)
        dt_s = self._dt_ns * 1e-9
        twin.step(dt_s)
        self._progress = advanced(self._progress, twin.contacts, float(twin.cube[2]), dt_s)
        self._best_reward = max(self._best_reward, self._progress.reward)

    def _listen(self, now_ns: int) -> None:
        """Let the person, if there is one, say something."""
        said = self._now and self._lockstep.hear(self._now, self._progress.instruction)
        if said:
            self._controller.hear(said, now_ns)
            self._controller.steer("run", MOTIONS[-1], now_ns)

    def _capture(self, moment: Moment) -> None:
        """Keep the world as the cameras last caught it, and now and then for the trail."""
        if _beats(moment.t_ns, self._dt_ns, self._lockstep.timing.camera_hz):
            self._frame = moment
        if _beats(moment.t_ns, self._dt_ns, _TRAIL_HZ):
            self._trail.append(moment.qpos)


def _beats(now_ns: int, dt_ns: int, rate_hz: float) -> bool:
    """Return whether a clock of `rate_hz` struck within the period before `now_ns`."""
    period_ns = 1e9 / rate_hz
    return now_ns == 0 or now_ns // period_ns > (now_ns - dt_ns) // period_ns
