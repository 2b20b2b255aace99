"""A camera in the simulated world: draws what its view shows in the twin's newest state."""

from __future__ import annotations

import time
from pathlib import Path

import mujoco

from messaging.topics import TWIN_STATE
from messaging.transport import Bus, Waiter
from perception.camera import Capture, Condition
from perception.pace import DrawingPace
from perception.rendering import SceneRenderer
from runtime.config import FrameRate, Pixels, StrictModel


class Config(StrictModel):
    """Which scene to draw, from where, and how often."""

    model: Path  # the scene as MuJoCo's binary .mjb
    view: str | None = None  # a camera of the scene; None for the one named as this camera
    width: Pixels = 640
    height: Pixels = 480
    rate_hz: FrameRate = 30.0


class MujocoCamera:
    """Waits for states of the twin and draws one a period, each state at most once.

    The states set the beat, not a clock of its own: a picture is made as soon as its state is
    known, and all cameras of a station show the same moments.
    """

    def __init__(self, config: Config, view: str, bus: Bus) -> None:
        self._config = config
        self._view = view
        self._states = bus.subscriber(TWIN_STATE)
        self._waiter = Waiter([self._states])
        self._pace = DrawingPace(config.rate_hz)
        self._renderer: SceneRenderer | None = None
        self._coordinates = 0

    def open(self) -> None:
        """Load the scene and claim OpenGL; raises with a remedy if one of them fails."""
        path = self._config.model
        if not path.is_file():
            raise FileNotFoundError(
                f"no scene at {path}; the twin's launcher writes it with simulation.scene"
            )
        try:
            model = mujoco.MjModel.from_binary_path(str(path))
        except ValueError as error:
            raise ValueError(
                f"{path} cannot be read by MuJoCo {mujoco.__version__} ({error});"
                " write it anew with this version"
            ) from error
        self._coordinates = model.nq
        self._renderer = SceneRenderer(model, self._config.width, self._config.height)

    def capture(self, timeout_s: float) -> Capture | None:
        """Return the picture of a state, stamped with the state's own time."""
        if self._renderer is None:
            raise RuntimeError("capture before open: call open() first")
        # States come twice as often as pictures are drawn: those before the next one's time would
        # wake this process for nothing.
        idle_s = min(self._pace.due_in_s(time.monotonic_ns()), timeout_s)
        time.sleep(idle_s)
        if not self._waiter.wait(timeout_s - idle_s):
            return None
        state = self._states.receive()
        if state is None or not self._pace.is_due(state.t_ns):
            return None
        if state.qpos.size != self._coordinates:
            raise ValueError(
                f"the twin's state has {state.qpos.size} coordinates, the scene"
                f" {self._config.model} has {self._coordinates}: they are different worlds"
            )
        began_ns, worked_ns = time.monotonic_ns(), time.thread_time_ns()
        image = self._renderer.render(state.qpos, self._view)
        self._pace.note_drawn(time.monotonic_ns() - began_ns, time.thread_time_ns() - worked_ns)
        return Capture(state.t_ns, image)

    def condition(self) -> Condition:
        """Return that all is well: a still scene gives equal pictures."""
        return Condition(noisy=False, stamped_by="the twin")

    def close(self) -> None:
        """Give the OpenGL context back."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None


def make(config: Config, camera: str, bus: Bus) -> MujocoCamera:
    """Return the camera, not yet open."""
    return MujocoCamera(config, config.view or camera, bus)
