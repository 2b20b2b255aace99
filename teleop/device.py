"""The device seam: something that a person moves, and by which they take the arms over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from messaging.messages import ControlStatus, EpisodeState

Array = NDArray[np.float64]

# What an event asks of teleop itself; everything else is a label, for others to take in.
WISHES = ("takeover", "hand_back", "toggle", "rewind")
# Who is asked for what a device's key or button may say about the episode.
LABELS = {
    "success": "station",
    "fail": "station",
    "next": "station",
    "discard": "recorder",
    "undo": "recorder",
    "note": "recorder",
    "subtask": "recorder",
}


class DeviceError(RuntimeError):
    """A device that cannot be used; says why and what to do."""


@dataclass(frozen=True, slots=True)
class Robot:
    """What a device may know of the robot it commands.

    Attributes:
        joints: names of all J joints, arm by arm, each arm's gripper last.
        lower: (J,) least positions, rad, grippers 0.
        upper: (J,) greatest positions, rad, grippers 1.
        home: (J,) the pose between episodes.
        arms: names of the arms, `left` for instance; joints are named `<arm>_<joint>`.
        leaders: names of the leader arms, each that of the arm it leads.
        instruction: what the policy is told to do.
        rate_hz: how often a device is read.
    """

    joints: tuple[str, ...]
    lower: Array
    upper: Array
    home: Array
    arms: tuple[str, ...]
    leaders: tuple[str, ...]
    instruction: str
    rate_hz: int

    def places(self, arm: str) -> slice:
        """Return where the joints of an arm stand; raises ValueError if it has none."""
        places = [i for i, joint in enumerate(self.joints) if joint.startswith(f"{arm}_")]
        if not places:
            raise ValueError(f"no joints of an arm {arm!r} in {', '.join(self.joints)}")
        return slice(places[0], places[-1] + 1)


@dataclass(frozen=True, slots=True)
class View:
    """What is known of the robot at a tick.

    Attributes:
        command: (J,) the newest command to all joints, None before the first.
        status: the controller's newest, None before the first.
        episode: the station's newest, None before the first.
        engaged: whether the person wants to command.
        rewinding: whether the arms are being led back along their way meanwhile.
    """

    command: Array | None = None
    status: ControlStatus | None = None
    episode: EpisodeState | None = None
    engaged: bool = False
    rewinding: bool = False

    @property
    def correcting(self) -> bool:
        """Whether what the device says counts now."""
        return self.engaged and not self.rewinding


@dataclass(frozen=True, slots=True)
class Event:
    """Something that a person did once: one of WISHES, or of LABELS."""

    kind: str
    value: float = 0.0  # of a rewind: seconds, 0 for the usual
    text: str = ""  # of a note or a subtask


@dataclass(frozen=True, slots=True)
class Reading:
    """Where the device wants joints to be.

    Attributes:
        joints: those that it moves; all others stay. Others than before are a new takeover.
        position: (len(joints),) in the sense of a command: rad, grippers 0 closed to 1 open.
        relative: only its changes since the takeover count. A change of this is a new takeover.
        events: what the person did since the last reading.
    """

    joints: tuple[str, ...]
    position: Array
    relative: bool
    events: tuple[Event, ...] = ()


class Device(Protocol):
    """A plugin in `teleop/devices/<name>.py` with `Config` and `make(config, robot, bus)`."""

    def open(self) -> None:
        """Get hold of the device; raises DeviceError with a remedy if that fails."""
        ...

    def read(self, now_ns: int, view: View) -> Reading | None:
        """Return where it wants the joints to be, at once; None while that is not known.

        What is not known is no command: a person who had the arms then has them no more, and they
        stay where they are until somebody hands them back.
        """
        ...

    def mirror(self, view: View) -> None:
        """Take in what the robot does: a device with motors follows it while nobody engages."""
        ...

    def note(self) -> str:
        """Return what people should know of it: why it reads nothing, what it moves now."""
        ...

    def close(self) -> None:
        """Let go of the device."""
        ...
