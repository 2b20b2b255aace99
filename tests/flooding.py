"""Ten thousand requests a second, for a server on this machine: `python flooding.py PORT SECONDS`.

Prints how many were sent.
"""

from __future__ import annotations

import socket
import sys
import time
from collections import deque
from contextlib import suppress

REQUESTS_PER_S = 10_000
_BEATS_PER_S = 100
_PATIENCE_S = 0.05  # for a server that is too busy to take the connection
_OPEN = 100  # connections, whose answers nobody reads


def flood(port: int, seconds: float) -> int:
    """Send for so long, waiting for no answer; returns how many requests left."""
    request = f"GET /plain HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
    each = REQUESTS_PER_S // _BEATS_PER_S
    connections: deque[socket.socket] = deque()
    sent = 0
    begun = time.monotonic()
    for beat in range(round(seconds * _BEATS_PER_S)):
        time.sleep(max(0.0, begun + beat / _BEATS_PER_S - time.monotonic()))
        with suppress(OSError):
            connections.append(socket.create_connection(("127.0.0.1", port), _PATIENCE_S))
            connections[-1].sendall(request * each)
            sent += each
        if len(connections) > _OPEN:
            connections.popleft().close()
    return sent


if __name__ == "__main__":
    sys.stdout.write(str(flood(int(sys.argv[1]), float(sys.argv[2]))))
