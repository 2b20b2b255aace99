"""Silence and what explains it: a machine that stood still is no fault of whoever was silent.

Somebody who is silent for too long is a fault at once, on real arms. Of a robot that is played by
the machine which also watches it, a silence only holds the arms until those whose loops were late
could say so: what a stall explains passes, what it does not is a fault after all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from messaging.messages import Heartbeat
from safety.cause import Findings

_RECOVERY_NS: Final = 100_000_000  # after a stall, in which everybody comes to speak again
_BRIEF_NS: Final = 300_000_000  # of silence that nobody explains: too short to be a fault
_GRACE_NS: Final = 200_000_000  # after a silence, in which its explanation may still come
_KEPT_NS: Final = 10_000_000_000
_WITNESSES: Final = ("twin", "arm")  # those who play or drive the robot, each at its own rate


def stood_still(stall_ns: int) -> str:
    """Return a stall of the machine in words."""
    return f"the machine stood still for {stall_ns * 1e-6:.0f} ms"


class Stalls:
    """When the machine stood still, by the word of those whose loops were late.

    Args:
        most_s: how long a silence may go without an explanation; 0 where none is accepted.
    """

    def __init__(self, most_s: float) -> None:
        self.most_ns = round(most_s * 1e9)
        self._spans: list[tuple[int, int]] = []  # begin and end, in order and apart
        self._told: dict[str, int] = {}  # when the last stall was over, by who told of it

    def hear(self, heartbeat: Heartbeat) -> Findings:
        """Take in what a process says of itself; a stall that is news holds the arms."""
        end_ns, kind = heartbeat.t_stall_ns, heartbeat.process.partition(".")[0]
        is_news = end_ns and end_ns != self._told.get(heartbeat.process)
        if not self.most_ns or not is_news or kind not in _WITNESSES:
            return Findings()
        self._told[heartbeat.process] = end_ns
        begin_ns = end_ns - round(heartbeat.stall_ms * 1e6)
        self.note(begin_ns, end_ns)
        return Findings(held=True, holds=(self.told(begin_ns, end_ns),))

    def note(self, begin_ns: int, end_ns: int) -> None:
        """Take in that somebody stood still."""
        if not self.most_ns:
            return
        apart = [span for span in self._spans if span[1] < begin_ns or span[0] > end_ns]
        met = [span for span in self._spans if span not in apart]
        begin_ns = min([begin_ns, *(first for first, _ in met)])
        end_ns = max([end_ns, *(last for _, last in met)])
        spans = sorted([*apart, (begin_ns, end_ns)])
        self._spans = [span for span in spans if span[1] > spans[-1][1] - _KEPT_NS]

    def told(self, begin_ns: int, end_ns: int) -> str:
        """Return in words how long the machine stood still meanwhile, empty if it did not."""
        found = (last - first for first, last in self._spans if first < end_ns and last > begin_ns)
        longest_ns = max(found, default=0)
        return stood_still(longest_ns) if longest_ns else ""

    def unexplained_ns(self, begin_ns: int, end_ns: int) -> int:
        """Return how much of a silence no stall explains."""
        left_ns, until_ns = 0, begin_ns  # up to which it is explained or counted
        for first, last in self._spans:
            left_ns += max(0, min(first, end_ns) - until_ns)
            until_ns = max(until_ns, min(last + _RECOVERY_NS, end_ns))
        return left_ns + max(0, end_ns - until_ns)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the silences of one come to.

    Attributes:
        is_fault: whether one is a fault.
        holds: whether one goes on, or is not explained yet.
        why: what explains it, or how long it was, once that is known.
    """

    is_fault: bool = False
    holds: bool = False
    why: str = ""

    @property
    def passing(self) -> Findings:
        """What of it passes by itself."""
        return Findings(held=self.holds, holds=(self.why,) if self.why else ())


class Silence:
    """Judges the silences of one, each until it is explained, over and brief, or a fault.

    Args:
        who: is silent, in words.
        stalls: what explains it.
    """

    def __init__(self, who: str, stalls: Stalls) -> None:
        self._who = who
        self._stalls = stalls
        self._begun_ns: int | None = None  # of the silence that goes on
        self._is_fault = False  # that silence
        self._over: list[tuple[int, int]] = []  # begin and end of those that wait to be explained

    def look(self, heard_ns: int, most_s: float, now_ns: int) -> Verdict:
        """Return what the silence since `heard_ns` is, and those before it that are open.

        Args:
            heard_ns: when it was heard last.
            most_s: how long it may be silent.
            now_ns: the time.
        """
        most_ns = round(most_s * 1e9)
        if self._begun_ns is not None and heard_ns > self._begun_ns:
            if not self._is_fault:
                self._over.append((self._begun_ns, heard_ns))
            self._begun_ns, self._is_fault = None, False
        if self._begun_ns is None and now_ns - heard_ns > most_ns:
            self._begun_ns = heard_ns
        verdicts = {span: self._ended(*span, most_ns, now_ns) for span in self._over}
        self._over = [span for span, verdict in verdicts.items() if verdict.holds]
        if self._begun_ns is not None:
            verdicts[self._begun_ns, now_ns] = self._lasting(self._begun_ns, most_ns, now_ns)
        whys = [verdict.why for verdict in verdicts.values() if verdict.why]
        return Verdict(
            is_fault=any(verdict.is_fault for verdict in verdicts.values()),
            holds=any(verdict.holds for verdict in verdicts.values()),
            why=whys[-1] if whys else "",
        )

    def _lasting(self, begin_ns: int, most_ns: int, now_ns: int) -> Verdict:
        """Return what a silence is that goes on."""
        unexplained_ns = self._stalls.unexplained_ns(begin_ns, now_ns)
        waits = self._stalls.most_ns and unexplained_ns <= most_ns + self._stalls.most_ns
        self._is_fault = self._is_fault or not waits
        if self._is_fault:
            return Verdict(is_fault=True)
        return Verdict(holds=True, why=self._stalls.told(begin_ns, now_ns))

    def _ended(self, begin_ns: int, end_ns: int, most_ns: int, now_ns: int) -> Verdict:
        """Return what a silence was that is over."""
        unexplained_ns = self._stalls.unexplained_ns(begin_ns, end_ns)
        if unexplained_ns > most_ns + min(_BRIEF_NS, self._stalls.most_ns):
            is_fault = now_ns - end_ns > _GRACE_NS
            return Verdict(is_fault=is_fault, holds=not is_fault)
        said = f"{self._who} said nothing for {(end_ns - begin_ns) * 1e-6:.0f} ms"
        return Verdict(why=self._stalls.told(begin_ns, end_ns) or said)
