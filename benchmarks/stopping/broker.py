"""A real MQTT broker for as long as it is needed."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

_START_S = 5.0
_LOOK_S = 0.05
_PATH = "/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin"  # which is not on everybody's path


class Broker:
    """Mosquitto at a free port of this machine, open to its users alone."""

    host = "127.0.0.1"

    def __init__(self, program: str) -> None:
        """Prepare to run `program`, which `mosquitto` found."""
        self.port = free_port()
        self._program = program
        self._folder = tempfile.TemporaryDirectory(prefix="eh-broker-")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()
        self._folder.cleanup()

    def start(self) -> None:
        """Run until `kill`; raises TimeoutError if it does not listen in time."""
        config = Path(self._folder.name) / "mosquitto.conf"
        config.write_text(
            f"listener {self.port} {self.host}\nallow_anonymous true\n", encoding="utf-8"
        )
        self._process = subprocess.Popen(
            [self._program, "-c", str(config)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        end = time.monotonic() + _START_S
        while not self._listens():
            if time.monotonic() > end:
                raise TimeoutError(f"{self._program} does not listen at port {self.port}")
            time.sleep(_LOOK_S)

    def kill(self) -> int:
        """End it at once; returns when."""
        now_ns = time.monotonic_ns()
        self._process.kill()
        self._process.wait()
        return now_ns

    @property
    def settings(self) -> tuple[str, ...]:
        """What tells a launch of it."""
        return (f"mqtt.host={self.host}", f"mqtt.port={self.port}")

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((self.host, self.port)) == 0


def mosquitto() -> str | None:
    """Return the path of the broker's program, None where it is not installed."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path=_PATH)


def free_port() -> int:
    """Return a port of this machine that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
