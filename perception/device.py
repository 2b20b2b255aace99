"""A camera whose device is read in a thread of its own, and opened anew when it was unplugged."""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod
from typing import Protocol

from messaging.images import ImageError
from perception.camera import CameraError, Capture, Condition

log = logging.getLogger(__name__)

_RETRY_S = 0.5
_CLOSE_S = 1.0


class Device(Protocol):
    """A device that is open."""

    @property
    def stamped_by(self) -> str:
        """Say who tells when an image was taken, for people."""
        ...

    def read(self) -> Capture | None:
        """Wait for the next image; None if none came for a while.

        Raises:
            ImageError: the image came damaged; the next one may be good.
            CameraError: the device is gone, or gives no more images.
        """
        ...

    def release(self) -> None:
        """Let go of the device."""
        ...


class DeviceCamera(ABC):
    """Keeps the newest image of a device, since a read cannot always be given a deadline.

    After an unplug it yields nothing and tries again and again to open the device.
    """

    def __init__(self) -> None:
        self._lost = ""  # why the device is out of reach; empty while it is there
        self._corrupt = 0
        self._stamped_by = "nothing yet"
        self._fresh = threading.Condition()
        self._newest: Capture | None = None
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def open(self) -> None:
        """Open the device and start to read it; raises CameraError if that fails."""
        device = self._opened()
        self._closing.clear()
        self._thread = threading.Thread(target=self._read, args=(device,), daemon=True)
        self._thread.start()

    @abstractmethod
    def _opened(self) -> Device:
        """Return the device, open and set up; raises CameraError with a remedy."""

    def capture(self, timeout_s: float) -> Capture | None:
        """Return the newest image that was not returned before, None if none came in time.

        Raises:
            CameraError: the reading ended by an error that nobody foresaw.
        """
        if self._thread is None or not self._thread.is_alive():
            raise CameraError("the camera is not being read: it was not opened, or see the log")
        with self._fresh:
            self._fresh.wait_for(lambda: self._newest is not None, timeout_s)
            capture, self._newest = self._newest, None
            return capture

    def condition(self) -> Condition:
        """Return how the camera is."""
        return Condition(
            noisy=True, lost=self._lost, corrupt=self._corrupt, stamped_by=self._stamped_by
        )

    def close(self) -> None:
        """End the reading; a read that never returns is left to die with the process."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join(_CLOSE_S)
            self._thread = None

    def _read(self, device: Device | None) -> None:
        while device is not None and not self._closing.is_set():
            try:
                capture = device.read()
            except ImageError as error:
                self._drop(error)
            except CameraError as error:
                device.release()
                device = self._opened_again(error)
            else:
                self._stamped_by = device.stamped_by
                self._keep(capture)
        if device is not None:
            device.release()

    def _keep(self, capture: Capture | None) -> None:
        if capture is None:
            return
        with self._fresh:
            self._newest = capture
            self._fresh.notify()

    def _drop(self, error: ImageError) -> None:
        self._corrupt += 1
        if self._corrupt == 1:
            log.warning("dropped a damaged image, more are only counted: %s", error)

    def _opened_again(self, loss: CameraError) -> Device | None:
        """Return the device as soon as it is back, None when the camera is being closed."""
        self._lost = str(loss)
        log.warning("%s; opening it anew", loss)
        while not self._closing.wait(_RETRY_S):
            try:
                device = self._opened()
            except CameraError as error:
                if str(error) != self._lost:
                    self._lost = str(error)
                    log.warning("%s; trying on", error)
            else:
                log.info("the camera is back")
                self._lost = ""
                return device
        return None
