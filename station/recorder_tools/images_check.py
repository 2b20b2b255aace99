"""Whether the videos of an episode hold an image for each of its rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recorder import decoding, layout
from recorder.assembly import LOOKED_AT
from recorder.dataset import Dataset, DatasetError
from recorder.structure import EpisodeRow, Fault

_ASIDE: Final = "repair puts the episode aside and keeps the others"
_RATE_HZ: Final = 0.01

Seen = Callable[[str, NDArray[np.uint8]], None]


def faults(dataset: Dataset, row: EpisodeRow, seen: Seen | None) -> Iterator[Fault]:
    """Yield what is wrong with an episode's videos.

    Args:
        dataset: which it is of.
        row: what is said of it.
        seen: is given every tenth image and the column it belongs to; None to decode nothing.
    """
    for camera in dataset.info.cameras:
        where = f"episode {row.episode}, {camera}"
        try:
            for what in _of_camera(dataset, row, camera):
                yield Fault(where, what, _ASIDE)
            if seen is not None:
                for number, image in enumerate(dataset.frames(row.episode, camera)):
                    if number % LOOKED_AT == 0:
                        seen(layout.CAMERA + camera, image)
        except (DatasetError, decoding.VideoError) as error:
            yield Fault(where, str(error), _ASIDE)


def _of_camera(dataset: Dataset, row: EpisodeRow, camera: str) -> Iterator[str]:
    path, _, end_s = dataset.video(row.episode, camera)
    facts = decoding.facts(path)
    needed = round(end_s * dataset.info.fps)
    if facts.frames < needed or (facts.frames > needed and _alone(dataset, row, camera)):
        yield f"{facts.frames} images in {path.name}, {needed} needed"
    if abs(facts.fps - dataset.info.fps) > _RATE_HZ:
        yield f"{facts.fps:g} images a second, not {dataset.info.fps}"
    height, width = dataset.info.features[layout.CAMERA + camera]["shape"][:2]
    if (facts.height, facts.width) != (height, width):
        yield f"images of {facts.width} x {facts.height}, not {width} x {height}"


def _alone(dataset: Dataset, row: EpisodeRow, camera: str) -> bool:
    """Return whether no other episode's images are in the same file."""
    files = [other.video_file(dataset.info, camera) for other in dataset.episodes()]
    return files.count(row.video_file(dataset.info, camera)) == 1
