"""Where the dashboard of a launch is found."""

from __future__ import annotations

import socket
from ipaddress import ip_address

from dashboard.tokens import operator_token
from station.robot import StationConfig

_PORTS = 100  # from the configured one up, of which one should be free


def with_free_port(config: StationConfig) -> StationConfig:
    """Return the config with the dashboard at its own port, or at the next one that is free.

    Raises:
        RuntimeError: none of a hundred ports is free, or the host is not this machine's.
    """
    page = config.dashboard
    if not page.enabled:
        return config
    for port in range(page.port, min(page.port + _PORTS, 65536)):
        if _is_free(page.host, port):
            chosen = page.model_copy(update={"port": port})
            return config.model_copy(update={"dashboard": chosen})
    raise RuntimeError(
        f"no port from {page.port} up is free for the dashboard at {page.host}: is that an address "
        "of this machine? choose others with `--set dashboard.host=` and `--set dashboard.port=`"
    )


def dashboard_address(config: StationConfig, *, with_token: bool) -> str:
    """Return the page's address, on request with what makes its reader an operator.

    Raises:
        TokenError: the token cannot be read or made.
    """
    page = config.dashboard
    host = f"[{page.host}]" if ip_address(page.host).version == 6 else page.host
    address = f"http://{host}:{page.port}/"
    if not with_token:
        return address
    return f"{address}#token={operator_token(page.token_directory(config.robot))}"


def _is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ip_address(host).version == 6 else socket.AF_INET
    with socket.socket(family) as tried:
        # As servers do: what a connection of before left behind does not count.
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((host, port))
        except OSError:
            return False
    return True
