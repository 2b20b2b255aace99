"""A launch of some tree of this project, watched from outside.

It uses nothing of the tree but its command line, its run's files and the dashboard's socket, so
that an older commit can be measured by the same code.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from benchmarks.stopping.broker import free_port

_LOOK_S = 1.0
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
_LAUNCH = "launch"


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen at one moment: processor time so far, and each camera's rate, by process."""

    t_ns: int
    processor_s: Mapping[str, float]
    camera_hz: Mapping[str, float]


@dataclass(frozen=True)
class WatchedRun:
    """A finished launch."""

    summary: dict[str, Any]
    launched_ns: int
    code: int
    stops: int  # latched ones
    looks: list[Look] = field(repr=False)

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
        """Return processor time a second, by process, from the first command to the last look."""
        looks = self._commanded
        passed_s = (looks[-1].t_ns - looks[0].t_ns) * 1e-9
        before, after = looks[0].processor_s, looks[-1].processor_s
        return {name: (after[name] - before.get(name, 0.0)) / passed_s for name in after}

    def camera_hz(self, camera: str) -> float:
        """Return how many pictures a second a camera gave while the policy ran."""
        name = f"camera.{camera}"
        return float(np.mean([look.camera_hz.get(name, 0.0) for look in self._commanded]))

    @property
    def _first_command_ns(self) -> int:
        first_s = self.summary["first_command_s"]
        if first_s is None:
            raise RuntimeError(f"the policy never commanded: {self.summary['ending']}")
        return int(self.summary["started_ns"] + first_s * 1e9)

    @property
    def _commanded(self) -> list[Look]:
        """Return the looks of the run proper, before arms went to rest and processes ended."""
        looks = [look for look in self.looks if look.t_ns >= self._first_command_ns]
        whole = len(looks[0].processor_s)
        return [look for look in looks if len(look.processor_s) >= whole and look.camera_hz]


class Watch:
    """`launch.py --robot aloha --headless` in a tree, with places of its own for all it writes."""

    def __init__(self, tree: Path, *arguments: str) -> None:
        """Prepare to launch in `tree` with more `arguments`."""
        self.port = free_port()  # of the dashboard
        self._tree = tree
        self._arguments = arguments
        self._looks: list[Look] = []

    def run(self) -> WatchedRun:
        """Launch, watch until it ends."""
        with tempfile.TemporaryDirectory(prefix="eh-") as folder:
            places = Path(folder)
            launched_ns = time.monotonic_ns()
            launch = self._launch(places)
            try:
                self._watch(launch)
            finally:
                launch.kill()
            runs = [*(places / "runs").iterdir()]
            if len(runs) != 1:
                raise RuntimeError(f"the launch ended with {launch.wait()} before it wrote a run")
            return WatchedRun(
                summary=json.loads((runs[0] / "summary.json").read_text(encoding="utf-8")),
                launched_ns=launched_ns,
                code=launch.wait(),
                stops=_stops(places),
                looks=self._looks,
            )

    def _launch(self, places: Path) -> subprocess.Popen[bytes]:
        settings = (f"runs={places / 'runs'}", f"dashboard.port={self.port}")
        command = [sys.executable, "launch.py", "--robot", "aloha", "--headless", *self._arguments]
        command += [word for setting in settings for word in ("--set", setting)]
        homes = {
            f"XDG_{kind}_HOME": str(places / kind.lower()) for kind in ("STATE", "CONFIG", "CACHE")
        }
        environment = {
            **os.environ,
            **homes,
            "XDG_RUNTIME_DIR": str(places),
            "PYTHONPATH": str(self._tree),
        }
        return subprocess.Popen(command, cwd=self._tree, env=environment)

    def _watch(self, launch: subprocess.Popen[bytes]) -> None:
        socket: ClientConnection | None = None
        while launch.poll() is None:
            end_s = time.monotonic() + _LOOK_S
            try:
                socket = socket or self._connected()
                state = _newest_state(socket, end_s)
            except (OSError, WebSocketException):  # the page is not there yet, or no more
                socket, state = None, None
            time.sleep(max(end_s - time.monotonic(), 0.0))
            rates = _camera_hz(state) if state else {}
            self._looks.append(Look(time.monotonic_ns(), _processor_s(launch.pid), rates))

    def _connected(self) -> ClientConnection:
        socket = connect(
            f"ws://127.0.0.1:{self.port}/state",
            origin=Origin(f"http://127.0.0.1:{self.port}"),
            max_size=None,
            proxy=None,
        )
        socket.send(json.dumps({"do": "hello", "token": ""}))
        return socket


def _newest_state(socket: ClientConnection, end_s: float) -> dict[str, Any] | None:
    """Return what the page would show at `end_s`; reads all until then, as the page does."""
    newest = None
    while (left_s := end_s - time.monotonic()) > 0:
        try:
            said = json.loads(socket.recv(left_s))
        except TimeoutError:
            break
        newest = said.get("state", newest)
    return newest


def _camera_hz(state: dict[str, Any]) -> dict[str, float]:
    return {
        process["name"]: process.get("rate_hz") or 0.0
        for process in state["processes"]
        if process["name"].startswith("camera.")
    }


def _processor_s(launch: int) -> dict[str, float]:
    """Return the processor time so far of a launch and of its processes, by name."""
    found = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            fields = (folder / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            words = (folder / "cmdline").read_text(encoding="utf-8").split("\0")
        except OSError:
            continue  # it ended while being looked at
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
    (audit,) = places.rglob("audit.jsonl")
    lines = [json.loads(line) for line in audit.read_text(encoding="utf-8").splitlines()]
    return sum(line["after"] == "stopped" != line["before"] for line in lines)
