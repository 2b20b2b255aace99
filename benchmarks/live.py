"""Runs the whole stack as a user does, and hands back what its report says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runtime.realtime import realtime_permitted

_ROOT = Path(__file__).parent.parent
_PRIORITY = 80


@dataclass(frozen=True, slots=True)
class LiveRun:
    """A finished run of the stack."""

    summary: dict[str, Any]
    chunks: list[dict[str, Any]]  # the journal's line for every chunk
    launched_ns: int
    stolen_s: float  # time that the host gave to others meanwhile, all cores together
    realtime: bool


def run_stack(*arguments: str) -> LiveRun:
    """Run `launch.py --robot aloha --headless` with more `arguments`, in a directory of its own.

    Raises:
        RuntimeError: the run failed; says how.
    """
    with tempfile.TemporaryDirectory(prefix="eh-") as folder:
        runs = Path(folder) / "runs"
        stolen = _stolen_s()
        launched_ns = time.monotonic_ns()
        command = [sys.executable, "launch.py", "--robot", "aloha", "--headless"]
        finished = subprocess.run(
            [*command, "--set", f"runs={runs}", *arguments],
            cwd=_ROOT,
            env={**os.environ, "XDG_RUNTIME_DIR": folder},
            check=False,
        )
        if finished.returncode != 0:
            raise RuntimeError(f"{' '.join(command)} ended with exit code {finished.returncode}")
        directory = next(runs.iterdir())
        return LiveRun(
            summary=json.loads((directory / "summary.json").read_text()),
            chunks=[
                json.loads(line) for line in (directory / "chunks.jsonl").read_text().splitlines()
            ],
            launched_ns=launched_ns,
            stolen_s=_stolen_s() - stolen,
            realtime=realtime_permitted(_PRIORITY),
        )


def _stolen_s() -> float:
    """Return for how long the host has run others on our cores since boot."""
    fields = re.split(r"\s+", Path("/proc/stat").read_text().splitlines()[0])
    return int(fields[8]) / os.sysconf("SC_CLK_TCK")
