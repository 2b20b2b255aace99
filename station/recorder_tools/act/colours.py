"""Which channel of a file's images is red: said, by convention, or guessed from what they show.

The first ALOHA encoded RGB as if it were BGR, so its JPEG files show red as blue; forks of it write
true colours, and nothing in their files says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from station.recorder_tools.act.hdf5 import ChannelOrder
from station.recorder_tools.act.images import Axes
from station.recorder_tools.act.inspect import Recording

_CLEARLY: Final = 2.0  # times as much of the one as of the other
_COLOURED: Final = 0.5  # of 255, at least that much on the average


def settle_colours(
    recordings: Sequence[Recording], chosen: ChannelOrder | None
) -> tuple[list[Recording], list[str]]:
    """Give every camera an order of channels.

    Args:
        recordings: all files of one import, which are taken to come of one recorder.
        chosen: by a person, for all images; None to go by the files.

    Returns:
        The files with their cameras, and what was decided why, for people.
    """
    guessed, why = _guess(recordings)
    reasons: list[str] = []
    settled = []
    for recording in recordings:
        cameras = {}
        for name, camera in recording.cameras.items():
            if chosen or recording.colours:
                order = chosen or recording.colours
            elif camera.axes is Axes.FILE:
                order = guessed
                reasons.append(why)
            else:
                order = ChannelOrder.RGB
                if camera.axes is not Axes.GREY:
                    reasons.append("arrays: taken as RGB, as ACT keeps them (--colours bgr if not)")
            cameras[name] = replace(camera, order=order)
        settled.append(replace(recording, cameras=cameras))
    return settled, list(dict.fromkeys(reasons))


def _guess(recordings: Sequence[Recording]) -> tuple[ChannelOrder, str]:
    """Return the order of channels in image files, and by what it was found.

    Skin, wood, card and brass are warm, and few things in a room are as blue: where the colours of
    all files together lean to one side clearly, that tells whether red and blue are exchanged.
    """
    files = [
        camera.warmth
        for recording in recordings
        for camera in recording.cameras.values()
        if camera.axes is Axes.FILE
    ]
    warm, cold = np.mean(files, axis=0) if files else (0.0, 0.0)
    if warm >= _COLOURED and warm >= _CLEARLY * cold:
        return (
            ChannelOrder.RGB,
            (
                "image files: GUESSED to show true colours, since they look warm as they are"
                " (--colours bgr if red and blue are exchanged after all)"
            ),
        )
    if cold >= _COLOURED and cold >= _CLEARLY * warm:
        return ChannelOrder.BGR, (
            "image files: GUESSED to have red and blue exchanged, as the first ALOHA's, since they"
            " look blue as they are (--colours rgb if they show true colours after all)"
        )
    return ChannelOrder.BGR, (
        "image files: taken to have red and blue exchanged, as the first ALOHA's, since nothing"
        " in them tells (--colours rgb if they show true colours)"
    )
