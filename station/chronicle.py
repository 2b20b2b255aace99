"""Turns what is heard of a run into events worth remembering."""

from __future__ import annotations

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
            text = f"{stop_in_words(state)}; once that is mended: `{reset}`"
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

    def _note(self, t_ns: int, source: str, text: str) -> None:
        self._record.note(RunEvent(t_ns, source, text))
