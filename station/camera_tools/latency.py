"""Measures how much older a camera's light is than its stamps, by a pattern on a monitor."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from rich.console import Console

from messaging.images import ImageError, pixels
from messaging.messages import Frame
from perception.pattern import burnt, time_in
from station.camera_tools.running import running_cameras
from station.robot import StationConfig

_WINDOW = "evenhand: hold the camera before this, Esc ends it"
_ESCAPE = 27
_LEAST_READ = 20
_SIZE = (960, 720)  # pixels of the pattern


class Monitor:
    """A window that shows the pattern of the present time, again and again."""

    def __init__(self) -> None:
        if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            raise ValueError("there is no screen to show the pattern on; run this on a desktop")
        cv2.namedWindow(_WINDOW, cv2.WINDOW_NORMAL)
        cv2.setWindowProperty(_WINDOW, cv2.WND_PROP_FULLSCREEN, cv2.WINDOW_FULLSCREEN)

    def show(self) -> bool:
        """Show the present time; returns False when somebody pressed Esc."""
        cv2.imshow(_WINDOW, burnt(time.monotonic_ns(), *_SIZE))
        return int(cv2.waitKey(1)) != _ESCAPE

    def close(self) -> None:
        """Close the window."""
        cv2.destroyWindow(_WINDOW)


def measure_latency(
    config: StationConfig,
    camera: str,
    seconds: float,
    monitor_ms: float,
    console: Console,
    screen: Callable[[], Any] = Monitor,
) -> int:
    """Show the pattern, read it through the camera, say what latency_ms is; returns the exit code.

    Args:
        config: the robot's.
        camera: the name of one of its cameras.
        seconds: for how long to measure.
        monitor_ms: what the monitor takes from being told to being lit.
        console: to say it on.
        screen: shows the pattern.
    """
    late_ms: list[float] = []
    looks = 0
    with running_cameras(config, [camera]) as cameras:
        monitor = screen()
        try:
            end_s = time.monotonic() + seconds
            while time.monotonic() < end_s and monitor.show():
                for _, frame in cameras.look():
                    looks += 1
                    late_ms += _late_ms(frame)
                if cameras.views[0].death:
                    raise RuntimeError(f"{camera}: {cameras.views[0].death}")
        finally:
            monitor.close()
    if len(late_ms) < _LEAST_READ:
        console.print(
            f"{camera} read the pattern in {len(late_ms)} of {looks} images, {_LEAST_READ} are"
            " needed: fill its view with the monitor, in focus, with a short exposure",
            soft_wrap=True,
        )
        return 1
    configured_ms = float(config.cameras[camera].config.get("latency_ms", 0.0))
    low, median, high = np.percentile(late_ms, [5, 50, 95]) + configured_ms - monitor_ms
    console.print(
        f"{camera}: light is {median:.0f} ms older than the device's stamps, 90 % between"
        f" {low:.0f} and {high:.0f} ms, from {len(late_ms)} of {looks} images, with"
        f" {monitor_ms:g} ms taken off for the monitor\nwrite into its config:"
        f" latency_ms: {max(0.0, median):.0f}",
        highlight=False,
        soft_wrap=True,
    )
    return 0


def _late_ms(frame: Frame) -> list[float]:
    """Return how much later than what it shows a frame is stamped, nothing if it is not read."""
    try:
        t_shown_ns = time_in(pixels(frame.image))
    except ImageError:
        return []
    return [] if t_shown_ns is None else [(frame.t_capture_ns - t_shown_ns) * 1e-6]
