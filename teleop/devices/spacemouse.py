"""A 3Dconnexion SpaceMouse: its cap moves one arm's hand, or its joints.

Needs `pip install 'evenhand[spacemouse]'`, and a user who may read the device. The first button
takes over and hands back; the second, tapped, changes the arm, and held for a while opens or closes
the gripper.
"""

from __future__ import annotations

import importlib
from typing import Any, Final

import numpy as np

from messaging.transport import Bus
from teleop.device import DeviceError, Event, Reading, Robot, View
from teleop.jog import DeadZone, Jog, JogConfig, Push

_LIBRARY: Final = "pyspacemouse"
_ACCESS: Final = "is it plugged in, and may you read /dev/hidraw*?"
_LOOK_AGAIN_NS: Final = 1_000_000_000
_TAP_NS: Final = 300_000_000  # a press that lasts longer moves the gripper
_REPORTS: Final = 16  # read at once, so that none are left to be late


class Config(JogConfig):
    """How fast the cap moves the arms."""

    dead_zone: DeadZone = 0.08


class Spacemouse:
    """Six axes at once; it never says that it is gone before it is read."""

    def __init__(self, config: Config, robot: Robot) -> None:
        self._config = config
        self._jog = Jog(config, robot)
        self._mouse: Any = None
        self._lost = ""
        self._again_ns = 0
        self._buttons = (False, False)
        self._pressed_ns = 0  # since when the second button is down
        self._opening = True  # what the second button does to the gripper

    def open(self) -> None:
        """Get hold of the mouse, and load the arms' model; raises DeviceError."""
        self._jog.open()
        self._mouse = self._opened()

    def read(self, now_ns: int, view: View) -> Reading | None:
        """Return where the cap has moved the arm, None while the mouse is lost."""
        state = self._state(now_ns)
        if state is None:
            return None
        before = self._buttons
        self._buttons = first, second = self._down(state)
        if second and not before[1]:
            self._pressed_ns = now_ns
        long = now_ns - self._pressed_ns > _TAP_NS
        if before[1] and not second:
            self._let_go_second(long)
        toggled = (Event("toggle"),) if first and not before[0] else ()
        grip = (1.0 if self._opening else -1.0) if second and long else 0.0
        return self._jog.reading(Push(self._axes(state), grip), view, now_ns, toggled)

    def mirror(self, view: View) -> None:
        """Do nothing: it has no motors."""

    def note(self) -> str:
        """Return what is moved, or why the mouse is lost."""
        return self._lost or self._jog.note()

    def close(self) -> None:
        """Let go of the mouse."""
        if self._mouse is not None:
            self._mouse.close()
        self._mouse = None

    def _let_go_second(self, long: bool) -> None:
        if long:
            self._opening = not self._opening
        else:
            self._jog.next_arm()

    def _state(self, now_ns: int) -> Any:
        """Return what the mouse said last, None while it is lost."""
        try:
            if self._mouse is None:
                if now_ns < self._again_ns:
                    return None
                self._mouse = self._opened()
            state = [self._mouse.read() for _ in range(_REPORTS)][-1]
        except (DeviceError, OSError) as error:
            self.close()
            self._lost, self._again_ns = f"{error}: {_ACCESS}", now_ns + _LOOK_AGAIN_NS
            return None
        self._lost = ""
        return state

    def _axes(self, state: Any) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        """Return the push of the cap: forward, left, up, and the turns about these."""
        said = (state.y, -state.x, state.z, state.roll, -state.pitch, -state.yaw)
        axes = np.array(said, np.float64)
        beyond = np.maximum(np.abs(axes) - self._config.dead_zone, 0.0)
        return np.sign(axes) * np.minimum(beyond / (1.0 - self._config.dead_zone), 1.0)

    @staticmethod
    def _down(state: Any) -> tuple[bool, bool]:
        first, second = [*map(bool, state.buttons), False, False][:2]
        return first, second

    @staticmethod
    def _opened() -> Any:
        try:
            library = importlib.import_module(_LIBRARY)
        except (ImportError, OSError) as error:  # a shared library of HID may be what is missing
            raise DeviceError(
                f"a SpaceMouse needs the package {_LIBRARY} ({error}); "
                "run `pip install 'evenhand[spacemouse]'`"
            ) from error
        try:
            mouse = library.open()
        except Exception as error:  # the library raises whatever its backend does
            raise DeviceError(f"cannot open the SpaceMouse ({error}): {_ACCESS}") from error
        if not mouse:
            raise DeviceError(f"no SpaceMouse is found: {_ACCESS}")
        return mouse


def make(config: Config, robot: Robot, bus: Bus) -> Spacemouse:  # noqa: ARG001 # the seam's arguments
    """Return the mouse, not yet open."""
    return Spacemouse(config, robot)
