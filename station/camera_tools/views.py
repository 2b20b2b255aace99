"""What cameras deliver, gathered from their frames and heartbeats, judged, shown and pictured."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.table import Table
from rich.text import Text

from messaging.images import ImageError, encoding, pixels
from messaging.messages import Frame, Heartbeat
from perception.stream import State
from runtime.shell import command

MOST_SKEW_MS = 50.0
MOST_AGE_MS = 150.0
LEAST_OF_RATE = 0.9
TILE = (480, 360)  # pixels of a view in the contact sheet, width and height

_KEPT = 600
_COUNTERS = {
    "dropped": "dropped",
    "repeated": "same",
    "corrupt": "corrupt",
}  # and how they are headed
_NOT_THERE = "NOT THERE"
_SLOW_TWIN = "let it draw less: a smaller width and height, or a lower rate_hz"
_SLOW_DEVICE = (
    "in a dark room set exposure_ms, give each camera a USB controller of its own (`lsusb -t`),"
    " or ask for a lower rate_hz"
)


class CameraView:
    """What one camera delivered since the last `forget`."""

    def __init__(self, name: str, plugin: str, rate_hz: float) -> None:
        self.name = name
        self.rate_hz = rate_hz  # as its config has it
        self.image: NDArray[np.uint8] | None = None  # the newest, as it came
        self.t_capture_ns = 0  # of the newest
        self.heartbeat: Heartbeat | None = None
        self.death = ""  # why its process ended since then
        self._plugin = plugin
        self.forget()

    def forget(self) -> None:
        """Begin to measure anew; a process that died and lives again is forgiven."""
        self.death = "" if self.heartbeat else self.death
        self._first: Frame | None = None
        self._last: Frame | None = None
        self._ages_ms: deque[float] = deque(maxlen=_KEPT)
        self._skews_ms: deque[float] = deque(maxlen=_KEPT)
        self._counted = dict(self.heartbeat.counters) if self.heartbeat else {}

    def add(self, frame: Frame, now_ns: int) -> None:
        """Take in a frame that just arrived."""
        self._first = self._first or frame
        self._last = frame
        self.image, self.t_capture_ns = frame.image, frame.t_capture_ns
        self._ages_ms.append((now_ns - frame.t_capture_ns) * 1e-6)

    def compare(self, t_capture_ns: int) -> None:
        """Compare the newest image's stamp with that of the image that paces the policy."""
        if self.t_capture_ns:
            self._skews_ms.append(abs(t_capture_ns - self.t_capture_ns) * 1e-6)

    @property
    def state(self) -> str:
        """How the camera is, in its own words."""
        if self.heartbeat is None:
            return _NOT_THERE if self.death else State.OPENING
        return self.heartbeat.note.partition(":")[0]

    @property
    def measured_hz(self) -> float:
        """Images a second, by their stamps; 0 while there are not two."""
        if self._first is None or self._last is None or self._last.seq == self._first.seq:
            return 0.0
        elapsed_s = (self._last.t_capture_ns - self._first.t_capture_ns) * 1e-9
        return (self._last.seq - self._first.seq) / elapsed_s

    @property
    def age_ms(self) -> float:
        """How old images are when they arrive, median."""
        return float(np.median(self._ages_ms)) if self._ages_ms else math.nan

    @property
    def skew_ms(self) -> float:
        """How far the newest image is from that of the first camera, median."""
        return float(np.median(self._skews_ms)) if self._skews_ms else math.nan

    @property
    def most_skew_ms(self) -> float:
        """The skew that a camera of this rate may have: a slow one's image stays the newest."""
        return max(MOST_SKEW_MS, 1e3 / self.rate_hz)

    def counted(self, counter: str) -> int:
        """Return by how much a counter of the process rose."""
        counters = self.heartbeat.counters if self.heartbeat else {}
        return counters.get(counter, 0) - self._counted.get(counter, 0)

    def trouble(self) -> str:
        """Return what is wrong and what to do about it; empty if nothing is."""
        if self.death:
            return self.death
        if self.state != State.OK:
            note = self.heartbeat.note if self.heartbeat else "its process says nothing"
            return f"{note}; check its cable and its socket, then look at `dmesg --follow`"
        if self.measured_hz < LEAST_OF_RATE * self.rate_hz:
            remedy = _SLOW_TWIN if self._plugin == "mujoco" else _SLOW_DEVICE
            return f"{self.measured_hz:.1f} images/s, not {self.rate_hz:g}: {remedy}"
        if self.age_ms > MOST_AGE_MS:
            return f"images are {self.age_ms:.0f} ms old when they arrive: close other programs"
        if self.skew_ms > self.most_skew_ms:
            measuring = command("python -m perception pattern --camera", self.name)
            return (
                f"its images are {self.skew_ms:.0f} ms off those of the first camera: measure"
                f" latency_ms of both by {measuring}"
            )
        return ""


def table(views: Sequence[CameraView], title: str) -> Table:
    """Return all cameras as a table, one a line."""
    shown = Table(title=title, title_justify="left", box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in ("camera", "state"):
        shown.add_column(heading, no_wrap=True)
    for heading in ("Hz", "age ms", "skew ms", "image", *_COUNTERS.values()):
        shown.add_column(heading, justify="right", no_wrap=True)
    for view in views:
        shown.add_row(
            view.name,
            Text(view.state, "red" if view.trouble() else "green"),
            f"{view.measured_hz:.1f}/{view.rate_hz:g}",
            _number(view.age_ms),
            _number(view.skew_ms),
            _described(view.image),
            *(str(view.counted(counter)) for counter in _COUNTERS),
        )
    return shown


def contact_sheet(views: Sequence[CameraView]) -> NDArray[np.uint8]:
    """Return one picture of all views, RGB, each with its name and figures on it."""
    columns = math.ceil(math.sqrt(len(views)))
    rows = math.ceil(len(views) / columns)
    width, height = TILE
    sheet = np.full((rows * height, columns * width, 3), 40, np.uint8)
    for place, view in enumerate(views):
        top, left = place // columns * height, place % columns * width
        sheet[top : top + height, left : left + width] = _tile(view)
    return sheet


def write_picture(path: Path, views: Sequence[CameraView]) -> None:
    """Write the contact sheet; raises ValueError or OSError where that is not possible."""
    try:
        written = cv2.imwrite(str(path), cv2.cvtColor(contact_sheet(views), cv2.COLOR_RGB2BGR))
    except cv2.error as error:
        raise ValueError(
            f"{path} is no name for a picture; take one such as cameras.png"
        ) from error
    if not written:
        raise OSError(f"cannot write {path}; is there such a folder, and room on the disk?")


def _tile(view: CameraView) -> Any:
    tile: Any = np.full((TILE[1], TILE[0], 3), 40, np.uint8)
    if (image := _decoded(view.image)) is not None:
        scale = min(TILE[0] / image.shape[1], TILE[1] / image.shape[0])
        size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
        left, top = (TILE[0] - size[0]) // 2, (TILE[1] - size[1]) // 2
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        tile[top : top + size[1], left : left + size[0]] = small
    figures = f"{view.measured_hz:.1f} Hz   age {_number(view.age_ms)} ms   {view.state}"
    colour = (255, 110, 110) if view.trouble() else (140, 255, 140)
    tile[:26] //= 3
    tile[-26:] //= 3
    for text, bottom, shade in ((view.name, 19, (255, 255, 255)), (figures, TILE[1] - 8, colour)):
        place = (8, bottom)
        cv2.putText(tile, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.55, shade, 1, cv2.LINE_AA)
    return tile


def _described(image: NDArray[np.uint8] | None) -> str:
    decoded = _decoded(image)
    if image is None or decoded is None:
        return "-"
    return f"{decoded.shape[1]}x{decoded.shape[0]} {encoding(image)}"


def _decoded(image: NDArray[np.uint8] | None) -> NDArray[np.uint8] | None:
    try:
        return None if image is None else pixels(image)
    except ImageError:
        return None


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.0f}"
