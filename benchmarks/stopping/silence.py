"""A safety process that hangs: from its silence to arms that brake."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from rich.console import Console
from rich.progress import track

from benchmarks.stopping.record import States, brakes_ns, last_change_ns
from benchmarks.stopping.robot import Robot

_BRAKES_S = 1.0  # by then arms must stand; its supervisor kills what hangs for two seconds


@dataclass
class Silences:
    """What became of each."""

    brakes_ms: list[float] = field(default_factory=list)  # SIGSTOP to the first braking cycle
    stands_ms: list[float] = field(default_factory=list)  # SIGSTOP to the last change of a goal
    missed: int = 0

    def figures(self) -> dict[str, float]:
        """Return the worst of each, in ms; nothing but the number missed if all were."""
        figures = {"permit_lost_missed": float(self.missed)}
        if self.brakes_ms:
            figures |= {
                "permit_lost_ms": max(self.brakes_ms),
                "permit_lost_p50_ms": float(np.median(self.brakes_ms)),
                "permit_lost_standstill_ms": max(self.stands_ms),
            }
        return figures


def measured(count: int, settings: Sequence[str], console: Console) -> Silences:
    """Let the safety process hang so many times while a policy moves the arms."""
    result = Silences()
    with Robot("dashboard.enabled=false", *settings) as robot:
        for _ in track(range(count), "silences", console=console):
            robot.set_in_motion()
            t_ns = robot.signal("safety", signal.SIGSTOP)
            robot.during(_BRAKES_S)
            robot.signal("safety", signal.SIGCONT)
            _judge(result, list(robot.since(t_ns).values()), t_ns)
    return result


def _judge(result: Silences, arms: list[States], t_ns: int) -> None:
    """Add what both arms did; the later of them counts."""
    braked = [brakes_ns(states) for states in arms]
    stands_ns = max(last_change_ns(states, t_ns) for states in arms)
    known = [stamp for stamp in braked if stamp is not None]
    if len(known) < len(arms) or stands_ns > t_ns + int(0.9e9 * _BRAKES_S):
        result.missed += 1
        return
    result.brakes_ms.append((max(known) - t_ns) * 1e-6)
    result.stands_ms.append((stands_ns - t_ns) * 1e-6)
