"""The course of a run, episode after episode: a pure state machine between start and rest."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from messaging.messages import ControlStatus, EpisodeRequest, EpisodeState, TaskState
from station.course import Course, News, Orders
from station.episode import CLOCK, COUNTED, LABELS, RULE, RUN_END, SAFETY, Episode, Verdict
from station.patience import Patience
from station.record import EpisodeOutcome
from station.remedy import stop_in_words
from station.stage import ENDING, EPISODE, UNDER_WAY, Stage

_SETTLE_NS = 400_000_000  # after the scene was set: old frames leave, the cube comes to rest
_LINGER_NS = 300_000_000  # after a success: let people see it
_LET_GO_NS = 2_000_000_000  # that arms may take to report that their torque is off


_MODES = {
    Stage.STARTING: "idle",
    Stage.ARMING: "idle",
    Stage.RUNNING: "run",
    Stage.LINGERING: "hold",
    Stage.STOPPED: "hold",
    **dict.fromkeys(ENDING, "rest"),
}


@dataclass
class Conductor:
    """Call `step` often; it says what the controller shall do now."""

    course: Course
    stage: Stage = Stage.STARTING
    outcomes: list[EpisodeOutcome] = field(default_factory=list)
    tally: Counter[tuple[str, str]] = field(default_factory=Counter)  # kind and outcome: how often
    episode: Episode | None = None  # that runs, or the last one that did
    gave_up: str = ""  # what the run waited for in vain, empty if for nothing
    _episode: int = 0  # number of the attempt, which no other attempt has
    _scene: int = 0  # that this attempt is at: stopped, it is tried again
    _since_ns: int = 0
    _now_ns: int = 0
    _first_run_ns: int = 0
    _stopping: bool = False
    _phase: str = ""
    _unrecorded: bool = False
    _wish: str = ""  # of a person, of the present episode
    _who: str = ""  # that person
    _homeward: bool = False  # a person wished the arms home while nothing runs

    def __post_init__(self) -> None:
        """Wait as long as the course says."""
        self._patience = Patience(self.course.stop_wait_s)

    def stop(self) -> None:
        """End the run after bringing the arms to rest."""
        self._stopping = True

    def wish(self, kind: str, who: str) -> str:
        """Take a person's wish: `home`, `end`, or the episode's label; returns why not, if not."""
        if kind == "end":
            self.stop()
            return ""
        if self.stage in (Stage.STARTING, Stage.ARMING, *ENDING):
            return f"the run is {self.stage.value}"
        if kind == "home":
            if self._phase not in ("armed", "running"):
                return "the arms may not move: arm the robot first"
        elif kind not in LABELS:
            return f"no request {kind!r}; there are home, end, success, fail and next"
        elif self.stage is not Stage.RUNNING and (kind, self.stage) != ("next", Stage.SETTLING):
            return f"no episode runs: the run is {self.stage.value}"
        elif self.stage is Stage.SETTLING:
            self._since_ns = min(self._since_ns, self._now_ns - int(self.course.reset_s * 1e9))
            return ""
        self._wish, self._who = kind, who
        return ""

    @property
    def instruction(self) -> str:
        """What the present episode is about."""
        return self.course.instructions[self._scene % len(self.course.instructions)]

    @property
    def paused(self) -> bool:
        """Whether a person or a silent safety process keeps the run from going on."""
        on_its_own = self.stage in EPISODE or (self.stage is Stage.HOMING and not self._homeward)
        return self._phase != "running" and on_its_own

    @property
    def resetting_s(self) -> float:
        """How long people still have to set the scene."""
        if self.stage is not Stage.SETTLING:
            return 0.0
        return max(0.0, self.course.reset_s - (self._now_ns - self._since_ns) * 1e-9)

    @property
    def in_words(self) -> str:
        """Where the run stands."""
        parts = [self.stage.value]
        if self.resetting_s:
            parts.append(f"{self.resetting_s:.0f} s left to set the scene")
        if self._unrecorded and self.stage is Stage.SETTLING:
            parts.append("waiting for the recorder")
        if self.paused:
            parts.append("paused")
        if self._patience.left_s is not None:
            parts.append(f"the run ends in {self._patience.left_s:.0f} s")
        return ", ".join(parts)

    def state(self) -> EpisodeState:
        """Return what everybody is told of the present episode, or of the last one."""
        if self.episode:
            return self.episode.state(self._now_ns)
        return EpisodeState(self._now_ns, 0, self.course.seed, self.instruction, "none")

    def abort(self) -> None:
        """End the episode that runs: nobody conducts it any more."""
        if self.episode and self.stage is Stage.RUNNING and not self.episode.verdict:
            self._end(self.episode, self._abortion())

    def step(self, news: News) -> Orders:
        """Move on to the next stage if it is time, and return what to do."""
        passed_ns, self._now_ns = news.now_ns - self._now_ns, news.now_ns
        self._phase = news.safety.phase if news.safety else ""
        self._unrecorded = not news.recorded
        self._homeward = self._wish == "home" or (self._homeward and self._phase != "running")
        if self.paused:
            self._since_ns += passed_ns
            self._first_run_ns += passed_ns if self._first_run_ns else 0
        elif self.episode and self.stage is Stage.RUNNING:
            self.episode.passed(passed_ns, news.status.commander if news.status else "")
        self._wait(news)
        following = self._following(news)
        if following is not self.stage:
            self._move_on(following, news)
        self._wish = ""
        return self._orders(news)

    def _wait(self, news: News) -> None:
        """Wait for whatever keeps the run from going on; give up once it has lasted too long."""
        hindrance = self._hindrance(news)
        latched = self._phase == "stopped"
        self._patience.wait(news.now_ns, hindered=bool(hindrance), may_pass=not latched)
        if self._patience.is_over and not self._stopping:
            self.gave_up = f"{hindrance}; unresolved for {self._patience.waited_s:.0f} s"
            self.stop()

    def _hindrance(self, news: News) -> str:
        """Return what keeps the run from going on until it is mended, empty if nothing does.

        Who has reset a stop, or paused the run, is there and will go on.
        """
        if self.stage in ENDING:
            return ""
        if news.safety and self._phase == "stopped":
            return stop_in_words(news.safety) or "stopped"
        if self.stage is Stage.ARMING:
            return "the robot could not be armed"
        if self.stage is not Stage.STARTING and not news.safety:
            return "the safety process was silent"
        settled = self._since_ns + self._settle_ns < news.now_ns
        if self.stage is Stage.SETTLING and settled and not news.recorded:
            return "the recorder was away"
        return ""

    @property
    def _settle_ns(self) -> float:
        return max(_SETTLE_NS, self.course.reset_s * 1e9)

    def _move_on(self, following: Stage, news: News) -> None:
        if self.stage is Stage.RUNNING and self.episode:
            by_itself = self._verdict(self.episode, news) if following is Stage.LINGERING else None
            self._end(self.episode, by_itself or self._abortion())
        self._scene += self.stage is Stage.LINGERING
        self._episode += following is Stage.HOMING and self.stage is not Stage.ARMING
        self.stage, self._since_ns = following, news.now_ns
        if following is Stage.RUNNING:
            seed = self.course.seed + self._scene
            self.episode = Episode(self._episode, seed, self.instruction, news.now_ns)

    def _end(self, episode: Episode, verdict: Verdict) -> None:
        episode.end(verdict, self._now_ns)
        self.tally[episode.kind, verdict.outcome] += 1
        if verdict.outcome in COUNTED:
            self.outcomes.append(episode.told())

    def _abortion(self) -> Verdict:
        """Return who ended an episode before its end."""
        if self._phase in ("stopped", "disarmed", "testing"):
            return Verdict("aborted", SAFETY)
        return Verdict("aborted", self._who if self._wish else RUN_END)

    def _following(self, news: News) -> Stage:
        if self._stopping and self.stage not in ENDING:
            # Without a word from safety nothing moves: who waited for it in vain does not go on to.
            may_move = news.safety or not self.gave_up
            return Stage.RESTING if news.status and may_move else Stage.DONE
        if self.stage in ENDING:
            return self._after_ending(news)
        if self._phase == "stopped":
            return Stage.STOPPED
        if self.stage in UNDER_WAY:
            return self._after_motion(news)
        if self.stage is Stage.STARTING:
            return Stage.ARMING if news.ready else self.stage
        if self._phase != "running" and self._wish != "home":
            return self.stage
        return Stage.RESTING if self._complete(news.now_ns) else Stage.HOMING

    def _after_motion(self, news: News) -> Stage:
        if self._phase in ("disarmed", "testing"):
            return Stage.STOPPED
        if self._wish == "home" and self.stage is not Stage.LINGERING:
            return Stage.HOMING
        # Arms that cannot move never come home; the run ends all the same.
        preparing = self.stage in (Stage.HOMING, Stage.SETTING, Stage.SETTLING)
        if preparing and self._out_of_time(news.now_ns):
            return Stage.RESTING
        if self.stage is Stage.RUNNING:
            return self._after_running(news)
        if self.paused:
            return self.stage
        elapsed_ns = news.now_ns - self._since_ns
        if self.stage is Stage.LINGERING and elapsed_ns > _LINGER_NS:
            return Stage.RESTING if self._complete(news.now_ns) else Stage.HOMING
        over, following = {
            Stage.HOMING: (_arrived(news.status, "home"), Stage.SETTING),
            Stage.SETTING: (self._scene_is_set(news.task), Stage.SETTLING),
            Stage.SETTLING: (elapsed_ns > self._settle_ns and news.recorded, Stage.RUNNING),
        }.get(self.stage, (False, self.stage))
        return following if over else self.stage

    def _after_ending(self, news: News) -> Stage:
        stop = news.safety.stop if news.safety and self._phase == "stopped" else ""
        if self.stage is Stage.RESTING:
            if stop and stop != "rest_then_off":
                return Stage.DONE  # where they hold
            over = _arrived(news.status, "rest") or self._phase == "disarmed"
            return Stage.LETTING_GO if over else self.stage
        if self.stage is Stage.LETTING_GO:
            out_of_time = news.now_ns - self._since_ns > _LET_GO_NS
            return Stage.DONE if out_of_time or not news.energised else self.stage
        return self.stage

    def _scene_is_set(self, task: TaskState | None) -> bool:
        return not self.course.judged or (task is not None and task.episode == self._episode)

    def _after_running(self, news: News) -> Stage:
        self._first_run_ns = self._first_run_ns or news.now_ns
        over = self.episode is None or self._verdict(self.episode, news) is not None
        return Stage.LINGERING if over or self._out_of_time(news.now_ns) else self.stage

    def _verdict(self, episode: Episode, news: News) -> Verdict | None:
        """Return how the episode ended by itself or by a label, None if it did not."""
        if self._wish in LABELS:
            return Verdict(LABELS[self._wish], self._who)
        task = news.task
        if task is not None and task.episode == self._episode and task.success:
            return Verdict("success", RULE)
        return Verdict("timeout", CLOCK) if episode.is_out_of_time(self.course.timeout_s) else None

    def _complete(self, now_ns: int) -> bool:
        episodes = self.course.episodes
        done = episodes is not None and len(self.outcomes) >= episodes
        return done or self._out_of_time(now_ns)

    def _out_of_time(self, now_ns: int) -> bool:
        duration_s = self.course.duration_s
        if duration_s is None or not self._first_run_ns:
            return False
        return now_ns - self._first_run_ns > duration_s * 1e9

    def _orders(self, news: News) -> Orders:
        mode = "hold" if self.paused else _MODES.get(self.stage, "home")
        request = None
        if self.stage in (Stage.SETTING, Stage.SETTLING, Stage.RUNNING) and self.course.judged:
            request = EpisodeRequest(
                self._episode, self.course.seed + self._scene, self.instruction
            )
        return Orders(mode, self._episode, self.instruction, request, self._asked(news))

    def _asked(self, news: News) -> str:
        """Return what the safety process shall be asked for: each step needs the one before."""
        if self.stage is Stage.ARMING and news.ready:
            return {"disarmed": "arm", "armed": "run"}.get(self._phase, "")
        if self.stage in (Stage.RESTING, Stage.LETTING_GO) and self._phase == "running":
            return "pause"  # a policy that fails now shall not keep the arms from their rest
        if self.stage is Stage.LETTING_GO and self._phase in ("armed", "disarmed"):
            return "off"
        return ""


def _arrived(status: ControlStatus | None, mode: str) -> bool:
    return status is not None and status.mode == mode and status.arrived
