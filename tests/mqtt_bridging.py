"""The bridge in a thread of the test."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dashboard.mqtt import Config, main
from dashboard.mqtt_config import MqttConfig
from messaging.transport import Bus
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
