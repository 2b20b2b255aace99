"""Whether positions are in the units of a robot: radians, and grippers from 0 closed to 1 open."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion.limits import gripper_mask
from station.recorder_tools.act.hdf5 import ACTION, QPOS, refused
from station.recorder_tools.act.inspect import Recording

Limits = Mapping[str, tuple[float, float]]  # lowest and highest, by joint

_MOST_RAD: Final = 2 * np.pi + 0.5  # a roll joint that was unwrapped, once around
_MOST_DEGREES: Final = 400.0
_MOST_TICKS: Final = 3 * 4096
_GRIPPER: Final = (-0.25, 1.25)  # a leader may be opened further than its follower can be
_NOTED: Final = 0.1  # beyond a limit
_METRES: Final = (0.01, 0.065)  # between which the fingers of ALOHA's grippers open and close
_MOVES: Final = 0.02


def check_units(recording: Recording, limits: Limits) -> None:
    """Raise ToolError if a file's positions cannot be in the units of the robot."""
    grip = gripper_mask(list(limits))
    for key, values in ((QPOS, recording.state), (ACTION, recording.action)):
        for index, joint in enumerate(limits):
            low, high = float(values[:, index].min()), float(values[:, index].max())
            found = f"has {joint} (column {index}) from {low:g} to {high:g}"
            if grip[index]:
                if low < _GRIPPER[0] or high > _GRIPPER[1]:
                    expected = f"0 closed to 1 open; {_gripper_unit(low, high)}: convert them"
                    raise refused(recording.path, key, found, expected)
            elif max(-low, high) > _MOST_RAD:
                expected = f"radians; {_angle_unit(values[:, ~grip])}: convert them"
                raise refused(recording.path, key, found, expected)


def check_grippers(recordings: Sequence[Recording], limits: Limits) -> None:
    """Raise ToolError if no gripper leaves the few centimetres that fingers move by."""
    grip = gripper_mask(list(limits))
    ranges = [
        (values[:, grip].min(axis=0), values[:, grip].max(axis=0))
        for recording in recordings
        for values in (recording.state, recording.action)
    ]
    low, high = np.min([low for low, _ in ranges], 0), np.max([high for _, high in ranges], 0)
    moves = high - low >= _MOVES
    if moves.any() and low[moves].min() >= _METRES[0] and high[moves].max() <= _METRES[1]:
        found = f"have grippers between {low[moves].min():g} and {high[moves].max():g} in all files"
        expected = (
            "0 closed to 1 open; these look like metres of the fingers: convert them, by"
            " (metres - closed) / (open - closed)"
        )
        raise refused(recordings[0].path, f"{QPOS} and {ACTION}", found, expected)


def beyond_limits(recordings: Sequence[Recording], limits: Limits) -> Iterator[str]:
    """Yield which joints are measured or commanded beyond the limits of the robot."""
    for key in (QPOS, ACTION):
        of_files = [each.state if key == QPOS else each.action for each in recordings]
        low, high = (
            np.array([fold(values, axis=0) for values in of_files]) for fold in (np.min, np.max)
        )
        for index, (joint, (least, most)) in enumerate(limits.items()):
            lowest, highest = low[:, index].min(), high[:, index].max()
            if lowest < least - _NOTED or highest > most + _NOTED:
                yield (
                    f"{key} has {joint} from {lowest:.3g} to {highest:.3g}; the robot's limits are"
                    f" {least:g} to {most:g}"
                )


def _angle_unit(values: NDArray[np.float64]) -> str:
    """Return what angles that cannot be radians look like."""
    largest = np.abs(values).max()
    if largest <= _MOST_DEGREES:
        return "these look like degrees, radians are degrees * pi / 180"
    if largest <= _MOST_TICKS:
        return "these look like ticks, radians are (ticks - 2048) * pi / 2048"
    return "these look like no unit of an angle"


def _gripper_unit(low: float, high: float) -> str:
    """Return what a gripper's positions look like that do not go from 0 to 1."""
    if -np.pi <= low and high <= np.pi:
        return "these look like radians of its motor"
    if low >= 0 and high <= 100:
        return "these look like millimetres, per cent or degrees"
    if low >= 0 and high <= _MOST_TICKS:
        return "these look like ticks of its motor"
    return "these look like no unit of a gripper"
