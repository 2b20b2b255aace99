"""What can be wrong with a process, by its signs of life."""

from __future__ import annotations

from dataclasses import dataclass

from messaging.messages import Heartbeat
from safety.cause import MOVING, Cause, Findings, joined
from safety.config import SafetyConfig
from safety.stall import Silence, Stalls

_SENSING = ("running",)
_NEVER: tuple[str, ...] = ()
_DASHBOARD = "dashboard"
_CAMERA = "camera."
BROWSERS = "browsers"  # the dashboard's counter of pages; its age is that of their newest word
_COMPLAINTS = ("WARNING", "cannot")  # how a note begins that somebody should read
_UNUSABLE = ("FROZEN", "LOST")  # first words of a camera's note


@dataclass(frozen=True, slots=True)
class _Part:
    """What a process is to the robot: its row, and in which phases its silence stops the robot."""

    row: int
    phases: tuple[str, ...]


_PARTS = {
    "policy_worker": _Part(3, _SENSING),
    "controller": _Part(4, MOVING),
    "arm": _Part(5, MOVING),
    "twin": _Part(5, MOVING),
    "camera": _Part(22, _NEVER),
    "button": _Part(1, MOVING),  # a stop that nobody would hear is none
}


class ProcessWatch:
    """Judges the newest heartbeat of one process again and again.

    Args:
        name: of the process.
        stall_s: how long it may be silent, unless it says that its work takes longer.
        config: the thresholds.
        stalls: what explains a silence.
        is_needed: whether the policy cannot go on without it, if it is a camera.
    """

    def __init__(
        self,
        name: str,
        stall_s: float,
        config: SafetyConfig,
        stalls: Stalls,
        *,
        is_needed: bool = False,
    ) -> None:
        self._name = name
        self._is_needed = is_needed
        self._silence = Silence(name, stalls)
        self._stall_s = stall_s
        self._config = config
        self._part = _PARTS.get(name.partition(".")[0])
        self._heartbeat: Heartbeat | None = None
        self._heard_ns = 0
        self._renewed = False  # another process has taken its name since the last look
        self._watched_ns = 0  # when somebody last had the page open

    def hear(self, heartbeat: Heartbeat, now_ns: int) -> None:
        """Take in a heartbeat; the time of its arrival counts, as it may come from elsewhere."""
        before = self._heartbeat
        self._renewed |= before is not None and before.ready and before.pid != heartbeat.pid
        self._heartbeat, self._heard_ns = heartbeat, now_ns
        if heartbeat.counters.get(BROWSERS):
            self._watched_ns = now_ns - round(heartbeat.age_ms * 1e6)

    def look(self, since_ns: int, now_ns: int) -> Findings:
        """Return what is wrong.

        Args:
            since_ns: when silence began to count, if not with the newest heartbeat.
            now_ns: the time.
        """
        renewed, self._renewed = self._renewed, False
        silent_ns = now_ns - max(self._heard_ns, since_ns)
        if self._part is None:
            return self._bystander(silent_ns, now_ns - max(self._watched_ns, since_ns))
        beat = self._heartbeat
        if self._name.startswith(_CAMERA):
            return self._view(beat, silent_ns)
        if renewed:
            return self._found("died and was started anew", self._part.phases)
        if beat is None or not beat.ready:
            return self._found(f"is not ready{self._note()}", _NEVER)
        silence = self._silence.look(now_ns - silent_ns, self._patience_s(beat), now_ns)
        if silence.is_fault:
            text = f"is silent for more than {self._patience_s(beat) * 1e3:.0f} ms"
            return self._found(text, self._part.phases)
        return joined([self._complaint(beat), silence.passing])

    def _bystander(self, silent_ns: int, unwatched_ns: int) -> Findings:
        """Judge a process without which the robot can move."""
        beat = self._heartbeat
        if self._name == _DASHBOARD:
            return self._dashboard(silent_ns, unwatched_ns)
        if beat is None or not beat.ready:
            return Findings(warnings=(f"{self._name} is not ready{self._note()}",))
        if silent_ns > self._patience_s(beat) * 1e9:
            return Findings(warnings=(f"{self._name} is silent",))
        return self._complaint(beat)

    def _dashboard(self, silent_ns: int, unwatched_ns: int) -> Findings:
        most_s = self._config.dashboard_silent_s
        if self._config.deadman and unwatched_ns > most_s * 1e9:
            text = f"nobody has had the dashboard's page open for more than {most_s:g} s"
            return Findings((Cause(7, self._name, text),))
        if self._heartbeat is None or silent_ns > most_s * 1e9:
            return Findings(warnings=(f"the dashboard is silent for more than {most_s:g} s",))
        return _FINE

    def _view(self, beat: Heartbeat | None, silent_ns: int) -> Findings:
        """Row 22: without a view that it needs the policy's plan runs out, and nothing is hurt."""
        text = self._blindness(beat, silent_ns)
        if not text:
            return _FINE
        if not self._is_needed:
            return Findings(warnings=(f"{self._name} {text}",))
        return joined([self._found(text, _NEVER), Findings(waits=(f"{self._name} {text}",))])

    def _blindness(self, beat: Heartbeat | None, silent_ns: int) -> str:
        if beat is None or not beat.ready:
            return f"is not ready{self._note()}"
        if silent_ns > self._patience_s(beat) * 1e9:
            return f"is silent for more than {self._patience_s(beat) * 1e3:.0f} ms"
        if beat.note.partition(":")[0] in _UNUSABLE:
            return f"is {beat.note}"
        most_s = self._config.camera_age_s
        is_late = beat.age_ms * 1e6 + silent_ns > most_s * 1e9
        return f"has had no image for more than {most_s * 1e3:.0f} ms" if is_late else ""

    def _complaint(self, beat: Heartbeat) -> Findings:
        if beat.note.startswith(_COMPLAINTS):
            return Findings(warnings=(f"{self._name}: {beat.note}",))
        return _FINE

    def _patience_s(self, beat: Heartbeat) -> float:
        return max(self._stall_s, beat.quiet_s)

    def _note(self) -> str:
        return f": {self._heartbeat.note}" if self._heartbeat and self._heartbeat.note else ""

    def _found(self, text: str, phases: tuple[str, ...]) -> Findings:
        row = self._part.row if self._part else 0
        return Findings((Cause(row, self._name, f"{self._name} {text}", phases=phases),))


_FINE = Findings()
