"""One attempt at the task: when it began, who commanded, how it ended and who said so."""

from __future__ import annotations

from dataclasses import dataclass

from messaging.messages import EpisodeState
from station.record import EpisodeOutcome

RULE = "the task's rule"
CLOCK = "the clock"
RUN_END = "the end of the run"
SAFETY = "safety"

# What a person's label makes of the episode; one that is skipped is neither.
LABELS = {"success": "success", "fail": "failure", "next": "aborted"}
COUNTED = ("success", "failure", "timeout")  # of the outcomes, those of an episode that was had
KINDS = ("auto", "intervention", "demo")

_PATIENCE = 2  # times the timeout that an episode takes at most, whoever commands


@dataclass(frozen=True, slots=True)
class Verdict:
    """How an episode ended: success, failure, timeout or aborted, and who said so."""

    outcome: str
    judge: str


@dataclass
class Episode:
    """An attempt that runs, or the last one that did."""

    number: int
    seed: int
    instruction: str
    t_begin_ns: int
    t_end_ns: int = 0
    verdict: Verdict | None = None
    lasted_ns: int = 0  # without pauses
    human_ns: int = 0  # of it, while a person commanded
    policy_ns: int = 0

    def passed(self, passed_ns: int, commander: str) -> None:
        """Let time pass in which the arms might move, by the commands of somebody."""
        self.lasted_ns += passed_ns
        self.human_ns += passed_ns if commander == "human" else 0
        self.policy_ns += passed_ns if commander == "policy" else 0

    def is_out_of_time(self, timeout_s: float) -> bool:
        """Return whether the policy had its time, or both together twice that."""
        policy_s = (self.lasted_ns - self.human_ns) * 1e-9
        return policy_s > timeout_s or self.lasted_ns * 1e-9 > _PATIENCE * timeout_s

    def end(self, verdict: Verdict, now_ns: int) -> None:
        """End it."""
        self.verdict, self.t_end_ns = verdict, now_ns

    @property
    def kind(self) -> str:
        """One of KINDS: no person commanded, a person too, nobody but a person."""
        if not self.human_ns:
            return "auto"
        return "intervention" if self.policy_ns else "demo"

    def told(self) -> EpisodeOutcome:
        """Return what the run's record keeps of it once it is over."""
        success = self.verdict is not None and self.verdict.outcome == "success"
        lasted_s = self.lasted_ns * 1e-9
        return EpisodeOutcome(self.number, self.seed, self.instruction, success, lasted_s)

    def state(self, now_ns: int) -> EpisodeState:
        """Return what everybody is told of it."""
        return EpisodeState(
            t_ns=now_ns,
            episode=self.number,
            seed=self.seed,
            instruction=self.instruction,
            phase="over" if self.verdict else "running",
            t_begin_ns=self.t_begin_ns,
            t_end_ns=self.t_end_ns,
            outcome=self.verdict.outcome if self.verdict else "",
            judge=self.verdict.judge if self.verdict else "",
        )
