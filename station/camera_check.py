"""Runs a robot's cameras as a launch does, and tells whether what they deliver is good enough."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.live import Live

from messaging.messages import Frame
from messaging.topics import FRAME
from messaging.transport import Bus, Subscriber, Waiter
from runtime.plugins import UnknownNameError, configured, plugin
from runtime.process import ProcessSpec
from runtime.supervisor import Phase, Supervisor
from station.camera_views import CameraView, table, write_picture
from station.processes import Table as ProcessTable
from station.robot import StationConfig

_START_S = 30.0
_SETTLE_S = 1.0  # exposure settles, and a device that sends too slowly is set up anew
_LOOK_S = 0.02
_SHOW_S = 0.25


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


def check(config: StationConfig, seconds: float, picture: Path | None, console: Console) -> int:
    """Show the cameras while they run, then judge them; returns 1 if one is not good enough."""
    if not config.cameras:
        raise ValueError(f"{config.robot} has no cameras in its config")
    with running_cameras(config, list(config.cameras)) as cameras:
        views = cameras.views
        with Live(console=console, auto_refresh=False, transient=True) as live:
            _look_until(cameras, live, "starting", _START_S, stop_when_ready=True)
            _look_until(cameras, live, "settling", _SETTLE_S)
            for view in views:
                view.forget()
            _look_until(cameras, live, f"measuring for {seconds:g} s", seconds)
        console.print(table(views, f"cameras of {config.robot}"))
        if picture:
            write_picture(picture, views)
            console.print(f"all views: {picture}", highlight=False, soft_wrap=True)
        troubles = {view.name: trouble for view in views if (trouble := view.trouble())}
    for name, trouble in troubles.items():
        console.print(f"{name}: {trouble}", style="red", highlight=False, soft_wrap=True)
    return 1 if troubles else 0


def _look_until(
    cameras: RunningCameras,
    live: Live,
    doing: str,
    seconds: float,
    *,
    stop_when_ready: bool = False,
) -> None:
    end_s = time.monotonic() + seconds
    show_s = 0.0
    while (now_s := time.monotonic()) < end_s:
        cameras.look()
        if now_s >= show_s:
            show_s = now_s + _SHOW_S
            live.update(table(cameras.views, f"{doing}: {end_s - now_s:.0f} s left"), refresh=True)
        # A camera that cannot start has said why, and is not waited for.
        if stop_when_ready and all(view.death or view.image is not None for view in cameras.views):
            return


def _rate_hz(row: ProcessSpec) -> float:
    """Return the rate that a camera's process is expected to keep."""
    module = plugin("perception.cameras", row.config["plugin"])
    options = configured(module, row.config["plugin_config"])
    return float(getattr(options, "rate_hz", row.config.get("rate_hz", 30.0)))
