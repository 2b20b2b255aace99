"""A mosquitto of the tests' own, and a client that listens and speaks."""

from __future__ import annotations

import json
import queue
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

PATIENCE_S = 20.0
MOSQUITTO = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
needs_mosquitto = pytest.mark.skipif(
    MOSQUITTO is None, reason="no mosquitto on this machine: apt-get install mosquitto"
)


class Broker:
    """A broker on a port of its own, with whatever its config says besides."""

    def __init__(self, directory: Path, extra: str = "allow_anonymous true\n") -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self._config = directory / "mosquitto.conf"
        self._log = directory / "mosquitto.log"
        self._config.write_text(
            f"listener {self.port} 127.0.0.1\nuser root\npersistence false\n{extra}",
            encoding="utf-8",
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and wait until it takes connections."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(MOSQUITTO), "-c", str(self._config)], stdout=log, stderr=log
            )
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            if self._process.poll() is not None:
                break
            time.sleep(0.01)
        raise RuntimeError(f"mosquitto did not start: {self._log.read_text(encoding='utf-8')}")

    def kill(self) -> None:
        """Be gone without a word."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


class Plant:
    """A plant system: hears all that is said under `evenhand/`, and says what it likes."""

    def __init__(
        self, port: int, user: str = "", password: str = "", tls: ssl.SSLContext | None = None
    ) -> None:
        self.heard: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2)
        self._client.on_connect = self._on_connect
        self._client.on_message = self._on_message
        self._subscribed = queue.Queue[bool]()
        self._client.on_subscribe = lambda *_: self._subscribed.put(True)
        if user:
            self._client.username_pw_set(user, password)
        if tls:
            self._client.tls_set_context(tls)
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("localhost" if tls else "127.0.0.1", port)

    def say(self, topic: str, payload: bytes | str | dict[str, Any], retain: bool = False) -> None:
        """Publish, and wait until the broker has it."""
        text = json.dumps(payload) if isinstance(payload, dict) else payload
        self._client.publish(topic, text, 1, retain).wait_for_publish(PATIENCE_S)

    def hears(self, topic: str, fits: Callable[[Any], bool]) -> Any:
        """Wait for a message on `topic` that fits and return it; JSON comes decoded."""
        end = time.monotonic() + PATIENCE_S
        while (left_s := end - time.monotonic()) > 0:
            try:
                heard, payload = self.heard.get(timeout=left_s)
            except queue.Empty:
                break
            said = json.loads(payload) if payload.startswith(b"{") else payload.decode()
            if heard == topic and fits(said):
                return said
        raise AssertionError(f"nothing that fits on {topic} in {PATIENCE_S} s")

    def __enter__(self) -> Self:
        self._client.loop_start()
        self._subscribed.get(timeout=PATIENCE_S)
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(self, client: mqtt.Client, *_: object) -> None:
        client.subscribe("evenhand/#", 1)

    def _on_message(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        self.heard.put((message.topic, bytes(message.payload)))
