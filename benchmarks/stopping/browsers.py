"""Whether open pages make the control tick late."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from rich.console import Console
from rich.progress import track

from benchmarks.live import stolen_s
from benchmarks.stalls import Span, Stalls
from benchmarks.stopping.broker import free_port
from benchmarks.stopping.robot import ROOT, Robot

BROWSERS = 10
_SETTLES_S = 3.0  # after pages were opened or closed


@dataclass
class Blocks:
    """The spans in which ticks were late, with and without browsers, and what the host did."""

    late: dict[bool, list[Span]] = field(default_factory=lambda: {False: [], True: []})
    stolen_s: dict[bool, float] = field(default_factory=lambda: {False: 0.0, True: 0.0})
    stalls: Stalls = field(default_factory=Stalls)

    def figures(self) -> dict[str, float]:
        """Return percentiles with and without browsers, and the ratio of those of 99.9 %.

        That again without the ticks that waited for a core that stood still: *awake*.
        """
        figures: dict[str, float] = {}
        for watched, name in ((False, "no"), (True, "ten")):
            spans = np.array(self.late[watched])
            late_ms = (spans[:, 1] - spans[:, 0]) * 1e-6
            awake_ms = late_ms[~np.array(self.stalls.explain(self.late[watched]))]
            for share in (50.0, 99.0, 99.9):
                key = f"tick_late_{name}_browsers_p{f'{share:g}'.replace('.', '')}"
                figures[f"{key}_ms"] = float(np.percentile(late_ms, share))
                figures[f"{key}_awake_ms"] = float(np.percentile(awake_ms, share))
            figures[f"{name}_browsers_stolen_s"] = self.stolen_s[watched]
        for kind in ("", "_awake"):
            alone, beside = (
                figures[f"tick_late_{name}_browsers_p999{kind}_ms"] for name in ("no", "ten")
            )
            figures[f"browsers_tick{kind}_ratio"] = beside / alone
        return figures


def measured(blocks: int, block_s: float, settings: Sequence[str], console: Console) -> Blocks:
    """Let a policy run, and open and close ten pages by turns, so that drift cancels out."""
    result = Blocks()
    port = free_port()
    with result.stalls, Robot(f"dashboard.port={port}", *settings) as robot:
        robot.set_in_motion()
        for number in track(range(2 * blocks), "blocks", console=console):
            # Without, with, with, without: a steady drift meets both alike.
            watched = number % 4 in (1, 2)
            with _pages(port, BROWSERS if watched else 0):
                robot.during(_SETTLES_S)
                seen = robot.statuses[-1].seq
                stolen = stolen_s()
                robot.during(block_s)
                result.stolen_s[watched] += stolen_s() - stolen
                late = [
                    (status.t_ns - round(status.late_us * 1e3), status.t_ns)
                    for status in robot.statuses
                    if status.seq > seen
                ]
                result.late[watched] += late
    return result


@contextmanager
def _pages(port: int, count: int) -> Iterator[None]:
    if count == 0:
        yield
        return
    program = [sys.executable, "-m", "benchmarks.stopping.pages", str(port), str(count)]
    pages = subprocess.Popen(program, cwd=ROOT)
    try:
        yield
        if pages.poll() is not None:
            raise RuntimeError(f"the pages ended with exit code {pages.returncode}")
    finally:
        pages.kill()
        pages.wait()
