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
from benchmarks.stopping.broker import free_port
from benchmarks.stopping.robot import ROOT, Robot

BROWSERS = 10
_SETTLES_S = 3.0  # after pages were opened or closed


@dataclass
class Blocks:
    """Lateness of all ticks in ms, with and without browsers, and what the host took meanwhile."""

    late_ms: dict[bool, list[float]] = field(default_factory=lambda: {False: [], True: []})
    stolen_s: dict[bool, float] = field(default_factory=lambda: {False: 0.0, True: 0.0})

    def figures(self) -> dict[str, float]:
        """Return percentiles with and without browsers, and the ratio of those of 99.9 %."""
        figures: dict[str, float] = {}
        for watched, name in ((False, "no"), (True, "ten")):
            for share in (50.0, 99.0, 99.9):
                key = f"tick_late_{name}_browsers_p{f'{share:g}'.replace('.', '')}_ms"
                figures[key] = float(np.percentile(self.late_ms[watched], share))
            figures[f"{name}_browsers_stolen_s"] = self.stolen_s[watched]
        alone = figures["tick_late_no_browsers_p999_ms"]
        watched_ms = figures["tick_late_ten_browsers_p999_ms"]
        return figures | {"browsers_tick_ratio": watched_ms / alone}


def measured(blocks: int, block_s: float, settings: Sequence[str], console: Console) -> Blocks:
    """Let a policy run, and open and close ten pages by turns, so that drift cancels out."""
    result = Blocks()
    port = free_port()
    with Robot(f"dashboard.port={port}", *settings) as robot:
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
                late = [s.late_us * 1e-3 for s in robot.statuses if s.seq > seen]
                result.late_ms[watched] += late
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
