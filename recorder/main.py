"""The recorder: writes everything on the bus down as it happens, and is waited for by nobody.

What it cannot write it counts and tells; the robot goes on. Nothing in its loop touches the disk.
"""

from __future__ import annotations

import logging
import time
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated

from messaging.messages import EpisodeState, Reply
from messaging.service import Asked
from messaging.topics import EPISODE_STATE, Keep
from messaging.transport import Waiter
from recorder import compatibility, edits, files, journal, recover
from recorder.desk import Decision, Desk
from recorder.journal import OVER, RUNNING, Header, Journal
from recorder.layout import RECORDER_LOCK
from recorder.scribe import Scribe
from recorder.streams import Heard, Streams
from runtime.config import Between, LoopRate, StrictModel
from runtime.process import Context

log = logging.getLogger(__name__)

_LOOK_S = 0.04  # what is heard between two looks is all that a kill can take
_FEW_BYTES = 3  # times what must stay free, below which people are warned
_MOVES = {edits.DISCARD: journal.discard, edits.RESTORE: journal.restore}


class Config(StrictModel):
    """What is recorded, and where."""

    robot: str
    directory: Path
    arms: tuple[str, ...]
    joints: tuple[str, ...]  # of all arms, each named after its arm: left_waist
    cameras: tuple[str, ...]  # by the first one, images, joints and actions are aligned
    rate_hz: LoopRate = 30  # rows of the dataset a second
    operator: str = ""
    policy: str = ""
    checkpoint: str = ""
    free_bytes: Annotated[int, Between(0, 10**15)] = 2_000_000_000  # that the disk keeps free
    jpeg_quality: Annotated[int, Between(1, 100)] = 95
    twin: bool = False

    @property
    def joints_of_arms(self) -> dict[str, tuple[str, ...]]:
        """The joints' names, arm by arm."""
        return {
            arm: tuple(joint for joint in self.joints if joint.startswith(f"{arm}_"))
            for arm in self.arms
        }


def main(config: Config, context: Context) -> None:
    """Record every episode that the station conducts, until told to stop.

    Raises:
        BusyError: another recorder works in the directory.
        MismatchError: the dataset there is of another robot, version or rate.
        OSError: the directory cannot be written.
    """
    with files.sole(config.directory / RECORDER_LOCK, f"recorder of {config.robot}"):
        compatibility.require(
            config.directory,
            config.robot,
            config.rate_hz,
            config.joints,
            config.cameras,
            twin=config.twin,
        )
        for line in recover.cut_off(config.directory):
            log.warning(line)
        recorder = Recorder(config, context)
        try:
            while not context.stopping:
                recorder.step()
        finally:
            recorder.close()


class Recorder:
    """Follows the station's episodes and hands what it hears to the scribe."""

    def __init__(self, config: Config, context: Context) -> None:
        bus = context.bus
        self._config = config
        self._context = context
        self._scribe = Scribe(config.directory, config.jpeg_quality)
        self._streams = Streams(bus, config.arms, config.cameras, twin=config.twin)
        self._episodes = bus.subscriber(EPISODE_STATE, keep=Keep.ALL)
        self._service = bus.service("recorder")
        self._waiter = Waiter([self._service, self._episodes])
        self._desk = Desk()
        self._answered: dict[str, Reply] = {}
        self._known: EpisodeState | None = None  # the one that was begun last, as last heard of
        self._resumable = recover.resumable(config.directory)
        self._discarded = edits.discarded(edits.read(config.directory))  # before this one began
        self._outcome: str | None = None  # of the running episode, once it is over
        self._refusal = ""  # why the present episode is not recorded

    def step(self) -> None:
        """Wait a little, take in what came, and hand it on."""
        self._waiter.wait(_LOOK_S)
        now_ns = time.monotonic_ns()
        states = self._episodes.drain()
        news = self._streams.heard(now_ns)
        if self._desk.running:
            self._scribe.add(news)
            if self._outcome is not None:
                self._end(self._outcome)
        for state in states:
            self._follow(state, now_ns)
        while (asked := self._service.receive()) is not None:
            self._serve(asked)
        self._watch_disk()
        self._context.beat(counters=self._counters(), note=self.note)

    @property
    def note(self) -> str:
        """What it does and what is wrong, for people."""
        parts = [f"recording {self._desk.running}"] if self._desk.running else []
        if self._scribe.trouble:
            parts.insert(0, f"cannot write to {self._config.directory}: {self._scribe.trouble}")
        if self._refusal:
            parts.insert(0, self._refusal)
        elif self._scribe.free_bytes < _FEW_BYTES * self._config.free_bytes:
            parts.append(f"only {self._scribe.free_bytes * 1e-9:.1f} GB left on the disk")
        return "; ".join(parts)

    def close(self) -> None:
        """Write what is left; what was recorded is ready to be finished."""
        self._scribe.end()
        self._scribe.do(partial(recover.seal_all, self._config.directory))
        self._scribe.close()

    def _follow(self, state: EpisodeState, now_ns: int) -> None:
        known = self._known
        is_new = known is None or (state.episode, state.t_begin_ns) != (
            known.episode,
            known.t_begin_ns,
        )
        if state.phase == RUNNING and is_new:
            self._cut_off()
            self._known = state
            self._begin(state)
        if is_new and state.phase != RUNNING:
            self._conclude(state, now_ns)
            return
        self._known = state
        if self._desk.running:
            self._scribe.add([Heard(EPISODE_STATE.name, now_ns, state)])
            if state.phase == OVER and self._outcome is None:
                # Another look, for what was said before the end and is still on its way.
                self._outcome = state.outcome
        elif known and state.phase == OVER == known.phase and state.outcome != known.outcome:
            self._relabel(state)

    def _relabel(self, state: EpisodeState) -> None:
        """Write down that the last episode ended otherwise than was said first."""
        if self._desk.last:
            decision = Decision(True, "", edits.LABEL, self._desk.last, state.outcome)
            self._edit(decision, state.judge)

    def _conclude(self, state: EpisodeState, now_ns: int) -> None:
        """End the journal of an episode that ended while no recorder was there to see it."""
        if state.phase != OVER:
            return
        left = self._resumable.pop((state.episode, state.t_begin_ns), None)
        if left is None:
            return  # the label of an episode that nobody saw begin
        self._cut_off()
        self._known = state
        self._go_on(left)
        self._scribe.add([Heard(EPISODE_STATE.name, now_ns, state)])
        self._end(state.outcome)

    def _go_on(self, left: Journal) -> None:
        """Have what comes written to a journal that another recorder began."""
        self._scribe.open(lambda: left)
        self._desk.begin(left.name, doomed=left.name in self._discarded)

    def _begin(self, state: EpisodeState) -> None:
        self._refusal = self._refused()
        if self._refusal:
            log.error(self._refusal)
            self._desk.skip()
            return
        resumed = self._resumable.pop((state.episode, state.t_begin_ns), None)
        name = resumed.name if resumed else journal.journal_name(datetime.now())
        self._scribe.do(partial(recover.seal_all, self._config.directory, spare=name))
        if resumed:
            self._go_on(resumed)
        else:
            header = self._header(state)
            self._scribe.open(lambda: journal.begun(self._config.directory, name, header))
            self._desk.begin(name)
        self._scribe.add(self._streams.prelude())

    def _refused(self) -> str:
        free, least = self._scribe.free_bytes, self._config.free_bytes
        if free >= least:
            return ""
        return (
            f"not recording: {free * 1e-9:.1f} GB free in {self._config.directory}, and "
            f"{least * 1e-9:.1f} GB shall stay free: make room"
        )

    def _watch_disk(self) -> None:
        if self._desk.running and (refusal := self._refused()):
            self._refusal = refusal
            log.error(refusal)
            self._cut_off()

    def _end(self, outcome: str) -> None:
        self._outcome = None
        self._scribe.end()
        if self._desk.end(outcome):
            self._scribe.do(partial(journal.discard, self._config.directory, self._desk.last))

    def _cut_off(self) -> None:
        """End the running episode as one whose end nobody saw."""
        if self._desk.running:
            self._end(self._outcome or "")

    def _serve(self, asked: Asked) -> None:
        request = asked.request
        reply = self._answered.get(request.id)
        if reply is None:
            decision = self._desk.decide(request)
            if decision.kind:
                self._edit(decision, request.who)
            reply = Reply(request.id, decision.accepted, decision.said)
            self._answered = {request.id: reply}
        self._service.answer(asked, reply)

    def _edit(self, decision: Decision, who: str) -> None:
        edit = edits.Edit(
            at=datetime.now().astimezone().isoformat(timespec="milliseconds"),
            t_ns=time.monotonic_ns(),
            who=who,
            kind=decision.kind,
            episode=decision.episode,
            text=decision.text,
        )
        self._scribe.do(partial(edits.append, self._config.directory, edit))
        if edit.kind in _MOVES and edit.episode != self._desk.running:
            self._scribe.do(partial(_MOVES[edit.kind], self._config.directory, edit.episode))

    def _header(self, state: EpisodeState) -> Header:
        config = self._config
        chunk = self._streams.chunk()
        t_ns, wall = time.monotonic_ns(), datetime.now().astimezone()
        return Header(
            robot=config.robot,
            arms=config.joints_of_arms,
            cameras=config.cameras,
            rate_hz=config.rate_hz,
            operator=config.operator,
            policy=config.policy or (chunk.policy if chunk else ""),
            checkpoint=config.checkpoint,
            twin=config.twin,
            episode=state.episode,
            seed=state.seed,
            instruction=state.instruction,
            t_begin_ns=state.t_begin_ns,
            wall_begin=wall.isoformat(timespec="milliseconds"),
            wall_less_monotonic_ns=round(wall.timestamp() * 1e9) - t_ns,
        )

    def _counters(self) -> dict[str, int]:
        missed = self._streams.missed
        frames = sum(count for stream, count in missed.items() if stream.startswith("frame."))
        return {
            "recorded": self._scribe.counts["records"],
            "lost": self._scribe.counts["lost"] + self._streams.refused,
            "frames_missed": frames,
            "ticks_missed": missed.total() - frames,
            "free_mb": self._scribe.free_bytes // 1_000_000,
        }
