"""A camera's images on their way to the bus: what counts as a new one, and what is said of it."""

from __future__ import annotations

import time
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from messaging.messages import Frame
from messaging.transport import Publisher
from perception.camera import Capture, Condition

_STALE_PERIODS = 3
_FROZEN_NS = 1_000_000_000


class State(StrEnum):
    """How a camera is; the first word of its heartbeat's note."""

    OPENING = "OPENING"  # no image came yet
    OK = "OK"
    STALE = "STALE"  # no image for three periods
    FROZEN = "FROZEN"  # the same image for a second
    LOST = "LOST"  # the device is gone


class FrameStream:
    """Publishes each image once: one that is not new is counted, not sent.

    Not new is an image whose stamp does not advance and, of a camera whose sensor is noisy, one
    that equals the image before it to the last bit: it was not taken at the moment that it claims.
    """

    def __init__(
        self, camera: str, rate_hz: float, publisher: Publisher[Frame], noisy: bool = False
    ) -> None:
        self.published = 0
        self.repeated = 0
        self.dropped = 0  # images that should have come between those that came
        self.late_ns = 0  # how far the last gap between two images exceeded the period
        self.t_capture_ns = 0  # of the last image, 0 before the first
        self._camera = camera
        self._period_ns = round(1e9 / rate_hz)
        self._publisher = publisher
        self._noisy = noisy
        self._seen: NDArray[np.uint8] | None = None
        self._frozen_ns = 0  # stamp of the newest image that equals the published one, 0 for none

    def publish(self, capture: Capture) -> bool:
        """Send `capture` if it is new; returns whether it was."""
        if not self._is_new(capture):
            self.repeated += 1
            return False
        gap_ns = capture.t_capture_ns - self.t_capture_ns
        self.late_ns = max(0, gap_ns - self._period_ns) if self.published else 0
        self.dropped += max(0, round(gap_ns / self._period_ns) - 1) if self.published else 0
        self.t_capture_ns = capture.t_capture_ns
        now_ns = time.monotonic_ns()
        self._publisher.send(
            Frame(self._camera, self.published, capture.t_capture_ns, now_ns, capture.image)
        )
        self.published += 1
        return True

    def note(self, condition: Condition, now_ns: int) -> str:
        """Return the camera's state and what there is to say of it, for people."""
        state = self.state(condition, now_ns)
        silent_s = (now_ns - self.t_capture_ns) * 1e-9
        said = {
            State.OPENING: "no image yet",
            State.OK: f"stamped by {condition.stamped_by}",
            State.STALE: f"no new image for {silent_s:.1f} s",
            State.FROZEN: f"the same image for {silent_s:.1f} s: uncover it, or plug it in anew",
            State.LOST: condition.lost,
        }
        return f"{state}: {said[state]}"

    def state(self, condition: Condition, now_ns: int) -> State:
        """Return how the camera is."""
        if condition.lost:
            return State.LOST
        if not self.published:
            return State.OPENING
        stale_ns = _STALE_PERIODS * self._period_ns
        frozen = self._frozen_ns - self.t_capture_ns >= _FROZEN_NS
        if frozen and now_ns - self._frozen_ns <= stale_ns:
            return State.FROZEN
        return State.STALE if now_ns - self.t_capture_ns > stale_ns else State.OK

    def _is_new(self, capture: Capture) -> bool:
        if capture.t_capture_ns <= self.t_capture_ns:
            return False
        if self._noisy:
            if self._seen is not None and np.array_equal(self._seen, capture.image):
                self._frozen_ns = capture.t_capture_ns
                return False
            self._seen, self._frozen_ns = capture.image, 0
        return True
