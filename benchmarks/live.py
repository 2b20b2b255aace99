"""Runs the whole stack as a user does, and hands back what its report says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime.realtime import realtime_permitted
from station.ticks import STATUS_FIELDS, read_rows

_ROOT = Path(__file__).parent.parent
_PRIORITY = 80
_WATCH_S = 5.0


@dataclass(frozen=True, slots=True)
class LiveRun:
    """A finished run of the stack."""

    summary: dict[str, Any]
    chunks: list[dict[str, Any]]  # the journal's line for every chunk
    ticks_ns: NDArray[np.int64]  # when every control tick began, in order
    late_ms: NDArray[np.float64]  # how far past its deadline that was
    launched_ns: int
    stolen_s: float  # time that the host gave to others meanwhile, all cores together
    realtime: bool

    def late_p99_ms(self, begin: float, end: float) -> float:
        """Return the ticks' 99th percentile of lateness between two fractions of the run."""
        count = len(self.late_ms)
        return float(np.percentile(self.late_ms[int(begin * count) : int(end * count)], 99))


def run_stack(*arguments: str, watch: Callable[[int], None] | None = None) -> LiveRun:
    """Run `launch.py --robot aloha --headless` with more `arguments`, in a directory of its own.

    Args:
        arguments: of the command line.
        watch: called every few seconds with the process id of the launch.

    Raises:
        RuntimeError: the run failed; says how.
    """
    with tempfile.TemporaryDirectory(prefix="eh-") as folder:
        runs = Path(folder) / "runs"
        stolen = stolen_s()
        launched_ns = time.monotonic_ns()
        command = [sys.executable, "launch.py", "--robot", "aloha", "--headless"]
        launch = subprocess.Popen(
            [*command, "--set", f"runs={runs}", *arguments],
            cwd=_ROOT,
            env={**os.environ, "XDG_RUNTIME_DIR": folder},
        )
        code = _ended(launch, watch)
        if code != 0:
            raise RuntimeError(f"{' '.join(command)} ended with exit code {code}")
        directory = next(runs.iterdir())
        ticks = read_rows(directory / "statuses.rows", STATUS_FIELDS).rows
        return LiveRun(
            summary=json.loads((directory / "summary.json").read_text(encoding="utf-8")),
            chunks=[
                json.loads(line)
                for line in (directory / "chunks.jsonl").read_text(encoding="utf-8").splitlines()
            ],
            ticks_ns=ticks["t_ns"],
            late_ms=ticks["late_us"] * 1e-3,
            launched_ns=launched_ns,
            stolen_s=stolen_s() - stolen,
            realtime=realtime_permitted(_PRIORITY),
        )


def processes(launch: int) -> dict[str, int]:
    """Return the process ids of a launch's processes by their names, `arm.left` for instance."""
    children = Path(f"/proc/{launch}/task/{launch}/children").read_text(encoding="utf-8").split()
    found = {}
    for pid in map(int, children):
        try:
            words = Path(f"/proc/{pid}/cmdline").read_text("utf-8", "replace").split("\0")
        except OSError:
            continue  # it ended while being looked at
        # python -m runtime.process SPEC PARENT, and a zero byte at the end. One that has only
        # begun may bear the launch's own words still.
        if words[1:3] == ["-m", "runtime.process"]:
            found[Path(words[3]).stem] = pid
    return found


def _ended(launch: subprocess.Popen[bytes], watch: Callable[[int], None] | None) -> int:
    while True:
        try:
            return launch.wait(_WATCH_S if watch else None)
        except subprocess.TimeoutExpired:
            if watch:
                watch(launch.pid)


def stolen_s() -> float:
    """Return for how long the host has run others on our cores since boot."""
    fields = re.split(r"\s+", Path("/proc/stat").read_text(encoding="utf-8").splitlines()[0])
    return int(fields[8]) / os.sysconf("SC_CLK_TCK")
