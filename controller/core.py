"""From chunks to commands: align, ensemble, splice, pace, limit. No clock, no transport."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from controller.alignment import Aligned, aligned
from controller.clock import PlanClock
from controller.config import ControllerConfig
from controller.ensemble import Ensemble
from controller.ingress import Ingress
from controller.limits import COLLISION, Blockage, limiter
from controller.mode import MODES, POSES, ModeMachine
from controller.plan import SNAP, Plan
from controller.runway import AHEAD_S, Runway, feasible_rates
from controller.smoothness import Smoothness
from controller.splice import HISTORY, continued, spliced
from messaging.messages import ActionChunk, ControlStatus, JointCommand
from motion import minimum_jerk
from motion.clearance import Clearance
from motion.limiter import Limiter
from motion.limits import JointLimits

Array = NDArray[np.float64]

KEPT = 4  # rows of a plan before its newest part, for differences that reach back


class Controller:
    """Commands J joints at a fixed rate.

    Call `tick` once a control period and the others in between; time comes in as an argument.
    Before the first `observe` there is nothing to command, and `tick` raises.
    """

    def __init__(
        self,
        config: ControllerConfig,
        joints: Sequence[str],
        limits: JointLimits,
        home: Array,
        rest: Array,
        clearance: Clearance | None = None,
    ) -> None:
        """Begin idle.

        Args:
            config: how chunks become commands.
            joints: names, in the order of every (J,) array.
            limits: of these joints.
            home: (J,) pose that episodes begin from.
            rest: (J,) pose in which torque may be taken off.
            clearance: of these joints; without it, collisions are nobody's business here.
        """
        self.config = config
        self.joints = tuple(joints)
        self.limits = limits.of(joints)
        self.dt_ns = round(1e9 / config.rate_hz)
        self.counters: Counter[str] = Counter()
        self._dt = 1.0 / config.rate_hz
        self._poses = {"home": np.array(home, np.float64), "rest": np.array(rest, np.float64)}
        self._modes = ModeMachine()
        self._ingress = Ingress(joints, self.limits, config.max_age_s)
        self._ensemble = Ensemble(config, joints)
        self._clock = PlanClock(self._dt)
        self._runway = Runway()
        self._smoothness = Smoothness(joints, self._dt)
        self._clearance = clearance
        self._blockage = Blockage(self._dt)
        self._blocked = False  # and what was planned given up
        self._limiter: Limiter | None = None
        self._seq = 0
        self._chunks = 0
        self._disagreement_rad = 0.0
        self._starved_ticks = 0
        self.permit = 0  # epoch of the permit under which commands are given, 0 without one
        self.speed = 1.0  # most of the usual speed, 0..1
        self.cursor = 0.0
        self._follow(Plan.at_rest(0, self._poses["rest"]))

    @property
    def epoch(self) -> int:
        """Return the epoch whose chunks count."""
        return self._modes.epoch

    def observe(self, position: Array) -> bool:
        """Take in where the joints (J,) are held; the first become the command: nothing jumps.

        Returns:
            Whether the joints are known by now, and so may be commanded.
        """
        if self._limiter is None and np.isfinite(position).all():
            self._limiter = limiter(self.limits, self._dt, position, self._clearance)
            self._follow(Plan.at_rest(self.cursor, self._limiter.position))
        return self._limiter is not None

    def feel(self, position: Array) -> None:
        """Take in where the joints (J,) are measured: what a hand holds keeps it open."""
        if self._clearance is not None and np.isfinite(position).all():
            self._clearance.feel(position)

    def stand(self, position: Array) -> None:
        """Be at rest where the servos are held (J,): without leave to move nothing is planned."""
        self.direct("hold")
        if self._limiter is not None:
            self._limiter.reset(position)
        self._clock.start(0.0)
        self._follow(Plan.at_rest(self.cursor, position))

    def direct(self, mode: str) -> None:
        """Change to one of MODES, smoothly; chunks from before are dropped from now on.

        An unknown mode is counted and changes nothing: a typing mistake must not end a motion.
        """
        if mode not in MODES:
            self.counters["dropped.mode"] += 1
        elif self._modes.direct(mode):
            self._blockage, self._blocked = Blockage(self._dt), False
            self._ensemble.clear()
            self._ingress.forget()
            self._runway.forget_last()

    def receive(self, chunk: ActionChunk, now_ns: int) -> str | None:
        """Merge `chunk` into the plan.

        Returns:
            Why it was dropped, None if it was merged.
        """
        reason = self._refusal(chunk, now_ns)
        if reason is not None:
            self.counters[f"dropped.{reason}"] += 1
            return reason
        actions, clipped = self._ingress.clipped(chunk.actions)
        if clipped:
            self.counters["clipped"] += 1
        self._ingress.merged(chunk)
        if self._clock.rate == 0.0:
            self._runway.forget_last()
        span_s = (len(actions) - 1) * chunk.dt_ns * 1e-9
        self._runway.merged(chunk.t_obs_ns, span_s, now_ns)
        self._chunks += 1
        at_rest = self._clock.rate == 0.0 and self._plan.resting
        self._merge(aligned(actions, chunk.cursor, chunk.dt_ns, self.dt_ns, chunk.t_obs_ns))
        self._modes.set_off()
        if at_rest:
            self._clock.start(self._wanted_rate(now_ns))
        return None

    def tick(self, now_ns: int, late_us: float = 0.0) -> tuple[JointCommand, ControlStatus]:
        """Return the command for now, and the state in which it leaves the controller.

        Args:
            now_ns: time of this control period.
            late_us: how long after its deadline it began, for the status.

        Raises:
            RuntimeError: no joints have been observed yet.
        """
        if self._limiter is None:
            raise RuntimeError("the joints must be observed before they are commanded")
        rate = self._pace(now_ns)
        running = self._modes.mode == "run" and self._modes.arrived
        starved = running and rate == 0.0 and not self._blockage.seconds
        self._starved_ticks = self._starved_ticks + 1 if starved else 0
        position, activations = self._limiter.follow(self._plan.at(self.cursor))
        blocked = any(activation.bound == COLLISION for activation in activations)
        meant_to_go = self._modes.mode not in ("idle", "hold")
        self._blockage.add(blocked, waiting=meant_to_go and self._limiter.standing)
        self._smoothness.add(position)
        command = JointCommand(
            self._seq, now_ns, self.epoch, self.joints, position.copy(), self.permit
        )
        status = self._status(now_ns, late_us, rate)
        self._seq += 1
        self.cursor += rate
        if activations:
            self.counters.update(str(activation) for activation in activations)
            if blocked:
                self._clock.start(0.0)
                self._blocked = True
            self._rejoin(self._limiter)
        return command, status

    def _refusal(self, chunk: ActionChunk, now_ns: int) -> str | None:
        """Return why `chunk` is not merged."""
        if self._limiter is None or self._modes.mode != "run":
            return "not_running"
        if chunk.epoch != self.epoch:
            return "epoch"
        return self._ingress.refusal(chunk, self.cursor, self.dt_ns, now_ns)

    def _merge(self, chunk: Aligned) -> None:
        """Join a chunk to the plan."""
        start = self._first_free()
        if self._ensemble.add(chunk, start):
            self.counters["mode_switch"] += 1
        rows = self._ensemble.reference()
        self._disagreement_rad = self._apart(chunk.since(start))
        if self.config.splice == "minimum_jerk":
            rows = self._smoothed(start, rows)
        self._follow(self._plan.joined(start, rows, KEPT))

    def _apart(self, chunk: Aligned) -> float:
        """Return how far `chunk` is from the plan, RMS over the arms' joints where both exist."""
        stop = min(chunk.stop, self._plan.last + 1)
        if stop <= chunk.first:
            return 0.0
        apart = chunk.rows[: stop - chunk.first] - self._plan.between(chunk.first, stop)
        arms = apart[:, self._smoothness.arms].ravel()
        return math.sqrt(float(arms @ arms) / len(arms))

    def _smoothed(self, start: int, reference: Array) -> Array:
        """Return the rows that follow the plan before `start` and lead to `reference`."""
        history = self._plan.between(start - HISTORY, start)
        smoothness, join = self.config.smoothness_s6, self.config.join_s
        longer = continued(reference, self._dt)
        return spliced(history, longer, self._dt, smoothness, join)[: len(reference)]

    def _first_free(self) -> int:
        """Return the first row that may change without a kink in what is about to be sent."""
        upper = math.ceil(self.cursor - SNAP)
        if self.config.splice == "none" or (self._clock.rate == 1.0 and self.cursor > upper - SNAP):
            return upper
        # Slower, the next command lies between rows, and all four that it is made of must stay.
        return upper + 1 if self._plan.resting else math.floor(self.cursor) + 3

    def _follow(self, plan: Plan) -> None:
        """Make `plan` the plan."""
        self._plan = plan
        self._rates = feasible_rates(plan.rows, self.limits, self._dt)

    def _feasible_rate(self) -> float:
        """Return the greatest rate that the plan just ahead allows."""
        here = math.floor(self.cursor) - self._plan.first
        ahead = self._rates[max(here, 0) : max(here, 0) + round(AHEAD_S / self._dt)]
        return float(ahead.min(initial=1.0))

    def _pace(self, now_ns: int) -> float:
        """Return the plan clock's rate for this tick."""
        at_end = self.cursor >= self._plan.last and not self._blocked
        step = self._modes.step(self._clock.rate == 0.0, at_end)
        if step == "depart" or (step == "go" and self._may_try_again()):
            self._depart()
        elif step == "stop":
            if at_end:
                self._clock.start(0.0)
            self._settle()
            return self._clock.step(0.0)
        left_s = self._left_s() if self._modes.mode == "run" else math.inf
        return self._clock.step(self._wanted_rate(now_ns), left_s)

    def _may_try_again(self) -> bool:
        """Return whether the arms stand where something kept them from the pose of this mode."""
        standing = self._limiter is not None and self._limiter.standing
        return self._blocked and standing and self._modes.mode in POSES

    def _wanted_rate(self, now_ns: int) -> float:
        """Return the rate that limits allow and, where chunks are awaited, the runway affords."""
        rate = min(self._feasible_rate(), self.speed)
        if self._modes.mode == "run":
            rate = min(rate, self._runway.sustained_rate(self._left_s(), now_ns))
        return rate

    def _settle(self) -> None:
        """Once stopped on purpose, forget the rest of the plan: what comes next begins at rest."""
        if self._clock.rate == 0.0 and not self._plan.resting:
            self._follow(Plan.at_rest(self.cursor, self._plan.at(self.cursor)))

    def _depart(self) -> None:
        """Plan the way to the pose of this mode, from standstill."""
        self._blocked = False
        start, pose = self._plan.at(self.cursor), self._poses[self._modes.mode]
        self.cursor = float(math.ceil(self.cursor))
        slow = self.limits.slowed(self.config.home_speed)
        rows = minimum_jerk.path(start, pose, slow, self._dt)
        self._follow(Plan(int(self.cursor), rows))
        self._clock.start(1.0)

    def _rejoin(self, sent: Limiter) -> None:
        """After the limits held a command back, let the plan begin where the joints really are."""
        if self._clock.rate == 0.0:
            # Nothing to go on with: a plan that stays behind would be chased, to and fro.
            self._follow(Plan(math.ceil(self.cursor), sent.position[None].copy()))
            return
        start = math.ceil(self.cursor - SNAP)
        reference = self._plan.between(start, max(self._plan.last + 1, start + 1))
        history = Plan(start - KEPT, sent.past(KEPT))
        self._follow(history)
        self._follow(history.joined(start, self._smoothed(start, reference), KEPT))

    def _left_s(self) -> float:
        """Return how long the plan lasts from the next command on, at full speed."""
        return max(self._plan.last - self.cursor, 0.0) * self._dt

    def _status(self, now_ns: int, late_us: float, rate: float) -> ControlStatus:
        """Return the state at this tick; the cursor is that of the command sent with it."""
        rows = max(1, round(self.config.upcoming_s / self._dt))
        return ControlStatus(
            seq=self._seq,
            t_ns=now_ns,
            late_us=late_us,
            mode=self._modes.mode,
            epoch=self.epoch,
            cursor=self.cursor,
            rate=rate,
            upcoming=self._plan.upcoming(self.cursor, rows),
            dt_ns=self.dt_ns,
            runway_s=self._left_s(),
            latency_s=self._runway.latency_s,
            disagreement_rad=self._disagreement_rad,
            jerk=self._smoothness.jerk,
            chunks=self._chunks,
            counters=dict(self.counters),
            arrived=self._modes.arrived,
            permit=self.permit,
            starved_s=self._starved_ticks * self._dt,
            blocked_s=self._blockage.seconds,
        )
