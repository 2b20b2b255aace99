"""Ports of this machine that nobody has."""

import socket
from contextlib import ExitStack

_PORTS = 60  # more than the streams of a station


def free_ports() -> int:
    """Return the first of so many ports that are all free now."""
    # Below those that the system gives away by itself.
    return next(base for base in range(20000, 30000, _PORTS) if _all_free(base))


def _all_free(base: int) -> bool:
    with ExitStack() as opened:
        for port in range(base, base + _PORTS):
            try:
                opened.enter_context(socket.socket()).bind(("", port))
            except OSError:
                return False
    return True
