"""A launch of some tree of this project, watched from outside.

It uses nothing of the tree but its command line, its run's files and its heartbeats, so that an
older commit can be measured by the same code.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.stopping.broker import free_port

_LOOK_S = 1.0
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
_LAUNCH = "launch"
_SOCKETS = Path("evenhand/aloha")
_COUNTER = Path(__file__).with_name("count_pictures.py")


@dataclass(frozen=True, slots=True)
class Look:
    """How much processor time each process had taken at one moment."""

    t_ns: int
    processor_s: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Count:
    """How many pictures each camera had sent at one moment."""

    t_ns: int
    sent: Mapping[str, int]


@dataclass(frozen=True)
class WatchedRun:
    """A finished launch."""

    summary: dict[str, Any]
    launched_ns: int
    code: int
    stops: int  # latched ones
    looks: list[Look] = field(repr=False)
    counts: list[Count] = field(repr=False)

    @property
    def start_s(self) -> float:
        """From the command line to the policy's first command."""
        return (self._first_command_ns - self.launched_ns) * 1e-9

    @property
    def success(self) -> float:
        """Share of the episodes that succeeded."""
        outcomes = [episode["success"] for episode in self.summary["episodes"]]
        return float(np.mean(outcomes)) if outcomes else 0.0

    @property
    def holds(self) -> int:
        """How often the arms held in the middle of a run."""
        return sum("holds" in event["text"] for event in self.summary["events"])

    def cores(self) -> dict[str, float]:
        """Return processor time a second, by process, from the first command until all ended."""
        looks = [look for look in self.looks if look.t_ns >= self._first_command_ns]
        whole = len(looks[0].processor_s)
        looks = [look for look in looks if len(look.processor_s) >= whole]
        passed_s = (looks[-1].t_ns - looks[0].t_ns) * 1e-9
        before, after = looks[0].processor_s, looks[-1].processor_s
        return {name: (after[name] - before.get(name, 0.0)) / passed_s for name in after}

    def camera_hz(self, camera: str) -> float:
        """Return how many pictures a second a camera gave from the first command on."""
        counts = [
            (count.t_ns, count.sent[camera])
            for count in self.counts
            if count.t_ns >= self._first_command_ns and camera in count.sent
        ]
        # A camera that has ended counts no more.
        last = next(n for n, (_, sent) in enumerate(counts) if sent == counts[-1][1])
        (first_ns, first), (last_ns, most) = counts[0], counts[last]
        return (most - first) / (last_ns - first_ns) * 1e9

    @property
    def _first_command_ns(self) -> int:
        first_s = self.summary["first_command_s"]
        if first_s is None:
            raise RuntimeError(f"the policy never commanded: {self.summary['ending']}")
        return int(self.summary["started_ns"] + first_s * 1e9)


class Watch:
    """`launch.py --robot aloha --headless` in a tree, with places of its own for all it writes."""

    def __init__(self, tree: Path, cameras: Sequence[str], *arguments: str) -> None:
        """Prepare to launch in `tree` with more `arguments`, and to count these `cameras`."""
        self.port = free_port()  # of the dashboard
        self._tree = tree
        self._cameras = cameras
        self._arguments = arguments

    def run(self) -> WatchedRun:
        """Launch, watch until it ends."""
        with tempfile.TemporaryDirectory(prefix="eh-") as folder:
            places = Path(folder)
            for sockets in (places / _SOCKETS.parent, places / _SOCKETS):
                sockets.mkdir(mode=0o700)  # whoever comes first; the launch insists on it
            launched_ns = time.monotonic_ns()
            launch, counter = self._launch(places), self._count(places)
            try:
                looks = _looks(launch)
            finally:
                counter.kill()
                launch.kill()
            said, _ = counter.communicate()
            runs = [*(places / "runs").iterdir()]
            if len(runs) != 1:
                raise RuntimeError(f"the launch ended with {launch.wait()} before it wrote a run")
            return WatchedRun(
                summary=json.loads((runs[0] / "summary.json").read_text(encoding="utf-8")),
                launched_ns=launched_ns,
                code=launch.wait(),
                stops=_stops(places),
                looks=looks,
                counts=[Count(**json.loads(line)) for line in said.splitlines()],
            )

    def _launch(self, places: Path) -> subprocess.Popen[bytes]:
        settings = (f"runs={places / 'runs'}", f"dashboard.port={self.port}")
        command = [sys.executable, "launch.py", "--robot", "aloha", "--headless", *self._arguments]
        command += [word for setting in settings for word in ("--set", setting)]
        return subprocess.Popen(command, cwd=self._tree, env=self._environment(places))

    def _count(self, places: Path) -> subprocess.Popen[str]:
        command = [sys.executable, "-P", str(_COUNTER), str(places / _SOCKETS)]
        return subprocess.Popen(
            [*command, *self._cameras],
            env=self._environment(places),
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )

    def _environment(self, places: Path) -> dict[str, str]:
        homes = {
            f"XDG_{kind}_HOME": str(places / kind.lower()) for kind in ("STATE", "CONFIG", "CACHE")
        }
        own = {"XDG_RUNTIME_DIR": str(places), "PYTHONPATH": str(self._tree)}
        return {**os.environ, **homes, **own}


def _looks(launch: subprocess.Popen[bytes]) -> list[Look]:
    looks = []
    while launch.poll() is None:
        time.sleep(_LOOK_S)
        looks.append(Look(time.monotonic_ns(), _processor_s(launch.pid)))
    return looks


def _processor_s(launch: int) -> dict[str, float]:
    """Return the processor time so far of a launch and of its processes, by name."""
    found = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            fields = (folder / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            words = (folder / "cmdline").read_text(encoding="utf-8").split("\0")
        except (OSError, UnicodeDecodeError):
            continue  # it ended while being looked at, or is none of ours
        if int(folder.name) == launch:
            name = _LAUNCH
        elif int(fields[1]) == launch and words[1:3] == ["-m", "runtime.process"]:
            name = Path(words[3]).stem
        else:
            continue
        found[name] = (int(fields[11]) + int(fields[12])) / _TICKS_A_SECOND
    return found


def _stops(places: Path) -> int:
    """Return how many stops were latched, by the safety process's own record."""
    audits = [*places.rglob("audit.jsonl")]
    lines = [
        json.loads(line)
        for audit in audits
        for line in audit.read_text(encoding="utf-8").splitlines()
    ]
    return sum(line["after"] == "stopped" != line["before"] for line in lines)
