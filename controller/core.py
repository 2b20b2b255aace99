"""From chunks, or from a person, to commands: merge, pace, limit. No clock, no transport."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from controller.alignment import aligned
from controller.config import ControllerConfig
from controller.course import Course
from controller.gauges import Gauges
from controller.helm import decided
from controller.ingress import Ingress
from controller.limits import COLLISION, limiter
from controller.merging import Merging
from controller.mode import HUMAN, MODES, ModeMachine
from controller.pacing import Pacing
from controller.person import Person
from controller.takeover import Takeover
from messaging.messages import ActionChunk, ControlStatus, HumanCommand, JointCommand
from motion.clearance import Clearance
from motion.limiter import Activation, Limiter
from motion.limits import JointLimits

Array = NDArray[np.float64]


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
        self._modes = ModeMachine()
        self._ingress = Ingress(joints, self.limits, config.max_age_s)
        self._merging = Merging(config, joints, self.counters)
        self._course = Course(self.limits, self._dt, np.array(rest, np.float64))
        poses = {"home": np.array(home, np.float64), "rest": np.array(rest, np.float64)}
        slow = self.limits.slowed(config.home_speed)
        self._pacing = Pacing(self._course, self._modes, poses, slow, self._dt)
        self._person = Person(joints)
        self._takeover = Takeover(self.limits, self._dt)
        self._gauges = Gauges(joints, self._dt)
        self._clearance = clearance
        self._limiter: Limiter | None = None
        self._seq = 0
        self._chunks = 0
        self.lost = False  # a person, while commanding: nobody commands until a person lets go
        self.permit = 0  # epoch of the permit under which commands are given, 0 without one

    @property
    def epoch(self) -> int:
        """Return the epoch whose chunks count."""
        return self._modes.epoch

    @property
    def cursor(self) -> float:
        """Return the plan cursor of the next command."""
        return self._course.cursor

    @property
    def speed(self) -> float:
        """Return the most of the usual speed that may be used, 0..1."""
        return self._pacing.speed

    @speed.setter
    def speed(self, most: float) -> None:
        self._pacing.speed = most

    def observe(self, position: Array) -> bool:
        """Take in where the joints (J,) are held; the first become the command: nothing jumps.

        Returns:
            Whether the joints are known by now, and so may be commanded.
        """
        if self._limiter is None and np.isfinite(position).all():
            self._limiter = limiter(self.limits, self._dt, position, self._clearance)
            self._course.stay(self._limiter.position)
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
        self._course.clock.start(0.0)
        self._course.stay(position)

    def direct(self, mode: str) -> None:
        """Change to one of MODES, smoothly; chunks from before are dropped from now on.

        An unknown mode is counted and changes nothing: a typing mistake must not end a motion.
        """
        if mode in MODES:
            self._change(mode)
        else:
            self.counters["dropped.mode"] += 1

    def hear(self, command: HumanCommand, now_ns: int) -> str | None:
        """Take in what a person says.

        Returns:
            Why it was dropped, None if it was not.
        """
        reason = self._person.hear(command, now_ns)
        if reason is not None:
            self.counters[f"human.{reason}"] += 1
        return reason

    def steer(self, directed: str, motion: str, now_ns: int) -> None:
        """Let command who may: the policy, a person, or nobody.

        Args:
            directed: one of MODES, by the station.
            motion: what is permitted, one of messages.MOTIONS.
            now_ns: the time.
        """
        wish = "none" if self._limiter is None else self._person.wish(now_ns)
        decision = decided(directed, motion, wish, self.lost)
        if decision.lost and not self.lost:
            self.counters["human.lost"] += 1
        self.lost = decision.lost
        if decision.mode == HUMAN:
            self._change(HUMAN)
        else:
            self.direct(decision.mode)

    def receive(self, chunk: ActionChunk, now_ns: int) -> str | None:
        """Merge `chunk` into the plan.

        Returns:
            Why it was dropped, None if it was merged.
        """
        reason = self._refusal(chunk, now_ns)
        if reason is not None:
            self.counters[f"dropped.{reason}"] += 1
            return reason
        course = self._course
        actions, clipped = self._ingress.clipped(chunk.actions)
        if clipped:
            self.counters["clipped"] += 1
        self._ingress.merged(chunk)
        if course.clock.rate == 0.0:
            self._pacing.runway.forget_last()
        span_s = (len(actions) - 1) * chunk.dt_ns * 1e-9
        self._pacing.runway.merged(chunk.t_obs_ns, span_s, now_ns)
        self._chunks += 1
        at_rest = course.resting
        start = course.first_free(kinks=self.config.splice == "none")
        placed = aligned(actions, chunk.cursor, chunk.dt_ns, self.dt_ns, chunk.t_obs_ns)
        course.join(start, self._merging.rows(course.plan, placed, start, chunk.seq))
        self._modes.set_off()
        if at_rest:
            self._pacing.start(now_ns)
        return None

    def tick(self, now_ns: int, late_us: float = 0.0) -> tuple[JointCommand, ControlStatus]:
        """Return the command for now, and the state in which it leaves the controller.

        Args:
            now_ns: time of this control period.
            late_us: how long after its deadline it began.

        Raises:
            RuntimeError: no joints have been observed yet.
        """
        if self._limiter is None:
            raise RuntimeError("the joints must be observed before they are commanded")
        if self._modes.mode == HUMAN:
            activations = self._led(self._limiter, now_ns - round(late_us * 1e3))
        else:
            self._pacing.step(now_ns, self._limiter.standing)
            activations = self._limiter.follow(self._course.pose)[1]
        blocked = any(activation.bound == COLLISION for activation in activations)
        self._measure(self._limiter, blocked)
        self.counters.update(str(activation) for activation in activations)
        position = self._limiter.position
        command = JointCommand(
            self._seq, now_ns, self.epoch, self.joints, position.copy(), self.permit
        )
        status = self._status(now_ns, late_us)
        self._seq += 1
        self._course.cursor += self._course.clock.rate
        if activations and self._modes.mode != HUMAN:
            if blocked:
                self._pacing.give_up()
            self._merging.rejoin(self._course, self._limiter)
        return command, status

    def _change(self, mode: str) -> None:
        """Be in `mode`, in a new epoch unless that is the present one."""
        led = self._modes.mode == HUMAN
        if not self._modes.direct(mode):
            return
        self._gauges.begin()
        self._pacing.begin()
        self._merging.forget()
        self._ingress.forget()
        if mode == HUMAN:
            self._takeover = Takeover(self.limits, self._dt)
            self._course.set_out()
        elif led and self._limiter is not None:
            self._course.brake(self._limiter)

    def _led(self, sent: Limiter, due_ns: int) -> tuple[Activation, ...]:
        """Send the arms to where the person in command wants them; returns what held them."""
        target = self._takeover.target(self._person, due_ns, sent, self.speed)
        _, activations = sent.follow(target)
        if activations:
            self._takeover.held()
        self._course.stay(sent.position)
        return activations

    def _measure(self, sent: Limiter, blocked: bool) -> None:
        """Measure how the commands go on."""
        mode = self._modes.mode
        # A person who stands still has not been told to go on.
        meant_to_go = mode not in ("idle", "hold", HUMAN)
        commander, rate = self._modes.commander, self._course.clock.rate
        self._gauges.add(
            sent.position,
            led=commander == HUMAN or (commander == "policy" and rate == 1.0),
            blocked=blocked,
            waiting=meant_to_go and sent.standing,
            starved=commander == "policy" and rate == 0.0,
        )

    def _refusal(self, chunk: ActionChunk, now_ns: int) -> str | None:
        """Return why `chunk` is not merged."""
        if self._limiter is None or self._modes.mode != "run":
            return "not_running"
        if chunk.epoch != self.epoch:
            return "epoch"
        return self._ingress.refusal(chunk, self.cursor, self.dt_ns, now_ns)

    def _status(self, now_ns: int, late_us: float) -> ControlStatus:
        """Return the state at this tick; the cursor is that of the command sent with it."""
        course = self._course
        return ControlStatus(
            seq=self._seq,
            t_ns=now_ns,
            late_us=late_us,
            mode=self._modes.mode,
            epoch=self.epoch,
            cursor=course.cursor,
            rate=course.clock.rate,
            upcoming=course.upcoming(self.config.upcoming_s),
            dt_ns=self.dt_ns,
            runway_s=course.left_s,
            latency_s=self._pacing.runway.latency_s,
            disagreement_rad=self._merging.disagreement_rad,
            jerk=self._gauges.jerk,
            chunks=self._chunks,
            counters=dict(self.counters),
            arrived=self._modes.arrived,
            permit=self.permit,
            starved_s=self._gauges.starved_s,
            blocked_s=self._gauges.blocked_s,
            commander=self._modes.commander,
            chunk=self._merging.newest,
            blended=self._merging.blended,
            lost=self.lost,
        )
