"""A stop by Space in the terminal of the launch, or by SIGUSR1 to its process."""

from __future__ import annotations

import logging
import os
import select
import signal
import termios
import threading
import tty
from types import FrameType
from typing import Any, Self

from messaging.service import Client
from station.asking import LAUNCH, new_request

log = logging.getLogger(__name__)

_KEY = b" "
_END = b"\0"  # the number of no signal
_LOOK_S = 1.0  # how long a terminal can be back in the foreground without its keys being read


class StopKey:
    """Watches key and signal in a thread of its own, so that nothing keeps a stop waiting.

    Args:
        client: asks the service "safety".
        keyboard: file descriptor of the terminal whose keys are read while the launch is in its
            foreground; None to heed the signal alone.
    """

    def __init__(self, client: Client, keyboard: int | None) -> None:
        self._client = client
        self._keyboard = keyboard
        self._before: list[Any] | None = None  # the terminal's modes
        self._thread = threading.Thread(target=self._watch, name="stop key")

    def __enter__(self) -> Self:
        signal.signal(signal.SIGUSR1, _written_to_the_pipe)
        self._heard, self._told = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        # Signals end up in the pipe however busy the main thread is.
        self._told_before = signal.set_wakeup_fd(self._told, warn_on_full_buffer=False)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(self._told_before)
        os.write(self._told, _END)
        self._thread.join()
        os.close(self._heard)
        os.close(self._told)

    def _watch(self) -> None:
        try:
            while self._look():
                pass
        finally:
            self._give_terminal_back()

    def _look(self) -> bool:
        """Wait for a key or a signal; returns False once there is no more to wait for."""
        keyboard = self._keyboard
        watched = [self._heard]
        if keyboard is not None and _in_front(keyboard):
            self._take_terminal(keyboard)
            watched.append(keyboard)
        heard, _, _ = select.select(watched, [], [], _LOOK_S)
        if self._heard in heard:
            told = os.read(self._heard, 4096)
            if signal.SIGUSR1 in told:
                self._stop("SIGUSR1")
            if _END in told:
                return False
        # To read a terminal from its background would suspend the whole launch.
        if keyboard is not None and keyboard in heard and _in_front(keyboard):
            self._read(keyboard)
        return True

    def _read(self, keyboard: int) -> None:
        try:
            keys = os.read(keyboard, 4096)
        except OSError:
            keys = b""
        if not keys:  # the terminal is gone
            self._keyboard = None
        if _KEY in keys:
            self._stop("Space")

    def _stop(self, by: str) -> None:
        while self._client.receive():
            pass  # what became of earlier ones is told by the safety state
        self._client.send(new_request("stop", f"{LAUNCH}, {by}"))

    def _take_terminal(self, keyboard: int) -> None:
        """Get keys as they are pressed; again, if a shell had the terminal in between."""
        try:
            modes = termios.tcgetattr(keyboard)
            if modes[3] & termios.ICANON:
                self._before = self._before or modes
                tty.setcbreak(keyboard, termios.TCSANOW)
        except termios.error as error:
            log.warning("keys are not read: %s", error)
            self._keyboard = None

    def _give_terminal_back(self) -> None:
        if self._before and self._keyboard is not None and _in_front(self._keyboard):
            termios.tcsetattr(self._keyboard, termios.TCSADRAIN, self._before)


def _in_front(keyboard: int) -> bool:
    """Return whether this process is in the foreground of the terminal `keyboard`."""
    try:
        return os.tcgetpgrp(keyboard) == os.getpgrp()
    except OSError:
        return False


def _written_to_the_pipe(_number: int, _frame: FrameType | None) -> None:
    """Keep the signal from ending the launch; the thread hears of it through the pipe."""
