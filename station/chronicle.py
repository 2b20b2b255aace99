"""Turns what is heard of a run into events worth remembering."""

from __future__ import annotations

import re
from collections.abc import Iterable

from dashboard.recording import told
from messaging.messages import ControlStatus, Heartbeat, SafetyState
from runtime.supervisor import Event
from station.record import RunEvent, RunRecord
from station.remedy import safety_command, stop_in_words


class Chronicle:
    """Notes each change once."""

    def __init__(self, record: RunRecord, launched_ns: int) -> None:
        self._record = record
        self._launched_ns = launched_ns
        self._safety = "", ""  # phase and event
        self._refusals: list[str] = []
        self.trouble = ""  # why the controller holds
        self._troubles: dict[tuple[str, str], str] = {}  # of those who record, by kind

    def process(self, event: Event, restarts: int) -> None:
        """Note what became of a process."""
        self._note(event.t_ns, event.process, f"{event.phase.value} {event.detail}".strip())
        self._record.restarts[event.process] = restarts

    def controller(self, heartbeat: Heartbeat | None, now_ns: int) -> None:
        """Note why the controller holds, and that it goes on again."""
        trouble = heartbeat.note if heartbeat else ""
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
        if state is None or self._safety == (state.phase, state.event):
            return
        self._safety = state.phase, state.event
        text = state.phase
        if state.event:
            reset = safety_command(f"reset {state.event}", self._record.robot)
            text = f"{stop_in_words(state)}; once that is mended: {reset}"
        self._note(now_ns, "safety", text)

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

    def _note(self, t_ns: int, source: str, text: str) -> None:
        self._record.note(RunEvent(t_ns, source, text))
