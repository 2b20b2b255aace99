"""The safety process: says 50 times a second whether the robot may move.

Its silence is a stop, and so is what it finds wrong, and what anybody asks it to stop. A request
is served as it arrives: first the permit goes out, then the latch and the audit are written, and
then whoever asked is answered.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from messaging.messages import Reply
from messaging.service import Asked
from messaging.topics import PERMIT, SAFETY_STATE
from messaging.transport import Waiter
from motion.leave import NONE
from runtime.config import Radians, StrictModel
from runtime.process import Context, Patience
from safety import account, audit, latch
from safety.account import Tally
from safety.cause import Cause
from safety.config import SafetyConfig
from safety.latch import latched, restored
from safety.replies import Replies
from safety.requests import requested
from safety.scribe import Scribe
from safety.senses import Senses
from safety.state import CODES, Facts, State, permitted, stepped
from safety.watch import Watch

_PERIOD_NS = round(1e9 / PERMIT.rate_hz)
_TELL_NS = round(1e9 / SAFETY_STATE.rate_hz)
_REQUESTS = 20  # acted upon between two permits at most: a flood must not eat the machine
_JUDGED_NS = 100_000_000  # how old a look may be for leave to be given by it
_ATTENTIVE_NS = 1_000_000_000  # how long arms that have to confirm a stop are listened to closely
_UNSEEN = Cause(6, "safety", "the safety process has not looked at the robot yet", phases=())


class Config(StrictModel):
    """The robot as the safety process needs to know it."""

    arms: tuple[str, ...]
    ranges: dict[str, tuple[Radians, Radians]]  # joint -> rad, grippers 0..1, in order of the arms
    processes: dict[str, Patience]  # name -> how long it may be silent, in s
    safety: SafetyConfig
    directory: Path  # of the latch and the audit


def main(config: Config, context: Context) -> None:
    """Say whether the robot may move until told to stop.

    The latch then still tells what was allowed to move, so that the next one begins stopped.

    Raises:
        AuditError: another safety process uses the directory.
        OSError: the directory cannot be written.
    """
    safety = Safety(config, context)
    try:
        while not context.stopping:
            safety.serve()
    finally:
        safety.close()


class Safety:
    """The loop's state around the pure one."""

    def __init__(self, config: Config, context: Context) -> None:
        bus = context.bus
        self._config = config
        self._context = context
        self._permits = bus.publisher(PERMIT)
        self._states = bus.publisher(SAFETY_STATE)
        self._service = bus.service("safety")
        self._senses = Senses(bus, config.arms, tuple(config.processes))
        self._watch = Watch(config.arms, config.ranges, config.processes, config.safety)
        self._scribe = Scribe(
            config.directory / latch.NAME, audit.Audit(config.directory / audit.NAME)
        )
        self._replies = Replies(self._service, config.safety.request_age_s)
        self._tally = Tally()
        self._waiter = Waiter([self._service])
        self._attentive = Waiter([self._service, *self._senses.arms])
        for waiter in (self._waiter, self._attentive):
            waiter.add(self._scribe.news)
        now_ns = time.monotonic_ns()
        self._due_ns = now_ns
        self._told_ns = 0
        self._requests_left = _REQUESTS
        self._facts = Facts(now_ns, _wall_clock(), (_UNSEEN,), arms=self._watch.arms())
        # Numbers that go on growing when the process is started anew.
        fresh = State(
            epoch=now_ns // 1_000_000, seq=now_ns // 1_000, drawn=secrets.randbelow(CODES)
        )
        self._state = restored(config.directory / latch.NAME, fresh, self._facts)
        self._gist = account.gist(self._state, self._facts)
        self._write(fresh, account.step_entries(fresh, self._state, self._facts))

    def serve(self) -> None:
        """Wait for the next permit's time or for what comes before it, and do what it takes."""
        attentive = self._waits_for_arms()
        left_s = max(0, self._due_ns - time.monotonic_ns()) * 1e-9
        if self._requests_left > 0:
            (self._attentive if attentive else self._waiter).wait(left_s)
            self._serve_requests()
        else:
            time.sleep(left_s)
        now_ns = time.monotonic_ns()
        is_due = now_ns >= self._due_ns
        if is_due or attentive:
            self._look(now_ns)
        if is_due:
            self._keep_permitting(now_ns)
        self._tell(time.monotonic_ns())
        self._scribe.acknowledge()
        self._replies.send_written(self._scribe.done)

    def close(self) -> None:
        """Take back every leave, and write what is left."""
        stop = self._state.stop
        if stop is None:
            self._state = replace(self._state, phase="disarmed", off_until_ns=0)
        else:
            self._state = replace(self._state, stop=replace(stop, stage=""))
        self._permit()
        self._scribe.close()
        self._replies.send_written(self._scribe.done)

    def _serve_requests(self) -> None:
        while self._requests_left > 0:
            refused = self._service.refused
            asked = self._service.receive()
            self._requests_left -= (asked is not None) + self._service.refused - refused
            if asked is None:
                return
            self._serve_one(asked)

    def _serve_one(self, asked: Asked) -> None:
        request, now_ns = asked.request, time.monotonic_ns()
        facts = replace(self._facts, now_ns=now_ns, at=_wall_clock())
        before = self._state
        if replay := self._replies.given(request.id):
            reply = Reply(request.id, False, f"already answered: {replay.said}", before.event)
        else:
            after, reply = requested(before, request, facts, self._config.safety)
            self._become(after)
            self._replies.remember(reply, now_ns)
        entry = account.request_entry(request, reply, before, self._state, facts)
        matters = (before.phase, before.event, before.order) != (
            self._state.phase,
            self._state.event,
            self._state.order,
        )
        ticket = self._write(before, [entry] if matters else self._tally.admitted(entry))
        self._replies.answer(asked, reply, ticket)

    def _look(self, now_ns: int) -> None:
        """Take in what came, judge it, and go on by it."""
        heard = self._senses.heard()
        found = self._watch.look(heard, now_ns, self._state.phase == "running")
        self._facts = Facts(
            now_ns=now_ns,
            at=_wall_clock(),
            causes=(*found.causes, *self._unwritten()),
            warnings=found.warnings,
            speed=found.speed,
            arms=self._watch.arms(),
            rested=self._watch.rested(),
        )
        before = self._state
        self._become(stepped(before, self._facts, self._config.safety))
        entries = account.step_entries(before, self._state, self._facts)
        self._write(before, [*entries, *self._tally.due(now_ns)])

    def _keep_permitting(self, now_ns: int) -> None:
        late_ns = now_ns - self._due_ns
        self._permit()
        # Missed beats are skipped, never made up for.
        self._due_ns += _PERIOD_NS * (1 + late_ns // _PERIOD_NS)
        self._requests_left = _REQUESTS
        self._context.beat(
            late_ns=late_ns,
            counters={"requests": self._replies.count, "malformed": self._service.refused},
            note=account.note(self._state, self._facts) or self._state.phase,
        )

    def _become(self, after: State) -> None:
        """Go on as `after`; what it permits goes out before anything else is done."""
        before, self._state = self._state, after
        if _permits(before) != _permits(after):
            self._permit()

    def _permit(self) -> None:
        """Say what may move, unless that was judged too long ago: then silence is the stop."""
        facts = replace(self._facts, now_ns=time.monotonic_ns())
        age_ns = facts.now_ns - self._facts.now_ns
        if self._state.motion != NONE and age_ns > _JUDGED_NS:
            return
        self._state, permit = permitted(self._state, facts)
        self._permits.send(permit)

    def _tell(self, now_ns: int) -> None:
        gist = account.gist(self._state, self._facts)
        if now_ns - self._told_ns >= _TELL_NS or gist != self._gist:
            self._gist, self._told_ns = gist, now_ns
            self._states.send(account.told(self._state, replace(self._facts, now_ns=now_ns)))

    def _write(self, before: State, entries: list[audit.Entry]) -> int:
        """Have written what changed; returns the ticket by which it can be asked for."""
        if self._state is before and not entries:
            return 0
        content = latched(self._state)
        changed = content if content != latched(before) else None
        return self._scribe.write(changed, entries) if changed or entries else 0

    def _unwritten(self) -> list[Cause]:
        return [
            Cause(25, what, f"the {what} cannot be written: {why}: make room, check its folder")
            for what, why in self._scribe.troubles.items()
        ]

    def _waits_for_arms(self) -> bool:
        if self._state.stop is None:
            return self._state.phase == "testing"
        stop = self._state.stop
        confirmed = len(stop.confirmed_ms) == len(self._config.arms)
        return not confirmed and time.monotonic_ns() - stop.t_ns < _ATTENTIVE_NS


def _permits(state: State) -> tuple[int, str, float, str, str]:
    return state.epoch, state.motion, state.speed, state.order, state.event


def _wall_clock() -> str:
    return datetime.now().astimezone().isoformat(timespec="milliseconds")
