"""What can be wrong with the controller, by what it says of each of its ticks."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from messaging.messages import ControlStatus
from safety.cause import Cause, Findings, joined
from safety.config import SafetyConfig
from safety.stall import Silence, Stalls

_SUBJECT = "controller"


class ControlWatch:
    """Follows every tick."""

    def __init__(self, config: SafetyConfig, rate_hz: float, stalls: Stalls) -> None:
        """Begin without having heard a tick.

        Args:
            config: the thresholds.
            rate_hz: of the ticks.
            stalls: what explains a silence.
        """
        self._config = config
        self._stalls = stalls
        self._silence = Silence("the controller", stalls)
        self._excused_ns: int | None = None  # when something last kept the policy from going on
        self._status: ControlStatus | None = None
        self._in_a_row = 0  # ticks more than a period late
        self._late: deque[bool] = deque(maxlen=round(config.overrun_window_s * rate_hz))
        self._late_count = 0

    @property
    def newest(self) -> ControlStatus | None:
        """The newest tick's status."""
        return self._status

    def hear(self, statuses: Iterable[ControlStatus]) -> None:
        """Take in what the controller said since the last time, oldest first."""
        for status in statuses:
            self._count(status)
            self._status = status

    def look(self, since_ns: int, now_ns: int, running: bool, *, excused: bool = False) -> Findings:
        """Return what is wrong.

        Args:
            since_ns: when silence began to count, if not with the newest status.
            now_ns: the time.
            running: a policy may command.
            excused: it cannot go on just now, and what keeps it from that is known.
        """
        config, status = self._config, self._status
        if status is None:
            text = "the controller has not been heard yet"
            return Findings((Cause(4, _SUBJECT, text, phases=()),))
        silence = self._silence.look(max(status.t_ns, since_ns), config.controller_silent_s, now_ns)
        if silence.is_fault:
            most_ms = config.controller_silent_s * 1e3
            return Findings((self._cause(4, f"is silent for more than {most_ms:.0f} ms"),))
        causes = []
        if excused or silence.holds:
            self._excused_ns = now_ns
        if running and self._starved_s(status, now_ns) > config.starved_s:
            text = f"has had no new actions for more than {config.starved_s:g} s: see the policy"
            causes.append(self._cause(2, text))
        if status.blocked_s > config.blocked_s:
            text = f"keeps the arms from touching something for more than {config.blocked_s:g} s"
            causes.append(self._cause(20, text))
        if self._in_a_row >= config.overruns:
            text = f"was more than a period late {config.overruns} times in a row"
            causes.append(self._cause(24, text))
        return joined([Findings(tuple(causes), self._slowness()), silence.passing])

    def _starved_s(self, status: ControlStatus, now_ns: int) -> float:
        """Return for how long the plan has been at its end, and nothing explains it."""
        begin_ns = now_ns - round(status.starved_s * 1e9)
        if self._excused_ns is not None:
            begin_ns = max(begin_ns, self._excused_ns)
        return self._stalls.unexplained_ns(begin_ns, now_ns) * 1e-9

    def _slowness(self) -> tuple[str, ...]:
        if self._late_count * 100 <= (self._late.maxlen or 0):
            return ()
        share = self._config.overrun_share
        return (f"1 % of the controller's ticks are late by over {share:.0%} of a period",)

    def _count(self, status: ControlStatus) -> None:
        late_ns = status.late_us * 1e3
        if self._status is not None and status.seq == self._status.seq + 1:
            # A tick that came too late for its own beat is on time for the next.
            late_ns = max(late_ns, status.t_ns - self._status.t_ns - status.dt_ns)
        self._in_a_row = self._in_a_row + 1 if late_ns > status.dt_ns else 0
        if len(self._late) == self._late.maxlen:
            self._late_count -= self._late[0]
        is_late = late_ns > self._config.overrun_share * status.dt_ns
        self._late.append(is_late)
        self._late_count += is_late

    @staticmethod
    def _cause(row: int, text: str) -> Cause:
        return Cause(row, _SUBJECT, f"the controller {text}")
