"""A robot's cameras, run as a launch runs them, but without the rest of the station."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from messaging.messages import Frame
from messaging.topics import FRAME
from messaging.transport import Bus, Subscriber, Waiter
from runtime.plugins import UnknownNameError, configured, plugin
from runtime.process import ProcessSpec
from runtime.supervisor import Phase, Supervisor
from station.camera_tools.views import CameraView
from station.processes import Table as ProcessTable
from station.robot import StationConfig

_LOOK_S = 0.02


class RunningCameras:
    """Some cameras of a robot, each in its process, and what comes of them."""

    def __init__(
        self, config: StationConfig, names: Sequence[str], directory: Path, bus: Bus
    ) -> None:
        rows = camera_rows(config, names, directory)
        self.views = [
            CameraView(name, row.config["plugin"], _rate_hz(row))
            for name, row in zip(names, rows[-len(names) :], strict=True)
        ]
        self.supervisor = Supervisor(rows, bus, directory)
        self._frames: list[Subscriber[Frame]] = [bus.subscriber(FRAME, name) for name in names]
        self._waiter = Waiter(self._frames)

    def look(self) -> list[tuple[CameraView, Frame]]:
        """Wait a little; returns what came, each frame taken in by its camera's view."""
        for event in self.supervisor.poll(0.0):
            for view in self.views:
                if event.process == f"camera.{view.name}" and event.phase is Phase.DEAD:
                    view.death, view.heartbeat = event.detail, None
            if event.process == "twin" and event.phase is Phase.DEAD:
                raise RuntimeError(f"the twin ended: {event.detail}")
        self._waiter.wait(_LOOK_S)
        now_ns = time.monotonic_ns()
        came = []
        for view, frames in zip(self.views, self._frames, strict=True):
            view.heartbeat = self.supervisor.children[f"camera.{view.name}"].heartbeat
            if frame := frames.receive():
                view.add(frame, now_ns)
                came.append((view, frame))
        if came and came[0][0] is self.views[0]:
            for view in self.views[1:]:
                view.compare(came[0][1].t_capture_ns)
        return came


@contextmanager
def running_cameras(config: StationConfig, names: Sequence[str]) -> Iterator[RunningCameras]:
    """Run the named cameras, and the twin if they look at it."""
    with tempfile.TemporaryDirectory(prefix="evenhand-") as path:
        directory = Path(path)
        with Bus(directory) as bus:
            cameras = RunningCameras(config, names, directory, bus)
            try:
                yield cameras
            finally:
                cameras.supervisor.stopping = True
                cameras.supervisor.stop([row.name for row in cameras.supervisor.specs][::-1])


def camera_rows(config: StationConfig, names: Sequence[str], directory: Path) -> list[ProcessSpec]:
    """Return the processes that it takes to run these cameras, the cameras last.

    Raises:
        UnknownNameError: the robot has no such camera; names those that it has.
    """
    for name in names:
        if name not in config.cameras:
            raise UnknownNameError(f"camera of {config.robot}", name, config.cameras)
    # The arms stand still in a check, so no servos need to be emulated.
    rows = ProcessTable(config.model_copy(update={"hardware": "twin"}), directory, directory)
    cameras = [rows.camera(name) for name in names]
    twin = [rows.twin()] if any("twin" in row.needs for row in cameras) else []
    return [row.model_copy(update={"network": None}) for row in (*twin, *cameras)]


def _rate_hz(row: ProcessSpec) -> float:
    """Return the rate that a camera's process is expected to keep."""
    module = plugin("perception.cameras", row.config["plugin"])
    options = configured(module, row.config["plugin_config"])
    return float(getattr(options, "rate_hz", row.config.get("rate_hz", 30.0)))
