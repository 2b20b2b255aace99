"""Turns what is heard of a run into events worth remembering."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import asdict

from dashboard.recording import told
from messaging.messages import ControlStatus, Heartbeat, SafetyState
from motion.leave import NONE
from runtime.supervisor import Event, Phase
from station.record import RunEvent, RunRecord
from station.remedy import passing_in_words, safety_command, stop_in_words


def _forget(_line: bytes) -> None:
    """Keep nothing."""


class Chronicle:
    """Notes each change once."""

    def __init__(
        self, record: RunRecord, launched_ns: int, keep: Callable[[bytes], None] = _forget
    ) -> None:
        """Note in `record`, and `keep` each event as a line of JSON."""
        self._record = record
        self._launched_ns = launched_ns
        self._keep = keep
        self._seen: set[str] = set()  # processes that have been ready
        self._safety = "", ""  # phase and event
        self._passing: tuple[str, ...] = ()  # what holds the robot, or its policy, for a while
        self._refusals: list[str] = []
        self._is_held = False  # whether something that may pass keeps it from moving
        self.trouble = ""  # why the controller holds
        self._troubles: dict[tuple[str, str], str] = {}  # of those who record, by kind

    def process(self, event: Event, restarts: int) -> None:
        """Note what became of a process."""
        text = f"{event.phase.value} {event.detail}".strip()
        first = event.phase is Phase.READY and event.process not in self._seen
        routine = first or (event.phase is Phase.STARTING and event.detail.startswith("pid"))
        self._note(event.t_ns, event.process, text, routine=routine)
        self._seen |= {event.process} if first else set()
        self._record.restarts[event.process] = restarts

    def controller(self, heartbeat: Heartbeat | None, now_ns: int) -> None:
        """Note why the controller holds, and that it goes on again."""
        trouble = heartbeat.note if heartbeat else ""
        if self._is_held and trouble:
            return  # what the safety process makes of it counts, as soon as it is known
        if trouble != self.trouble:
            self.trouble = trouble
            self._note(now_ns, "controller", f"holds: {trouble}" if trouble else "goes on")

    def recording(self, heartbeats: Iterable[Heartbeat | None], now_ns: int) -> None:
        """Note what those who record cannot do or have lost, each thing once."""
        for heartbeat in heartbeats:
            for trouble in told(heartbeat).troubles:
                name = heartbeat.process if heartbeat else ""
                kind = name, re.sub(r"[\d.]+", "#", trouble)  # a count that goes up is no news
                if kind not in self._troubles:
                    self._note(now_ns, name, trouble)
                self._troubles[kind] = f"{name}: {trouble}"

    def tell_losses(self) -> None:
        """Put in the record what those who record could not do or have lost."""
        self._record.losses += self._troubles.values()
        self._troubles.clear()

    def recorder_died(self, detail: str, now_ns: int) -> None:
        """Note that nobody recorded for a while."""
        died = f"the recorder died {self._since(now_ns)} after launch ({detail})"
        self._record.losses.append(f"{died}: what happened until it was back is not in the dataset")

    def first_command(self, status: ControlStatus | None, now_ns: int) -> None:
        """Note when the policy began to command."""
        if self._record.first_command_s is None and status and status.chunks:
            self._record.first_command_s = (now_ns - self._launched_ns) * 1e-9

    def safety(self, state: SafetyState | None, now_ns: int) -> None:
        """Note what may move from now on, and if nothing, why and what to do."""
        if state is None:
            return
        self._is_held = state.phase in ("armed", "running") and state.motion == NONE
        self._passes(state, now_ns)
        if self._safety == (state.phase, state.event):
            return
        self._safety = state.phase, state.event
        self._note(now_ns, "safety", stop_in_words(state) or state.phase)
        if state.event:
            reset = safety_command(f"reset {state.event}", self._record.robot)
            self._note(now_ns, "safety", f"once that is mended: {reset}")

    def _passes(self, state: SafetyState, now_ns: int) -> None:
        """Note what holds and passes by itself, once it is known, and that it is over."""
        told = passing_in_words(state)
        kinds = tuple(re.sub(r"[\d.]+", "#", text) for text in told)  # a time that grows is no news
        for text, kind in zip(told, kinds, strict=True):
            if kind not in self._passing:
                self._note(now_ns, "robot", text)
        if self._passing and not kinds and not self._is_held and not state.event:
            self._note(now_ns, "robot", "goes on")
        if kinds or not self._is_held:
            self._passing = kinds

    def refused(self, text: str, now_ns: int) -> None:
        """Note what the safety process refuses, once, if it does so again and again."""
        if self._refusals != [text]:
            self._refusals = [text]
        elif self._refusals:
            self._note(now_ns, "safety", text)

    def wish(self, text: str, now_ns: int) -> None:
        """Note what a person asked of the run."""
        self._note(now_ns, "station", text)

    def _since(self, now_ns: int) -> str:
        return f"{(now_ns - self._launched_ns) * 1e-9:.0f} s"

    def _note(self, t_ns: int, source: str, text: str, *, routine: bool = False) -> None:
        event = RunEvent(t_ns, source, text, routine)
        self._record.note(event)
        self._keep(json.dumps(asdict(event)).encode() + b"\n")
