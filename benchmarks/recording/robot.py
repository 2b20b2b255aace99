"""The processes of a robot that is recorded, and the station's word on its episodes."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from benchmarks.recording.robot_main import ARMS, JOINTS
from messaging.messages import EpisodeState
from messaging.topics import EPISODE_STATE, HEARTBEAT
from messaging.transport import Bus, Waiter
from recorder.journal import journals
from runtime.process import ProcessSpec, spawned
from simulation.scene import CAMERAS
from station.rows import CAMERA_NICE, CONTROLLER_PRIORITY, FINISHER_NICE

FPS: Final = 30

_START_S: Final = 120.0
_TELL_S: Final = 0.1
_END_S: Final = 60.0
_TICKS_A_S: Final = os.sysconf("SC_CLK_TCK")


class Robot:
    """Processes that say what a robot's say, with or without a recorder.

    Args:
        folder: of everything, the recording in `recording`; the cameras' images are in `views`
            beside it.
        recorded: whether recorder and finisher run too.
        cameras: that there are.
    """

    def __init__(
        self, folder: Path, *, recorded: bool = True, cameras: tuple[str, ...] = CAMERAS
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.directory = folder / "recording"
        self.directory.mkdir(exist_ok=True)
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._folder, self._recorded, self._cameras = folder, recorded, cameras
        self._views = folder.parent / "views"
        self._origin_ns = time.monotonic_ns()
        self._bus = Bus(folder / "bus")
        self._states = self._bus.publisher(EPISODE_STATE)
        self._episode = 0

    @property
    def origin_ns(self) -> int:
        """The moment at which joint 0 was at 0."""
        return self._origin_ns

    def __enter__(self) -> Self:
        """Start everything and wait until it lives."""
        late = {"late_file": str(self._folder / "late.npy"), "origin_ns": self._origin_ns}
        self._start("controller", "robot_main", late, priority=CONTROLLER_PRIORITY)
        for camera in self._cameras:
            self._start(
                f"camera.{camera}",
                "camera_main",
                {"camera": camera, "views": str(self._views)},
                nice=CAMERA_NICE,
            )
        if self._recorded:
            self.start_recorder()
            self._start("finisher", "recorder.finisher_main", self._dataset(), nice=FINISHER_NICE)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """End everything that still runs."""
        for name in list(self.processes):
            self.end(name)
        self._bus.close()

    def start_recorder(self) -> None:
        """Start the recorder, and wait until it lives."""
        options = self._dataset() | {"arms": list(ARMS), "policy": "flow", "free_bytes": 0}
        self._start("recorder", "recorder.main", options)

    def end(self, name: str) -> None:
        """Ask a process to end, and wait for it."""
        process = self.processes.pop(name)
        process.terminate()
        process.wait(_END_S)

    def episode(self, seconds: float, *, ends: bool = True) -> None:
        """Have an episode last for so long."""
        self._episode += 1
        begin_ns = time.monotonic_ns()
        end_s = time.monotonic() + seconds
        while (left_s := end_s - time.monotonic()) > 0:
            self._states.send(self._state(begin_ns, 0, ""))
            time.sleep(min(_TELL_S, left_s))
        if ends:
            self._states.send(self._state(begin_ns, time.monotonic_ns(), "success"))
            time.sleep(_TELL_S)

    def finish(self) -> float:
        """Wait until all journals are episodes; returns for how long that took."""
        begin_s = time.monotonic()
        while journals(self.directory):
            time.sleep(_TELL_S)
            if self.processes["finisher"].poll() is not None:
                raise RuntimeError(f"the finisher died, see {self._folder}")
        return time.monotonic() - begin_s

    def late_ms(self) -> NDArray[np.float64]:
        """Return how late each control tick was, once the controller has ended."""
        return np.asarray(np.load(self._folder / "late.npy") * 1e-6, np.float64)

    def processor_s(self, name: str) -> float:
        """Return the processor time that a process has taken so far."""
        stat = Path(f"/proc/{self.processes[name].pid}/stat").read_text(encoding="utf-8")
        fields = stat.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS_A_S

    def _state(self, begin_ns: int, end_ns: int, outcome: str) -> EpisodeState:
        phase = "over" if outcome else "running"
        return EpisodeState(
            time.monotonic_ns(), self._episode, 0, "measure", phase, begin_ns, end_ns, outcome,
            "the benchmark",
        )  # fmt: skip

    def _dataset(self) -> dict[str, Any]:
        return {
            "robot": "aloha",
            "directory": str(self.directory),
            "joints": list(JOINTS),
            "cameras": list(self._cameras),
            "rate_hz": FPS,
        }

    def _start(
        self, name: str, module: str, options: dict[str, Any], priority: int = 0, nice: int = 0
    ) -> None:
        spec = ProcessSpec(
            name=name,
            module=module if "." in module else f"benchmarks.recording.{module}",
            config=options,
            directory=self._folder / "bus",
            realtime_priority=priority,
            nice=nice,
        )
        path = self._folder / f"{name}.json"
        path.write_text(spec.model_dump_json(), encoding="utf-8")
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        with (self._folder / f"{name}.log").open("ab") as output:
            self.processes[name] = spawned(path, output, environment)
        self._wait_for(name)

    def _wait_for(self, name: str) -> None:
        heart = self._bus.subscriber(HEARTBEAT, name)
        if not Waiter([heart]).wait(_START_S):
            raise RuntimeError(f"{name} does not live: see {self._folder / name}.log")
        heart.close()
