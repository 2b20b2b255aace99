"""The videos of an episode: for each row and camera the image that belongs to it, or black."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from messaging.images import ImageError, pixels
from messaging.messages import Frame
from messaging.topics import FRAME
from recorder.journal import Journal
from recorder.layout import CAMERA, video_path
from recorder.log import Reading
from recorder.recorded import Recorded, Stamps
from recorder.resample import Rows, Shown
from recorder.statistics import ImageStatistics, Statistics
from recorder.video import VideoWriter
from runtime.files import atomic_write

_SIZE: Final = (480, 640)  # of a camera of which nobody ever saw an image
_LOOKED_AT: Final = 10  # every tenth image counts for the statistics


@dataclass(slots=True)
class Films:
    """What came of the images of an episode."""

    sizes: dict[str, tuple[int, int]] = field(default_factory=dict)  # height and width, by camera
    statistics: dict[str, Statistics] = field(default_factory=dict)  # by feature
    unreadable: set[int] = field(default_factory=set)  # rows of which an image was damaged


def filmed(
    directory: Path,
    journal: Journal,
    recorded: Recorded,
    rows: Rows,
    index: int,
    sizes: Mapping[str, tuple[int, int]],
    told: Callable[[float], None],
) -> Films:
    """Write the videos of an episode.

    Args:
        directory: of the dataset.
        journal: with the images.
        recorded: what else it holds.
        rows: which image each row shows.
        index: number of the episode.
        sizes: height and width of the images of each camera that are in the dataset already.
        told: how much is done.

    Raises:
        JournalError: the journal cannot be read any more.
        ValueError: a camera's images are of another size than in the dataset.
        OSError: a video cannot be written.
    """
    films, fps = Films(), recorded.header.rate_hz
    with ExitStack() as stack:
        reels = {}
        for camera, shown in rows.shown.items():
            path = stack.enter_context(atomic_write(directory / video_path(camera, index)))
            stamps, size = recorded.frames[camera], sizes.get(camera)
            reels[camera] = _Reel(camera, path, fps, shown, stamps, size)
            stack.callback(reels[camera].close)
        _develop(journal, reels, told)
        for camera, reel in reels.items():
            reel.finish()
            films.sizes[camera] = reel.size or _SIZE
            films.statistics[CAMERA + camera] = reel.statistics.result()
            films.unreadable |= reel.unreadable
    return films


class _Reel:
    """Takes the images of one camera in order and writes as many of each as rows show it."""

    def __init__(
        self,
        camera: str,
        path: Path,
        fps: int,
        shown: Shown,
        stamps: Stamps,
        size: tuple[int, int] | None,
    ) -> None:
        self.size = size
        self.statistics = ImageStatistics()
        self.unreadable: set[int] = set()
        self._camera, self._path, self._fps = camera, path, fps
        self._rows = len(shown.index)
        self._times = np.bincount(shown.index[shown.index >= 0], minlength=len(stamps))
        self._blank = int(np.sum(shown.index < 0))  # rows before the first image
        self._place = {int(stamp): place for place, stamp in enumerate(stamps)}
        self._writer: VideoWriter | None = None
        self._last: NDArray[np.uint8] | None = None

    def add(self, frame: Frame) -> None:
        """Take the next image; raises ValueError if the dataset's are of another size."""
        place = self._place.pop(frame.t_capture_ns, None)
        times = 0 if place is None else int(self._times[place])
        if times == 0:
            return
        image = self._readable(frame)
        if image is None:
            self._write_unreadable(times)
        else:
            self._last = image
            self._write(image, times)

    def finish(self) -> None:
        """Fill up the rows that no image came for."""
        self._write_unreadable(self._rows - self._opened().images)

    def close(self) -> None:
        """Close the file."""
        if self._writer:
            self._writer.close()

    def _readable(self, frame: Frame) -> NDArray[np.uint8] | None:
        """Return the pixels of an image, None if it is damaged or not as large as the first."""
        try:
            image = pixels(frame.image)
        except ImageError:
            return None
        size = (image.shape[0], image.shape[1])
        if self.size not in (None, size) and self._last is None:
            raise ValueError(
                f"{self._camera} gives images of {size}, height and width; in the dataset they are"
                f" of {self.size}: record into another directory NEW; move this journal's folder"
                " into NEW/journal/, and `python -m recorder repair NEW` makes an episode of it"
            )
        return image if self.size in (None, size) else None

    def _opened(self) -> VideoWriter:
        """Return the video, begun with black where a row comes before the first image."""
        if self._writer is None:
            self.size = self.size or (self._last.shape[:2] if self._last is not None else _SIZE)
            self._writer = VideoWriter(self._path, self._fps, *self.size)
            self._write(np.zeros((*self.size, 3), np.uint8), self._blank)
        return self._writer

    def _write_unreadable(self, times: int) -> None:
        """Write the last image again, or black, in place of one that cannot be read."""
        writer = self._opened()
        self.unreadable.update(range(writer.images, writer.images + times))
        height, width = self.size or _SIZE
        black = np.zeros((height, width, 3), np.uint8)
        self._write(black if self._last is None else self._last, times)

    def _write(self, image: NDArray[np.uint8], times: int) -> None:
        writer = self._opened()
        for _ in range(times):
            if writer.images % _LOOKED_AT == 0:
                self.statistics.add(image)
            writer.add(image)


def _develop(journal: Journal, reels: Mapping[str, _Reel], told: Callable[[float], None]) -> None:
    """Hand every image that a row shows to its camera's reel."""
    reading, size = Reading(), max(1, journal.log_bytes())
    for item in journal.said(only=FRAME.name, reading=reading):
        if isinstance(item.message, Frame) and item.message.camera in reels:
            reels[item.message.camera].add(item.message)
            told(reading.whole_bytes / size)
