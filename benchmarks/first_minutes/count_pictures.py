"""`count_pictures.py BUS CAMERA...`: say every second how many pictures each camera has sent.

Run as a file, with the tree to be measured on PYTHONPATH: it speaks that tree's messages.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from messaging.topics import HEARTBEAT
from messaging.transport import Bus

_PERIOD_S = 1.0


def main(bus_directory: Path, cameras: list[str]) -> None:
    """Print lines of JSON until killed: the time, and each camera's pictures so far."""
    with Bus(bus_directory) as bus:
        beats = {camera: bus.subscriber(HEARTBEAT, f"camera.{camera}") for camera in cameras}
        while True:
            time.sleep(_PERIOD_S)
            for beat in beats.values():
                beat.receive()
            sent = {
                camera: beat.newest.counters.get("frames", 0)
                for camera, beat in beats.items()
                if beat.newest is not None
            }
            line = json.dumps({"t_ns": time.monotonic_ns(), "sent": sent})
            sys.stdout.write(line + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
