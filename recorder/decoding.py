"""Decoding the videos of a dataset."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from recorder.origin import why_unreadable


class VideoError(ValueError):
    """A video that cannot be decoded; says which and why."""


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """What a video's file says of itself."""

    codec: str
    width: int
    height: int
    fps: float
    frames: int  # packets, which is what it takes to know how many frames there are


def frames(path: Path, begin_s: float = 0.0, end_s: float = np.inf) -> Iterator[NDArray[np.uint8]]:
    """Yield the images shown from `begin_s` until before `end_s`, (height, width, 3) RGB.

    Raises:
        VideoError: the file cannot be decoded.
    """
    try:
        with closing(av.open(str(path))) as container:
            stream = _stream(container)
            stream.thread_type = "NONE"  # threads would take the robot's cores
            half_s = 0.5 / float(stream.average_rate or 30)
            if begin_s > 0:
                container.seek(int(begin_s * av.time_base))
            for frame in container.decode(stream):
                if frame.time is None or frame.time < begin_s - half_s:
                    continue
                if frame.time > end_s - half_s:
                    return
                yield np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
    except (av.FFmpegError, ValueError, OSError) as error:
        raise VideoError(f"{path} {why_unreadable(path, error)}") from error


def facts(path: Path) -> VideoFacts:
    """Return what the file says, without decoding it; raises VideoError."""
    try:
        with closing(av.open(str(path))) as container:
            stream = _stream(container)
            packets = sum(packet.pts is not None for packet in container.demux(stream))
            context = stream.codec_context
            return VideoFacts(
                codec=context.name,
                width=context.width,
                height=context.height,
                fps=float(stream.average_rate or 0),
                frames=packets,
            )
    except (av.FFmpegError, ValueError, OSError) as error:
        raise VideoError(f"{path} {why_unreadable(path, error)}") from error


def _stream(container: av.container.InputContainer) -> av.VideoStream:
    """Return the images of a file; raises ValueError if it has none that can be decoded."""
    streams = container.streams.video
    # A stream of an unknown codec has no context, whatever PyAV's types say.
    if not streams or getattr(streams[0], "codec_context", None) is None:
        raise ValueError("it has no video of a codec that is known here")
    return streams[0]
