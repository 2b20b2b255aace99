"""What a person says with a device: which commands are fit, and where the person was when."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from controller.helm import Wish
from messaging.messages import HumanCommand
from motion.limits import gripper_mask

Array = NDArray[np.float64]

Refusal = Literal["joints", "shape", "not_finite", "beyond_limits", "future", "stale", "order"]

MOST_AGE_NS = 100_000_000  # ten commands in a row that did not come
FARTHEST = 100.0  # rad; what a device says beyond this is no angle
_SAMPLES = 32  # a third of a second
_AHEAD_NS = 20_000_000  # for which a motion is taken to go on while nothing new is heard
_SLOPE = 4  # samples that tell its velocity,
_SLOPE_NS = 10_000_000  # over no less than this
_TURN = 2.0 * np.pi


class Person:
    """The commands of whoever speaks, as a signal in time.

    Attributes:
        voice: goes up whenever it is said otherwise where the arms should be: by another device,
            about other joints, aligned instead of relative.
    """

    def __init__(self, joints: Sequence[str]) -> None:
        """Listen for commands to `joints`."""
        self.voice = 0
        self._row = {name: row for row, name in enumerate(joints)}
        self._turning = ~gripper_mask(joints)
        self._newest: HumanCommand | None = None
        self._samples: deque[tuple[int, Array]] = deque(maxlen=_SAMPLES)

    @property
    def relative(self) -> bool:
        """Whether only changes since the takeover count."""
        return self._newest is not None and self._newest.relative

    @property
    def moves(self) -> NDArray[np.bool_]:
        """Which joints (J,) the person moves; all others stay."""
        moved = np.zeros(len(self._row), np.bool_)
        if self._newest is not None:
            moved[[self._row[name] for name in self._newest.joints]] = True
        return moved

    def hear(self, command: HumanCommand, now_ns: int) -> Refusal | None:
        """Take in a command that came at `now_ns`; returns why it was dropped, if it was."""
        reason = self._malformed(command) or self._untimely(command, now_ns)
        if reason is not None:
            return reason
        before = self._newest
        if before is None or _source(command) != _source(before):
            self._samples.clear()
            self.voice += 1
        elif command.relative != before.relative:
            self.voice += 1
        pose = np.zeros(len(self._row))
        pose[[self._row[name] for name in command.joints]] = command.position
        if self._samples:
            # Angles are told within a turn: nobody turns a joint halfway round between two samples.
            last = self._samples[-1][1]
            turns = np.where(self._turning, np.round((last - pose) / _TURN), 0.0)
            pose += _TURN * turns
        self._samples.append((command.t_ns, pose))
        self._newest = command
        return None

    def wish(self, now_ns: int) -> Wish:
        """Return what the person wants at `now_ns`."""
        if self._newest is None:
            return "none"
        engaged = self._newest.engaged
        if now_ns - self._newest.t_ns > MOST_AGE_NS:
            return "silent" if engaged else "none"
        return "commands" if engaged else "watches"

    def poses(self, times_ns: NDArray[np.int64]) -> Array:
        """Return where the person had the joints (N, J) at `times_ns`; 0 where it moves none.

        On straight lines between samples, a little further after the last, and then constant.

        Raises:
            LookupError: nothing has been heard yet.
        """
        if not self._samples:
            raise LookupError("nobody has said anything yet")
        stamps = np.array([t_ns for t_ns, _ in self._samples])
        poses = np.array([pose for _, pose in self._samples])
        after = np.minimum(np.searchsorted(stamps, times_ns), len(stamps) - 1)
        before = np.maximum(after - 1, 0)
        length = np.maximum(stamps[after] - stamps[before], 1)
        share = np.clip((times_ns - stamps[before]) / length, 0.0, 1.0)[:, None]
        between = poses[before] + share * (poses[after] - poses[before])
        first = max(len(stamps) - _SLOPE, 0)
        slope = (poses[-1] - poses[first]) / max(stamps[-1] - stamps[first], _SLOPE_NS)
        ahead = np.clip(times_ns - stamps[-1], 0, _AHEAD_NS)[:, None]
        return np.asarray(between + ahead * slope)

    def _malformed(self, command: HumanCommand) -> Refusal | None:
        """Return what is wrong with its form."""
        names, position = command.joints, command.position
        if len(set(names)) != len(names) or not set(names) <= self._row.keys():
            return "joints"
        if position.shape != (len(names),):
            return "shape"
        if not np.isfinite(position).all():
            return "not_finite"
        return "beyond_limits" if (np.abs(position) > FARTHEST).any() else None

    def _untimely(self, command: HumanCommand, now_ns: int) -> Refusal | None:
        """Return what is wrong with its time."""
        age_ns = now_ns - command.t_ns
        if age_ns < 0:
            return "future"
        if age_ns > MOST_AGE_NS:
            return "stale"
        if self._newest is not None and command.t_ns <= self._newest.t_ns:
            return "order"
        return None


def _source(command: HumanCommand) -> tuple[str, tuple[str, ...], str]:
    return command.device, command.joints, command.doing
