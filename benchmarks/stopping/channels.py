"""The ways in which a person stops the robot."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from benchmarks.stopping.broker import Broker
from benchmarks.stopping.robot import ROBOT, ROOT, Robot, RobotError

_PING_S = 1.0  # as the page does
_AGAIN_S = 0.5
_ANSWER_S = 20.0


@dataclass(frozen=True, slots=True)
class Channel:
    """One way to stop the robot.

    Attributes:
        name: for people.
        press: asks for a stop, without waiting for it.
        starts_a_program: whether a program has to start before anything is pressed; the press then
            counts from that program's own stamp.
    """

    name: str
    press: Callable[[], None]
    starts_a_program: bool = False


@contextmanager
def channels(robot: Robot, port: int, broker: Broker | None) -> Iterator[list[Channel]]:
    """Open all ways to stop `robot`, the one by MQTT only if there is a broker.

    Args:
        robot: which runs.
        port: of its dashboard.
        broker: of its messages.
    """
    with ExitStack() as opened:
        pid = robot.popen.pid
        yield [
            Channel("WebSocket", opened.enter_context(_socket(port))),
            Channel("HTTP form", opened.enter_context(_form(port))),
            *([Channel("MQTT", opened.enter_context(_topic(broker)))] if broker else []),
            Channel("shell", opened.enter_context(_shell(robot)), starts_a_program=True),
            Channel("SIGUSR1", lambda: os.kill(pid, signal.SIGUSR1)),
            Channel("key", lambda: robot.terminal.type(b" ")),
        ]


@contextmanager
def _socket(port: int) -> Iterator[Callable[[], None]]:
    """The page's button: a word on the WebSocket that the page keeps open."""
    link = _Link(port)
    works = [threading.Thread(target=work) for work in (link.keep, link.ping)]
    for work in works:
        work.start()
    try:
        if not link.opened.wait(_ANSWER_S):
            raise RobotError(f"no dashboard answers at port {port}")
        yield lambda: link.send("stop")
    finally:
        link.close()
        for work in works:
            work.join()


class _Link:
    """The connection of an open page, made anew whenever it is lost."""

    def __init__(self, port: int) -> None:
        self.opened = threading.Event()
        self._port = port
        self._closing = threading.Event()
        self._socket: ClientConnection | None = None

    def keep(self) -> None:
        """Read all that is sent, until it is closed."""
        address, origin = f"ws://127.0.0.1:{self._port}/state", Origin(_origin(self._port))
        while not self._closing.is_set():
            with (
                suppress(OSError, WebSocketException),
                connect(address, origin=origin) as self._socket,
            ):
                self.send("hello")
                self.opened.set()
                for _ in self._socket:
                    if self._closing.is_set():
                        return
            self._closing.wait(_AGAIN_S)

    def ping(self) -> None:
        """Say every second that somebody is there, until it is closed."""
        while not self._closing.wait(_PING_S):
            with suppress(RobotError):
                self.send("ping")

    def send(self, what: str) -> None:
        """Say something; raises RobotError while there is no connection."""
        if self._socket is None:
            raise RobotError("the page has no connection")
        try:
            self._socket.send(json.dumps({"do": what}))
        except (OSError, WebSocketException) as error:
            raise RobotError(f"the page has lost its connection: {error}") from error

    def close(self) -> None:
        """End `keep` and `ping`."""
        self._closing.set()
        if self._socket:
            self._socket.close()


@contextmanager
def _form(port: int) -> Iterator[Callable[[], None]]:
    """The page's button without scripts: a form, each time on a connection of its own."""
    posting: list[threading.Thread] = []

    def post() -> None:
        with suppress(OSError, http.client.HTTPException):  # the arms tell whether it came through
            send()

    def send() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_ANSWER_S)
        content = {"Content-Type": "application/x-www-form-urlencoded"}
        connection.request("POST", "/stop", b"", {**content, "Origin": _origin(port)})
        connection.getresponse().read()
        connection.close()

    def press() -> None:
        posting[:] = [threading.Thread(target=post)]
        posting[0].start()

    try:
        yield press
    finally:
        for thread in posting:
            thread.join()


@contextmanager
def _topic(broker: Broker) -> Iterator[Callable[[], None]]:
    """A message to the stop topic, by way of a real broker."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="benchmark")
    client.connect(broker.host, broker.port)
    client.loop_start()

    def press() -> None:
        payload = json.dumps({"id": uuid.uuid4().hex, "reason": "measured"})
        client.publish(f"evenhand/{ROBOT}/stop", payload, qos=1)

    try:
        yield press
    finally:
        client.disconnect()
        client.loop_stop()


@contextmanager
def _shell(robot: Robot) -> Iterator[Callable[[], None]]:
    """`python -m safety stop`, in any shell."""
    running: list[subprocess.Popen[bytes]] = []

    def press() -> None:
        for program in running:
            program.wait()
        program = subprocess.Popen(
            [sys.executable, "-m", "safety", "stop", "--robot", ROBOT],
            cwd=ROOT,
            env=robot.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        running[:] = [program]

    try:
        yield press
    finally:
        for program in running:
            program.wait()


def _origin(port: int) -> str:
    return f"http://127.0.0.1:{port}"
