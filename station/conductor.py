"""The course of a run, episode after episode: a pure state machine between start and rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from messaging.messages import ControlStatus, EpisodeRequest, TaskState
from station.record import EpisodeOutcome

_SETTLE_NS = 400_000_000  # after the scene was set: old frames leave, the cube comes to rest
_LINGER_NS = 300_000_000  # after a success: let people see it


class Stage(Enum):
    """Where a run stands."""

    STARTING = "starting"
    HOMING = "homing"
    SETTING = "setting the scene"
    SETTLING = "settling"
    RUNNING = "running"
    LINGERING = "lingering"
    RESTING = "going to rest"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Course:
    """What a run shall be.

    Attributes:
        instructions: what to do, taken in turn.
        seed: of the first episode's scene; the next has the next seed.
        timeout_s: after which an episode has failed.
        episodes: how many, None for no end.
        duration_s: how long at most from the first episode on, None for no end.
        judged: whether somebody reports the task's state; else an episode lasts its time.
    """

    instructions: Sequence[str]
    seed: int
    timeout_s: float
    episodes: int | None
    duration_s: float | None
    judged: bool


@dataclass(frozen=True, slots=True)
class News:
    """What the conductor hears."""

    now_ns: int
    ready: bool  # every process is ready
    status: ControlStatus | None
    task: TaskState | None


@dataclass(frozen=True, slots=True)
class Orders:
    """What the conductor wants done."""

    mode: str
    episode: int
    instruction: str
    request: EpisodeRequest | None


@dataclass
class Conductor:
    """Call `step` often; it says what the controller shall do now."""

    course: Course
    stage: Stage = Stage.STARTING
    outcomes: list[EpisodeOutcome] = field(default_factory=list)
    _episode: int = 0
    _since_ns: int = 0
    _first_run_ns: int = 0
    _stopping: bool = False

    def stop(self) -> None:
        """End the run after bringing the arms to rest."""
        self._stopping = True

    @property
    def instruction(self) -> str:
        """What the present episode is about."""
        return self.course.instructions[self._episode % len(self.course.instructions)]

    def step(self, news: News) -> Orders:
        """Move on to the next stage if it is time, and return what to do."""
        following = self._following(news)
        if following is not self.stage:
            if self.stage is Stage.LINGERING:
                self._episode += 1
            self.stage, self._since_ns = following, news.now_ns
        return self._orders()

    def _following(self, news: News) -> Stage:
        if self._stopping and self.stage not in (Stage.RESTING, Stage.DONE):
            return Stage.RESTING if news.status else Stage.DONE
        elapsed_ns = news.now_ns - self._since_ns
        # Arms that cannot move never come home; the run ends all the same.
        under_way = self.stage in (Stage.HOMING, Stage.SETTING, Stage.SETTLING)
        if under_way and self._first_run_ns and self._out_of_time(news.now_ns):
            return Stage.RESTING
        if self.stage is Stage.RUNNING:
            return self._after_running(news, elapsed_ns)
        if self.stage is Stage.LINGERING and elapsed_ns > _LINGER_NS:
            return Stage.RESTING if self._complete(news.now_ns) else Stage.HOMING
        over, following = {
            Stage.STARTING: (news.ready, Stage.HOMING),
            Stage.HOMING: (_arrived(news.status, "home"), Stage.SETTING),
            Stage.SETTING: (self._scene_is_set(news.task), Stage.SETTLING),
            Stage.SETTLING: (elapsed_ns > _SETTLE_NS, Stage.RUNNING),
            Stage.RESTING: (_arrived(news.status, "rest"), Stage.DONE),
        }.get(self.stage, (False, self.stage))
        return following if over else self.stage

    def _scene_is_set(self, task: TaskState | None) -> bool:
        return not self.course.judged or (task is not None and task.episode == self._episode)

    def _after_running(self, news: News, elapsed_ns: int) -> Stage:
        self._first_run_ns = self._first_run_ns or news.now_ns
        task = news.task
        success = task is not None and task.episode == self._episode and task.success
        timed_out = elapsed_ns > self.course.timeout_s * 1e9
        if not success and not timed_out and not self._out_of_time(news.now_ns):
            return self.stage
        if success or timed_out:
            self.outcomes.append(
                EpisodeOutcome(
                    self._episode,
                    self.course.seed + self._episode,
                    self.instruction,
                    success,
                    elapsed_ns * 1e-9,
                )
            )
        return Stage.LINGERING

    def _complete(self, now_ns: int) -> bool:
        episodes = self.course.episodes
        done = episodes is not None and len(self.outcomes) >= episodes
        return done or self._out_of_time(now_ns)

    def _out_of_time(self, now_ns: int) -> bool:
        duration_s = self.course.duration_s
        return duration_s is not None and now_ns - self._first_run_ns > duration_s * 1e9

    def _orders(self) -> Orders:
        mode = {
            Stage.STARTING: "idle",
            Stage.RUNNING: "run",
            Stage.LINGERING: "hold",
            Stage.RESTING: "rest",
            Stage.DONE: "rest",
        }.get(self.stage, "home")
        request = None
        if self.stage in (Stage.SETTING, Stage.SETTLING, Stage.RUNNING) and self.course.judged:
            request = EpisodeRequest(
                self._episode, self.course.seed + self._episode, self.instruction
            )
        return Orders(mode, self._episode, self.instruction, request)


def _arrived(status: ControlStatus | None, mode: str) -> bool:
    return status is not None and status.mode == mode and status.arrived
