"""Takeovers and hand-backs in the middle of motions, in virtual time, by the real controller."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from benchmarks.blending.stream import SIGMA_RAD, Motion
from benchmarks.takeover.people import JITTER_S, PERIOD_S, Leader
from controller.config import ControllerConfig
from controller.core import Controller
from messaging.messages import ActionChunk
from motion.limits import JointLimits, LimitsConfig, gripper_mask

Array = NDArray[np.float64]

ARM = ("waist", "shoulder", "elbow", "forearm_roll", "wrist_angle", "wrist_rotate", "gripper")
JOINTS = tuple(f"{side}_{joint}" for side in ("left", "right") for joint in ARM)
GRIPS = gripper_mask(JOINTS)
LIMITS = JointLimits.build(
    JOINTS, np.where(GRIPS, 0.0, -np.pi), np.where(GRIPS, 1.0, np.pi), LimitsConfig()
)
START = np.where(GRIPS, 0.5, 0.0)
CAPS = (LIMITS.velocity, LIMITS.acceleration, LIMITS.jerk)
DT_S = 0.01
LATENCY_S = 0.1
ACTION_S = 0.02
HORIZON = 50
RETURN_S = 0.7  # in which a policy comes back to its motion from where a person left the arms
POLICY_S = (0.8, 1.6)  # for how long the policy commands, until a person takes over
PERSON_S = (0.5, 1.5)
LONG_S, SETTLED_S = 20.0, 2.0  # of a takeover that is followed closely, from when on
_T_START_NS = 1_000_000_000


@dataclass(frozen=True)
class Trial:
    """What was commanded in T ticks, and by whom.

    Attributes:
        commands: (T, J) rad, grippers 0..1.
        meant: (T, J) where the person's hand, or the unattended leader, was.
        relative: the person's device counts by its changes.
        commanders: (T,) who commanded.
        counters: the controller's.
    """

    commands: Array
    meant: Array
    relative: bool
    commanders: NDArray[np.str_]
    counters: dict[str, int]

    @property
    def changes(self) -> NDArray[np.intp]:
        """Return the first ticks of those who took over, and after hand-backs."""
        human = self.commanders == "human"
        return np.flatnonzero(human[1:] != human[:-1]) + 1

    def naive(self) -> Array:
        """Return what a person's commands (T, J) were if they were taken as they are."""
        naive = self.meant.copy()
        for first, last in pairwise([*self.changes, len(naive)]):
            if self.relative and self.commanders[first] == "human":
                naive[first:last] += self.commands[first - 1] - self.meant[first - 1]
        return naive

    def step_mrad(self) -> float:
        """Return the largest step of an arm's joint beyond what its motion explains.

        That is its distance from going on with the velocity and acceleration of the last commands.
        """
        return 1e3 * float(np.abs(np.diff(self.commands[:, ~GRIPS], 3, axis=0)).max())

    def violations(self) -> int:
        """Return how many commands are faster, or change their speed faster, than they may."""
        beyond = 0
        for order, cap in enumerate(CAPS, start=1):
            rate = np.abs(np.diff(self.commands, order, axis=0)) / DT_S**order
            beyond += int((rate > cap * (1.0 + 1e-6) + 1e-6).any(axis=1).sum())
        return beyond

    def held(self) -> int:
        """Return how many commands the limits held back."""
        return sum(count for name, count in self.counters.items() if name.startswith("limit."))


def tried(takeovers: int, relative: bool, seed: int) -> Trial:
    """Return what came of so many takeovers and hand-backs."""
    return _Scene(relative, seed).played(takeovers)


class _Scene:
    """A policy that errs, a person who takes over, and the controller between them."""

    def __init__(self, relative: bool, seed: int) -> None:
        self._relative = relative
        self._random = np.random.default_rng(seed)
        self._motion = Motion.drawn(seed)
        self._controller = Controller(ControllerConfig(), JOINTS, LIMITS, START, START)
        self._start = self._pose(0.0)
        self._controller.observe(self._start)
        self._leader = Leader(JOINTS, relative, self._random)
        self._flying: tuple[int, ActionChunk] | None = None
        self._next_read_s = 0.0
        self._command = self._before = self._meant = self._start
        self._sent_s = 0.0

    def played(self, takeovers: int, person_s: tuple[float, float] = PERSON_S) -> Trial:
        """Let the person take over so many times, for so long."""
        rows: list[tuple[Array, Array, str]] = []
        tick, change, changes = 0, self._drawn(POLICY_S), 0
        while changes < 2 * takeovers:
            if tick == change:
                changes += 1
                change += self._changed(tick * DT_S, person_s)
            rows.append(self._tick(tick))
            tick += 1
        commands, meant, commanders = zip(*rows, strict=True)
        return Trial(
            np.array(commands),
            np.array(meant),
            self._relative,
            np.array(commanders),
            dict(self._controller.counters),
        )

    def _changed(self, now_s: float, person_s: tuple[float, float]) -> int:
        """Let the person take the leader or let go of it; returns the ticks to the next change."""
        if self._leader.engaged:
            self._leader.let_go()
            return self._drawn(POLICY_S)
        velocity = (self._command - self._before) / DT_S
        self._leader.take(self._arms_at(now_s), velocity, now_s)
        return self._drawn(person_s)

    def _arms_at(self, now_s: float) -> Array:
        """Return where the arms have got to since the last command."""
        since = (now_s - self._sent_s) / DT_S
        return self._command + since * (self._command - self._before)

    def _drawn(self, seconds: tuple[float, float]) -> int:
        return round(self._random.uniform(*seconds) / DT_S)

    def _tick(self, tick: int) -> tuple[Array, Array, str]:
        controller, now_s = self._controller, tick * DT_S
        now_ns = _T_START_NS + round(now_s * 1e9)
        self._listen(now_s, now_ns)
        command, status = controller.tick(now_ns)
        self._before, self._command, self._sent_s = self._command, command.position, now_s
        if self._flying is None:
            self._flying = (tick + round(LATENCY_S / DT_S), self._chunk(status.cursor, now_ns))
        if self._leader.engaged or status.commander != "human":
            self._meant = self._leader.meant(self._command, now_s)
        # Else it was let go a moment ago, and that has not been heard yet.
        return self._command, self._meant, status.commander

    def _listen(self, now_s: float, now_ns: int) -> None:
        """Let the controller hear what has been said since the last tick."""
        controller = self._controller
        while self._next_read_s <= now_s:
            read_ns = _T_START_NS + round(self._next_read_s * 1e9)
            arms = self._arms_at(self._next_read_s)
            said = self._leader.said(arms, self._next_read_s, read_ns)
            controller.hear(said, now_ns)
            self._next_read_s += PERIOD_S + self._random.uniform(-JITTER_S, JITTER_S)
        controller.steer("run", "all", now_ns)
        tick = round(now_s / DT_S)
        if self._flying is not None and self._flying[0] <= tick:
            controller.receive(self._flying[1], now_ns)
            self._flying = None

    def _pose(self, cursor: float) -> Array:
        """Return where the policy wants the arms at a cursor of the plan."""
        return np.asarray(self._chunked(cursor, 1)[0])

    def _chunked(self, cursor: float, count: int) -> Array:
        cursors = (cursor * DT_S + ACTION_S * np.arange(count)) / ACTION_S
        poses = self._motion.at(cursors)
        return np.asarray(np.where(GRIPS, 0.5 + 0.2 * poses, poses))

    def _chunk(self, cursor: float, now_ns: int) -> ActionChunk:
        """Return the policy's answer to what is seen now: back to its motion, never twice alike."""
        error = self._random.normal(0.0, SIGMA_RAD, len(JOINTS))
        apart = self._command - self._pose(cursor)
        fading = np.exp(-ACTION_S / RETURN_S * np.arange(HORIZON))[:, None]
        return ActionChunk(
            policy="stream",
            seq=now_ns,
            t_obs_ns=now_ns,
            cursor=cursor,
            epoch=self._controller.epoch,
            dt_ns=round(ACTION_S * 1e9),
            joints=JOINTS,
            actions=self._chunked(cursor, HORIZON) + error + fading * apart,
            stages_ms={},
        )


def lag_ms(seed: int = 0) -> float:
    """Return by how much commands are behind a person who has had them for a while, in ms.

    The time by which the person's motion, moved, fits the commands best: least squares.
    """
    scene = _Scene(relative=True, seed=seed)
    trial = scene.played(1, person_s=(LONG_S, LONG_S))
    human = np.flatnonzero(trial.commanders == "human")[round(SETTLED_S / DT_S) :]
    meant, commands = trial.meant[human][:, ~GRIPS], trial.commands[human][:, ~GRIPS]
    velocity = np.gradient(meant, DT_S, axis=0)[1:-1]
    apart = (meant - commands)[1:-1]
    velocity, apart = velocity - velocity.mean(axis=0), apart - apart.mean(axis=0)
    return 1e3 * float((velocity * apart).sum() / (velocity * velocity).sum())
