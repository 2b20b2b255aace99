"""The bridge in a thread of the test, and what it says of itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mqtt_broker import PATIENCE_S

from dashboard.mqtt import Config, main
from dashboard.mqtt_config import MqttConfig
from messaging.messages import Heartbeat
from messaging.topics import HEARTBEAT
from messaging.transport import Bus, Waiter
from runtime.process import Context

ROBOT, STOP, ALL = "evenhand/aloha", "evenhand/aloha/stop", "evenhand/all/stop"


@contextmanager
def bridged(directory: Path, port: int, **options: Any) -> Iterator[None]:
    """Run the bridge between the bus in `directory` and the broker at `port`."""
    broker = MqttConfig(host=options.pop("host", "127.0.0.1"), port=port, **options)
    config = Config(robot="aloha", broker=broker, processes=("camera.x",))
    with Bus(directory) as bus:
        context = Context("mqtt", bus)
        thread = threading.Thread(target=main, args=(config, context))
        thread.start()
        try:
            yield
        finally:
            context.stop()
            thread.join()


def note_that(directory: Path, fits: Callable[[str], bool]) -> Heartbeat:
    """Wait for a heartbeat of the bridge whose note fits."""
    note = ""
    with Bus(directory) as bus:
        heartbeats = bus.subscriber(HEARTBEAT, "mqtt")
        end = time.monotonic() + PATIENCE_S
        while (left_s := end - time.monotonic()) > 0:
            if not Waiter([heartbeats]).wait(left_s) or not (beat := heartbeats.receive()):
                continue
            if fits(note := beat.note):
                return beat
    raise AssertionError(f"the last note heard was {note!r}")
