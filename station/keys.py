"""Single keys in the terminal of the launch: Space stops, as SIGUSR1 does, letters ask for more."""

from __future__ import annotations

import logging
import os
import select
import signal
import termios
import threading
import time
import tty
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Self

from messaging.service import Client
from runtime.realtime import come_first
from station.asking import LAUNCH, new_request
from station.rows import STOP_PRIORITY
from station.safety_tools.at_once import words_of_stop

log = logging.getLogger(__name__)

_STOP = b" "
_END = b"\0"  # the number of no signal
_LOOK_S = 1.0  # how long a terminal can be back in the foreground without its keys being read
_ANSWER_LOOK_S = 0.05  # the same while answers are awaited
_ANSWER_NS = 1_000_000_000
_AGAIN_NS = 500_000_000  # after which a stop that nobody has granted is asked for again


@dataclass(frozen=True, slots=True)
class Key:
    """What a letter asks for: which service, and what of it."""

    letter: str
    service: str
    kind: str
    does: str  # for people


KEYS = (
    Key("t", "teleop", "toggle", "takeover"),
    Key("b", "teleop", "rewind", "back up"),
    Key("s", "station", "success", "success"),
    Key("f", "station", "fail", "fail"),
    Key("n", "station", "next", "skip"),
    Key("d", "recorder", "discard", "discard"),
    Key("u", "recorder", "undo", "undo"),
)


def keys_of(services: Sequence[str]) -> list[Key]:
    """Return the letters that mean something where there are these services."""
    return [key for key in KEYS if key.service in services]


class Keys:
    """Watches keys and the signal in a thread of its own, so that nothing keeps a stop waiting.

    Args:
        clients: by the service that they ask; "safety" is one of them.
        keyboard: file descriptor of the terminal whose keys are read while the launch is in its
            foreground; None to heed the signal alone.
        directory: of the bus, where a signal's words are.
    """

    def __init__(
        self, clients: Mapping[str, Client], keyboard: int | None, directory: Path
    ) -> None:
        self._clients = clients
        self._directory = directory
        self._keyboard = keyboard
        self._meanings = {key.letter.encode(): key for key in keys_of(list(clients))}
        self._asked: dict[str, tuple[Key, int]] = {}  # id of a request -> what and when
        self._told: deque[str] = deque()
        self._wanted: tuple[str, str] | None = None  # a stop that is not granted yet: who and why
        self._stops: list[str] = []  # the requests for it
        self._again_ns = 0
        self._before: list[Any] | None = None  # the terminal's modes
        self._thread = threading.Thread(target=self._watch, name="keys")

    def __enter__(self) -> Self:
        signal.signal(signal.SIGUSR1, _written_to_the_pipe)
        self._heard, self._signalled = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        # Signals end up in the pipe however busy the main thread is.
        self._told_before = signal.set_wakeup_fd(self._signalled, warn_on_full_buffer=False)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(self._told_before)
        os.write(self._signalled, _END)
        self._thread.join()
        os.close(self._heard)
        os.close(self._signalled)

    def told(self) -> list[str]:
        """Return what became of the letters since the last call, in words."""
        return [self._told.popleft() for _ in range(len(self._told))]

    def _watch(self) -> None:
        come_first(STOP_PRIORITY)
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
        patience_s = _ANSWER_LOOK_S if self._asked or self._wanted else _LOOK_S
        heard, _, _ = select.select(watched, [], [], patience_s)
        if self._heard in heard:
            told = os.read(self._heard, 4096)
            if signal.SIGUSR1 in told:
                who, reason = words_of_stop(self._directory)
                self._stop(who or f"{LAUNCH}, SIGUSR1", reason)
            if _END in told:
                return False
        # To read a terminal from its background would suspend the whole launch.
        if keyboard is not None and keyboard in heard and _in_front(keyboard):
            self._read(keyboard)
        self._insist()
        self._take_answers()
        return True

    def _read(self, keyboard: int) -> None:
        try:
            keys = os.read(keyboard, 4096)
        except OSError:
            keys = b""
        if not keys:  # the terminal is gone
            self._keyboard = None
        if _STOP in keys:
            self._stop(f"{LAUNCH}, Space")
        for letter in keys:
            if key := self._meanings.get(bytes([letter])):
                self._ask(key)

    def _stop(self, who: str, reason: str = "") -> None:
        self._wanted, self._again_ns = (who, reason), 0

    def _insist(self) -> None:
        """Ask for the stop that is wanted until it is granted: safety may be starting just now."""
        client = self._clients["safety"]
        if self._wanted and time.monotonic_ns() >= self._again_ns:
            who, reason = self._wanted
            request = new_request("stop", who, reason=reason)  # an old one would come too late
            self._stops.append(request.id)
            self._again_ns = request.t_ns + _AGAIN_NS
            client.send(request)
        while reply := client.receive():
            if reply.accepted and reply.id in self._stops:
                self._wanted = None
                self._stops.clear()

    def _ask(self, key: Key) -> None:
        request = new_request(key.kind, f"{LAUNCH}, key {key.letter}")
        self._asked[request.id] = key, request.t_ns
        self._clients[key.service].send(request)

    def _take_answers(self) -> None:
        """Note what became of letters; nobody waits for that, as a stop may come meanwhile."""
        for service in {key.service for key, _ in self._asked.values()}:
            while reply := self._clients[service].receive():
                asked = self._asked.pop(reply.id, None)
                # What the station grants it tells itself.
                if asked and not (reply.accepted and service == "station"):
                    verdict = "done" if reply.accepted else "refused"
                    self._told.append(_in_words(asked[0], reply.said or verdict))
        for id_, (key, t_ns) in list(self._asked.items()):
            if time.monotonic_ns() - t_ns > _ANSWER_NS:
                del self._asked[id_]
                self._told.append(_in_words(key, f"{key.service} does not answer"))

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


def _in_words(key: Key, said: str) -> str:
    return f"key {key.letter} ({key.does}): {said}"


def _in_front(keyboard: int) -> bool:
    """Return whether this process is in the foreground of the terminal `keyboard`."""
    try:
        return os.tcgetpgrp(keyboard) == os.getpgrp()
    except OSError:
        return False


def _written_to_the_pipe(_number: int, _frame: FrameType | None) -> None:
    """Keep the signal from ending the launch; the thread hears of it through the pipe."""
