"""Whether the videos of an episode hold an image for each of its rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recorder import decoding
from recorder.assembly import LOOKED_AT
from recorder.dataset import Dataset, DatasetError
from recorder.features import Feature, Kind
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
            feature = dataset.info.camera(camera)
            if feature.kind is Kind.VIDEO:
                for what in _of_video(dataset, row, feature):
                    yield Fault(where, what, _ASIDE)
            if seen is None:
                continue
            for number, image in enumerate(dataset.frames(row.episode, camera)):
                if image.shape[:2] != feature.size and feature.kind is Kind.IMAGE:
                    yield Fault(where, _sizes(number, image.shape, feature), _ASIDE)
                    break
                if number % LOOKED_AT == 0:
                    seen(feature.key, image)
        except (DatasetError, decoding.VideoError) as error:
            yield Fault(where, str(error), _ASIDE)


def _of_video(dataset: Dataset, row: EpisodeRow, feature: Feature) -> Iterator[str]:
    path, _, end_s = dataset.video(row.episode, feature.name)
    facts = decoding.facts(path)
    needed = round(end_s * dataset.info.fps)
    alone = not dataset.shared(row, feature.name)
    if facts.frames < needed or (facts.frames > needed and alone):
        yield f"{facts.frames} images in {path.name}, {needed} needed"
    if abs(facts.fps - dataset.info.fps) > _RATE_HZ:
        yield f"{facts.fps:g} images a second, not {dataset.info.fps}"
    height, width = feature.size
    if (facts.height, facts.width) != (height, width):
        yield f"images of {facts.width} x {facts.height}, not {width} x {height}"


def _sizes(number: int, shape: tuple[int, ...], feature: Feature) -> str:
    said = f"{feature.size[1]} x {feature.size[0]}"
    return f"image {number} is of {shape[1]} x {shape[0]}, not {said}"
