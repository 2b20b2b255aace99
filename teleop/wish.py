"""What the person wants: to command or not, or to go back along the way. Pure."""

from __future__ import annotations

from typing import Final

import numpy as np

from messaging.messages import HumanCommand, JointCommand
from teleop.device import WISHES, Event, Reading
from teleop.rewind import Rewind, Trail

USUAL_S: Final = 2.0  # that are gone back on
LOST_NS: Final = 100_000_000  # of silence, after which the controller holds until a hand-back
# While one of these is in force the arms move by a policy or a person: a way to go back on.
_ON_THE_WAY: Final = ("run", "human")


class Wish:
    """Between what is asked for, by whom ever, and the stream of commands.

    Attributes:
        engaged: whether the person wants to command.
        lost: the person had the arms and fell silent: nobody has them until they are handed back.
    """

    def __init__(self, device: str, *, lost: bool = False) -> None:
        """Begin with nobody in command, or `lost` by the one that went before."""
        self.engaged = self.lost = lost
        self._device = device
        self._trail = Trail()
        self._rewind: Rewind | None = None
        self._rewound_ns = 0  # when that began
        self._joints: tuple[str, ...] = ()  # of whole commands
        self._read_ns = 0  # when the device was last read
        self._sent_ns = 0
        self._seq = 0

    @property
    def rewinding(self) -> bool:
        """Whether the arms are being led back."""
        return self._rewind is not None

    def follow(self, command: JointCommand, mode: str) -> None:
        """Take in what all joints were told, and the controller's mode."""
        self._joints = command.joints
        if mode not in _ON_THE_WAY:
            self._trail.clear()
        elif not self.rewinding:
            self._trail.note(command.t_command_ns, command.position)

    def heard(self, now_ns: int) -> None:
        """Take in that the device was read."""
        self._read_ns = now_ns

    def ask(self, event: Event, now_ns: int) -> str:
        """Fulfil a wish, one of WISHES; returns why it cannot be, empty if it is."""
        if event.kind not in WISHES:
            return f"teleop knows no {event.kind!r}; it takes {', '.join(WISHES)}"
        giving = event.kind == "hand_back" or (event.kind == "toggle" and self.engaged)
        if self.lost and not giving:
            return "the person's commands were lost and nobody has the arms: hand them back first"
        if not giving and now_ns - self._read_ns > LOST_NS:
            return f"nothing is heard of the {self._device}"
        if event.kind == "rewind":
            return self._go_back(event.value or USUAL_S, now_ns)
        self._engage(not giving, now_ns)
        self._rewind = None
        return ""

    def look(self, now_ns: int) -> None:
        """Notice that a way back is over, or that the person has been silent for too long."""
        if self._rewind and self._since_s(now_ns) >= self._rewind.duration_s:
            self._rewind = None
        if self.engaged and now_ns - self._sent_ns > LOST_NS:
            self.lost, self._rewind = True, None

    def command(self, reading: Reading | None, now_ns: int) -> HumanCommand | None:
        """Return what to tell the controller now, None while its silence is to make it hold."""
        if self.lost:
            return None
        if self._rewind is not None:
            back = Reading(self._joints, self._rewind.at(self._since_s(now_ns)), relative=False)
            return self._told(back, now_ns, "rewind")
        if reading is None and self.engaged:
            return None
        return self._told(reading or Reading((), np.empty(0), relative=True), now_ns, "correct")

    def _go_back(self, seconds: float, now_ns: int) -> str:
        if not 0.0 < seconds < float("inf"):
            return f"want a number of seconds to go back, got {seconds:g}"
        if self.rewinding:
            return "it is going back already"
        rewind = self._trail.back(seconds)
        if rewind is None:
            return "there is no way to go back on: the arms have not moved since the last pause"
        self._engage(True, now_ns)
        self._rewind, self._rewound_ns = rewind, now_ns
        return ""

    def _engage(self, wanted: bool, now_ns: int) -> None:
        if wanted and not self.engaged:
            self._sent_ns = now_ns  # nothing was owed before
        self.engaged, self.lost = wanted, self.lost and wanted

    def _since_s(self, now_ns: int) -> float:
        return (now_ns - self._rewound_ns) * 1e-9

    def _told(self, reading: Reading, now_ns: int, doing: str) -> HumanCommand:
        self._seq += 1
        self._sent_ns = now_ns
        return HumanCommand(
            device=self._device,
            seq=self._seq,
            t_ns=now_ns,
            joints=reading.joints,
            position=reading.position,
            engaged=self.engaged,
            relative=reading.relative,
            doing=doing,
        )
